"""Apache Kafka itself goes on with a whole data directory of pykbroker's: the way out for who outgrows one machine.

Nothing is converted: the directory is named as `log.dirs` of a broker that is also its controller, and that is all.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle.scenario import TOPICS, append, committed_by, read
from tests.oracle.written import Kafka, Written, serving

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("state", ["stopped", "killed"])
def test_kafka_serves_and_continues_our_directory(
    all_ours: dict[str, Written], new_directory: Callable[[str], Path], state: str
) -> None:
    """STO-04, STO-09 to STO-11, STO-27: topics, records, log starts, groups; and producers that go on."""
    written = all_ours[state]
    closed = _closed_segments(written.data)
    contents = written.contents.copy()
    with serving(Kafka(written.copied_to(new_directory("kafka-opens")))) as kafka:
        assert read(kafka.bootstrap, contents.records) == contents.records
        assert {group: committed_by(kafka.bootstrap, group) for group in contents.committed} == contents.committed
        append(kafka.bootstrap, TOPICS, contents)
        assert read(kafka.bootstrap, contents.records) == contents.records
    assert ("Skipping recovery of" in kafka.log()) == (state == "stopped")
    after = _closed_segments(kafka.data)
    assert {name: after[name] for name in closed} == closed  # neither cut nor indexed anew


def _closed_segments(data: Path) -> dict[str, bytes]:
    """Return the logs and indexes of all segments that are not the last of their partition, nor ever compacted."""
    found = {}
    for topic, (partitions, _) in TOPICS.items():
        for partition in range(partitions):
            for log in sorted((data / f"{topic}-{partition}").glob("*.log"))[:-1]:
                for path in (log, log.with_suffix(".index"), log.with_suffix(".timeindex")):
                    found[str(path.relative_to(data))] = path.read_bytes()
    return found
