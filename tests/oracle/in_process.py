"""Transactions in a directory of ours, written below the protocol: partitions can do more than is served yet."""

from pathlib import Path

from pykbroker.storage.partition import Partition
from tests.apis.running import Running
from tests.compat.clients import Record
from tests.fakes import NOW_MS
from tests.oracle.scenario import TRANSACTIONS, Contents
from tests.storage.builders import a_batch, append
from tests.storage.transactional import ABORT, COMMIT, end, send

VALUE = b"v" * 300


def write_transactions(data: Path, contents: Contents) -> None:
    """As `scenario.write_transactions`, over a data directory that no broker uses now."""
    running = Running(data)
    for topic, (partitions, configs) in TRANSACTIONS.items():
        running.create(topic, partitions, **{name.replace(".", "_"): value for name, value in configs.items()})
    for index in (0, 1):
        partition = running.partition("transactions", index)
        for turn in range(8):
            ours, others = 9000 + turn, 9100 + turn % 2
            _note(contents, partition, send(partition, ours, 0, 3, value=VALUE), 3, aborted=True)
            _note(contents, partition, send(partition, others, turn // 2 * 4, 4, value=VALUE), 4)
            _note(contents, partition, append(partition, a_batch(2, value=VALUE)), 2)
            _note(contents, partition, send(partition, ours, 3, 2, value=VALUE), 2, aborted=True)
            for producer, kind in ((ours, ABORT), (others, COMMIT)) if turn % 3 else ((others, COMMIT), (ours, ABORT)):
                end(partition, producer, kind)
    partition = running.partition("open")
    _note(contents, partition, append(partition, a_batch(3, value=VALUE)), 3)
    _note(contents, partition, send(partition, 9200, 0, 5, value=VALUE), 5, aborted=True)
    _note(contents, partition, append(partition, a_batch(2, value=VALUE)), 2, aborted=True)  # held back
    running.stop()


def _note(contents: Contents, partition: Partition, offset: int, count: int, *, aborted: bool = False) -> None:
    records = [Record(VALUE, b"k%d" % n, (), NOW_MS, partition.index, offset + n) for n in range(count)]
    contents.add(partition.topic, records, aborted=aborted)
