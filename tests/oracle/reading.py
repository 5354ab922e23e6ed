"""A whole data directory as Kafka's tool reads it, compared with what was written."""

from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

from tests.compat.clients import Record
from tests.oracle.dump import Dump, DumpedRecord, dump
from tests.oracle.scenario import COMPACTED, Contents

READABLE = (".log", ".index", ".timeindex", ".snapshot", ".txnindex", ".checkpoint")
"""What the tool reads: by its suffix it knows what is in a file."""

DECODERS = {
    "__consumer_offsets": "--offsets-decoder",
    "__transaction_state": "--transaction-log-decoder",
    "__cluster_metadata": "--cluster-metadata-decoder",
}
"""The option that makes sense of an internal topic's records."""


def readable_files(data: Path) -> list[str]:
    """Return the names of all files that the tool reads in a data directory, but for what is on its way out."""
    paths = (path for path in data.glob("*/*") if path.suffix in READABLE)
    return sorted(str(path.relative_to(data)) for path in paths if not path.parent.name.endswith("-delete"))


def read_by_tool(data: Path) -> Dump:
    """Return what the tool says about all files of a data directory, looking at indexes in all its three ways."""
    names = readable_files(data)
    runs = [
        (list(group), ["--deep-iteration", "--print-data-log", *filter(None, [decoder])])
        for decoder, group in groupby(names, lambda name: DECODERS.get(name.partition("/")[0].rpartition("-")[0]))
    ]
    indexes = [name for name in names if name.endswith((".index", ".timeindex"))]
    checks = [(indexes, ["--index-sanity-check"]), (indexes, ["--verify-index-only"])]
    whole = Dump({}, {}, [])
    with ThreadPoolExecutor(2) as threads:  # a run is mostly the start of a JVM
        parts = list(threads.map(lambda run: dump(data, run[0], *run[1]), [*runs, *checks]))
    for part in parts[: len(runs)]:
        whole.files.update(part.files)
        whole.gaps.update(part.gaps)
    whole.complaints += [line for part in parts for line in part.complaints]
    return whole


def assert_readable(data: Path, contents: Contents) -> Dump:
    """Let the tool read a directory: it complains of nothing, and finds what was written, record by record."""
    found = read_by_tool(data)
    assert not found.complaints, "\n".join(found.complaints)
    assert sorted(found.files) == readable_files(data)
    for topic, partition in contents.records:
        expected = contents.everything((topic, partition))
        dumped = [record for record in found.records(f"{topic}-{partition}") if not record.is_control]
        # What lies before a log start that was moved is still there, up to the end of a segment.
        dumped = [record for record in dumped if record.offset >= expected[0].offset]
        for told, record in zip(dumped, expected, strict=True):
            assert _told(told) == _in_its_words(record), f"{topic}-{partition}: {told} instead of {record}"
    assert {name.rpartition("-")[0] for name in found.gaps} <= COMPACTED.keys()
    return found


def _told(record: DumpedRecord) -> tuple[object, ...]:
    return record.offset, record.time, record.key, record.value, record.headers


def _in_its_words(record: Record) -> tuple[object, ...]:
    key, value = (None if part is None else part.decode() for part in (record.key, record.value))
    return record.offset, record.timestamp, key, value, ",".join(name for name, _ in record.headers)
