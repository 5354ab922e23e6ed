"""pykbroker goes on with what Apache Kafka wrote: a whole data directory, or the directory of one partition.

The recipes are in docs/formats.md, "Carry a directory home".
"""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree, rmtree

import pytest

from tests.compat.topics import create_topic
from tests.oracle.reading import assert_readable
from tests.oracle.scenario import COMPACTED, TOPICS, TRANSACTIONS, Contents, append, committed_by, read
from tests.oracle.written import Kafka, Ours, Written, serving

pytestmark = pytest.mark.slow

APPENDED = {**TOPICS, **COMPACTED, "transactions": TRANSACTIONS["transactions"]}


def everything_in(contents: Contents) -> dict[tuple[str, int], list[object]]:
    return {place: list(contents.everything(place)) for place in contents.records}


@pytest.mark.parametrize("state", ["killed", "recovered"])
def test_we_serve_and_continue_a_directory_of_kafkas(
    all_kafkas: dict[str, Written], new_directory: Callable[[str], Path], state: str
) -> None:
    """STO-04, STO-08 to STO-12, STO-24, STO-27; then Kafka's tool reads the result, and Kafka goes on with it."""
    written = all_kafkas[state]
    contents = written.contents.copy()
    with serving(Ours(written.copied_to(new_directory("we-open")))) as ours:
        assert read(ours.bootstrap, contents.records) == contents.records
        assert read(ours.bootstrap, contents.records, committed=False) == everything_in(contents)
        assert {group: committed_by(ours.bootstrap, group) for group in contents.committed} == contents.committed
        append(ours.bootstrap, APPENDED, contents)
        assert read(ours.bootstrap, contents.records) == contents.records
    assert_readable(ours.data, contents)
    if state == "recovered":
        with serving(Kafka(ours.directory, port=ours.port)) as kafka:
            assert read(kafka.bootstrap, contents.records) == contents.records


def test_indexes_made_anew_are_the_same_bytes(
    all_kafkas: dict[str, Written], new_directory: Callable[[str], Path]
) -> None:
    """STO-05, STO-06, STO-12, STO-25: without Kafka's indexes and checkpoints all is checked and indexed again."""
    theirs = all_kafkas["recovered"]
    ours = Ours(theirs.copied_to(new_directory("indexed")))
    for path in [*ours.data.glob("*/*index"), ours.data / ".kafka_cleanshutdown", *ours.data.glob("recovery-point-*")]:
        path.unlink()
    with serving(ours):
        pass
    made, expected = _indexes(ours.data), _indexes(theirs.data)
    assert made == {name: expected[name] for name in made}
    # What lies below a log start that was moved goes sooner or later, here at once.
    assert {name.partition("/")[0] for name in expected.keys() - made.keys()} <= {"cut-0"}


def _indexes(data: Path) -> dict[str, bytes]:
    """Return all indexes, but for those of the metadata log, to which every start adds, and of deleted topics."""
    paths = (path for path in data.glob("*/*index") if not path.parent.name.startswith("__cluster_metadata"))
    return {str(path.relative_to(data)): path.read_bytes() for path in paths if path.parent.name[-1].isdecimal()}


@pytest.mark.parametrize("state", ["killed", "recovered"])
def test_partition_is_carried_into_a_topic_of_ours(
    all_kafkas: dict[str, Written], new_directory: Callable[[str], Path], state: str
) -> None:
    """STO-04, STO-10: its files, without partition.metadata, in place of those of an empty topic of the same name."""
    written = all_kafkas[state]
    ours = Ours(new_directory("carried"))
    with serving(ours):
        create_topic(ours.bootstrap, "segments", 2)
    for partition in (0, 1):
        target = ours.data / f"segments-{partition}"
        rmtree(target, ignore_errors=True)
        copytree(written.data / target.name, target)
        (target / "partition.metadata").unlink()
    if state == "killed":
        (ours.data / ".kafka_cleanshutdown").unlink()
    places = [("segments", 0), ("segments", 1)]
    contents = Contents({place: list(written.contents.records[place]) for place in places})
    with serving(ours):
        assert read(ours.bootstrap, places) == contents.records
        append(ours.bootstrap, {"segments": TOPICS["segments"]}, contents)
        assert read(ours.bootstrap, places) == contents.records
    assert_readable(ours.data, contents)
