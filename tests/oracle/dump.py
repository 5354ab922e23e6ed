"""What Kafka's own `kafka-dump-log` says about files: its text taken apart, every line that is a complaint set aside.

The tool rarely fails: it prints what it finds wrong among the rest, or on stderr. So a line is a complaint unless it
has one of the few forms that a sound file gives. `test_dump.py` shows what it prints about damaged files.
"""

import json
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kafka_jars import java

Gaps = dict[str, list[tuple[int, int]]]
TOOL = "org.apache.kafka.tools.DumpLogSegments"

_BATCH = re.compile(
    r"baseOffset: (?P<base>\d+) lastOffset: (?P<last>\d+) count: (?P<count>\d+) baseSequence: (?P<sequence>-?\d+) "
    r"lastSequence: -?\d+ producerId: (?P<producer>-?\d+) producerEpoch: -?\d+ partitionLeaderEpoch: (?P<epoch>-?\d+) "
    r"isTransactional: (?P<transactional>\w+) isControl: (?P<control>\w+) deleteHorizonMs: \S+ "
    r"position: (?P<position>\d+) (?P<time>\w+): (?P<newest>-?\d+) size: (?P<size>\d+) magic: 2 "
    r"compresscodec: (?P<codec>\w+) crc: \d+ isvalid: true"
)
_RECORD = re.compile(
    r"\| offset: (?P<offset>\d+) \w+: (?P<time>-?\d+) keySize: (?P<key>-?\d+) valueSize: (?P<value>-?\d+) "
    r"sequence: -?\d+ headerKeys: \[(?P<headers>.*?)\](?P<rest>| .*)"
)
_ENTRY = re.compile(
    r"offset: \d+ position: \d+|timestamp: \d+ offset: \d+|producerId: \d+ producerEpoch: \d+ .*"
    r"|version: 0 producerId: \d+ firstOffset: \d+ lastOffset: \d+ lastStableOffset: \d+"
)
_REMARK = re.compile(
    r"Log starting offset: \d+|Snapshot end offset: \d+, epoch: \d+|KRaft bootstrap snapshot"
    r"|\S+ is empty\.|\S+ passed sanity check\."
)
_GAP = re.compile(r"  (-?\d+) is followed by (\d+)")


@dataclass(frozen=True)
class DumpedRecord:
    """One record. `rest` is what follows the names of its headers: key and value, or what a decoder makes of them."""

    offset: int
    time: int
    key_size: int
    value_size: int
    headers: str
    rest: str

    @property
    def is_control(self) -> bool:
        """Whether it is a marker that ends a transaction."""
        return self.rest.startswith(" endTxnMarker: ")

    @property
    def decoded(self) -> tuple[Any, Any]:
        """Key and value as a decoder printed them, None for those that are null."""
        key, _, value = self.rest.rpartition(" payload: ")
        key = key.removeprefix(" key: ")
        return (json.loads(key) if key else None), (None if value == "<DELETE>" else json.loads(value))

    @property
    def key(self) -> str | None:
        """The key as text, when no decoder was asked for."""
        return self._part(" key: ", 0, self.key_size)

    @property
    def value(self) -> str | None:
        """The value as text, when no decoder was asked for."""
        return self._part(" payload: ", len(" key: ") + self.key_size if self.key_size >= 0 else 0, self.value_size)

    def _part(self, label: str, at: int, size: int) -> str | None:
        if size < 0:
            return None
        assert self.rest.startswith(label, at), self
        return self.rest[at + len(label) : at + len(label) + size]


@dataclass
class DumpedFile:
    """What the tool printed about one file; a batch is the fields of its line, all as text."""

    batches: list[dict[str, str]] = field(default_factory=list)
    records: list[DumpedRecord] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass
class Dump:
    """All of it: files by the names they were given, and complaints. `gaps` are between offsets of a file's records."""

    files: dict[str, DumpedFile]
    gaps: Gaps
    complaints: list[str]

    def records(self, directory: str) -> list[DumpedRecord]:
        """Return the records of all segments in a directory, in the order of their offsets."""
        names = sorted(name for name in self.files if name.startswith(f"{directory}/"))
        return [record for name in names for record in self.files[name].records]


def dump(directory: Path, names: Iterable[str], *options: str) -> Dump:
    """Let the tool read files of `directory`, all in one run."""
    command = java(TOOL, "--files", ",".join(names), *options)
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=120, check=False)
    files, complaints = _files(done.stdout)
    gaps, errors = _gaps(directory, files, done.stderr)
    if done.returncode:
        errors.append(f"exit status {done.returncode}")
    return Dump(files, gaps, complaints + errors)


def _files(stdout: str) -> tuple[dict[str, DumpedFile], list[str]]:
    files: dict[str, DumpedFile] = {}
    complaints: list[str] = []
    file = DumpedFile()
    for line in stdout.splitlines():
        if line.startswith("Dumping "):
            file = files[line.removeprefix("Dumping ")] = DumpedFile()
        elif record := _RECORD.fullmatch(line):
            offset, time, key, value = (int(record[name]) for name in ("offset", "time", "key", "value"))
            file.records.append(DumpedRecord(offset, time, key, value, record["headers"], record["rest"]))
        elif batch := _BATCH.fullmatch(line):
            file.batches.append(batch.groupdict())
        elif _ENTRY.fullmatch(line):
            file.entries.append(line)
        elif _REMARK.fullmatch(line):
            file.remarks.append(line)
        else:
            complaints.append(line)
    return files, complaints


def _gaps(directory: Path, files: dict[str, DumpedFile], stderr: str) -> tuple[Gaps, list[str]]:
    """Take the lists of gaps out of what else the tool says on stderr.

    The tool of 4.3 counts from -1 in every file, and so finds a gap before the first record of most of Kafka's own.
    """
    gaps: Gaps = {}
    errors: list[str] = []
    found: list[tuple[int, int]] | None = None
    for line in stderr.splitlines():
        gap = _GAP.fullmatch(line)
        if line.startswith("Non-consecutive offsets in "):
            name = str(Path(line.removeprefix("Non-consecutive offsets in ")).relative_to(directory.resolve()))
            found = gaps.setdefault(name, [])
        elif gap and found is not None:
            pair = (int(gap[1]), int(gap[2]))
            if pair != (-1, files[name].records[0].offset):
                found.append(pair)
        else:
            found = None
            errors.append(line)
    return {name: pairs for name, pairs in gaps.items() if pairs}, errors
