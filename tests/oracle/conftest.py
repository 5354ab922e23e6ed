"""What both brokers have written, once for all tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compat.polling import eventually
from tests.kafka_jars import reason_to_skip
from tests.oracle import in_process
from tests.oracle.scenario import Contents, write, write_compacted, write_transactions
from tests.oracle.written import Kafka, Ours, Written, killed, serving


@pytest.fixture(scope="session", autouse=True)
def _kafka_is_there() -> None:
    why = reason_to_skip()
    if why:
        pytest.skip(why)


@pytest.fixture(scope="session")
def new_directory(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that makes directories."""
    return lambda name: tmp_path_factory.mktemp(name, numbered=True)


def _states(
    broker: Ours | Kafka, contents: Callable[[str], Contents], directory: Callable[[str], Path]
) -> dict[str, Written]:
    """Let a broker write, kill it, start and stop it again; return what it left after the kill, and at the end."""
    with serving(broker):
        written = contents(broker.bootstrap)
        starts = broker.data / "log-start-offset-checkpoint"  # a moved start is written only now and then
        eventually(lambda: starts.exists() and "cut 0 " in starts.read_text(), why="the moved log start is on disk")
        killed(broker)
    left = Written(Written(broker.data, written).copied_to(directory("killed")) / "data", written)
    with serving(broker):
        pass
    return {"killed": left, "recovered": Written(broker.data, written)}


def _write_all(bootstrap: str) -> Contents:
    contents = write(bootstrap)
    write_compacted(bootstrap, contents)
    return contents


def _write_all_and_transactions(bootstrap: str) -> Contents:
    contents = _write_all(bootstrap)
    write_transactions(bootstrap, contents)
    return contents


@pytest.fixture(scope="session")
def all_ours(new_directory: Callable[[str], Path]) -> dict[str, Written]:
    """What pykbroker leaves when it is stopped, killed, or stopped after it has recovered from a kill."""
    broker = Ours(new_directory("ours"))
    with serving(broker):
        stopped = Written(broker.data, _write_all(broker.bootstrap))
    in_process.write_transactions(*stopped)
    return {"stopped": stopped, **_states(Ours(new_directory("ours")), _write_all, new_directory)}


@pytest.fixture(scope="session")
def all_kafkas(new_directory: Callable[[str], Path]) -> dict[str, Written]:
    """What Apache Kafka leaves when it is killed, and when it is stopped after it has recovered from that."""
    return _states(Kafka(new_directory("kafkas")), _write_all_and_transactions, new_directory)
