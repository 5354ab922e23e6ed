"""kcat: the command line client on librdkafka; an older one (2.0.2 in Debian 12), which is the point.

Records go in on stdin with the separators 0x1e and 0x1f, which no record of these tests contains, and come out as a
header line with lengths, followed by the bytes. kcat cannot set timestamps, says no offsets, leaves out empty lines,
and takes headers and nulls per invocation, so that a run of like records is one process.
"""

import re
import subprocess
import threading
from collections.abc import Iterable, Sequence
from itertools import groupby

from tests.compat.clients.model import TIMEOUT_S, Client, Member, Record, Refused
from tests.compat.polling import eventually

_OUT = r"%p %o %T %K %S %h\n%k%s\n"
_PARTITIONS = re.compile(r"(\S+) \[(\d+)\]")


def kcat(*arguments: str, stdin: bytes = b"", timeout_s: float = TIMEOUT_S) -> bytes:
    """Return the stdout of kcat; `Refused` with its stderr when it fails."""
    done = subprocess.run(["kcat", *arguments], input=stdin, capture_output=True, timeout=timeout_s, check=False)
    if done.returncode != 0:
        raise Refused(done.stderr.decode(errors="replace"))
    return done.stdout


def records_in(out: bytes) -> list[Record]:
    """Return the records of complete output in the form `_OUT`."""
    records, at = [], 0
    while at < len(out):
        end = out.find(b"\n", at)
        if end < 0:
            break
        partition, offset, timestamp, key_size, value_size, headers = out[at:end].split(b" ", 5)
        key_at = end + 1
        value_at = key_at + max(int(key_size), 0)
        after = value_at + max(int(value_size), 0)
        if after >= len(out):
            break  # still being written
        records.append(
            Record(
                out[value_at:after] if int(value_size) >= 0 else None,
                out[key_at:value_at] if int(key_size) >= 0 else None,
                tuple(_header(part) for part in headers.split(b",") if part),
                int(timestamp), int(partition), int(offset),
            )
        )
        at = after + 1
    return records


def _header(text: bytes) -> tuple[str, bytes | None]:
    name, _, value = text.partition(b"=")
    return name.decode(), None if value == b"NULL" else value


class KcatMember(Member):
    """`kcat -G` with its auto-commit, which commits when it ends: `commit` therefore has nothing to do."""

    def __init__(self, arguments: list[str]) -> None:
        self.process = subprocess.Popen(["kcat", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.out = bytearray()
        self.err = bytearray()
        self.given = 0
        self.readers = [
            threading.Thread(target=self._drain, args=(pipe, into), daemon=True)
            for pipe, into in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def _drain(pipe, into: bytearray) -> None:  # type: ignore[no-untyped-def]  # a pipe, whatever its type
        while part := pipe.read1(65536):
            into += part

    def poll(self) -> list[Record]:
        assert self.process.poll() is None, self.err.decode(errors="replace")
        records = records_in(bytes(self.out))
        new = records[self.given :]
        self.given = len(records)
        return new

    def assignment(self) -> set[tuple[str, int]]:
        # % Group g rebalanced (memberid m): assigned: t [0], t [1]
        # % Group g rebalanced: incremental revoke of 1 partition(s) (memberid m, COOPERATIVE rebalance protocol): t [0]
        owned: set[tuple[str, int]] = set()
        for line in self.err.decode(errors="replace").split("\n"):
            if " rebalanced" not in line:
                continue
            named = {(topic, int(partition)) for topic, partition in _PARTITIONS.findall(line.rpartition(": ")[2])}
            if "incremental assignment" in line:
                owned |= named
            elif "incremental revoke" in line:
                owned -= named
            else:
                owned = named if ": assigned: " in line else set()
        return owned

    def commit(self) -> None:
        pass

    def close(self) -> None:
        self.process.terminate()
        eventually(lambda: self.process.poll() is not None, TIMEOUT_S, "kcat ends")
        for reader in self.readers:
            reader.join(TIMEOUT_S)


class Kcat(Client):
    name = "kcat"
    assignors = ("range", "roundrobin", "cooperative-sticky")
    sets_timestamps = False
    reports_offsets = False
    sends_null_headers = False
    sends_empty_keys = False

    def produce(
        self, bootstrap: str, topic: str, records: Iterable[Record], *, codec: str = "none", acks: str = "all",
        idempotent: bool = False, max_bytes: int | None = None,
    ) -> list[int]:
        arguments = ["-P", "-b", bootstrap, "-t", topic, "-D", r"\x1e", "-K", r"\x1f", "-X", f"acks={acks}"]
        if codec != "none":
            arguments += ["-z", codec]
        if idempotent:
            arguments += ["-X", "enable.idempotence=true"]
        if max_bytes is not None:
            arguments += ["-X", f"message.max.bytes={max_bytes}"]
        in_order = sorted(records, key=lambda record: record.partition)  # stable: order within partitions stays
        for (partition, null, headers), run in groupby(in_order, lambda r: (r.partition, r.value is None, r.headers)):
            extra = ["-p", str(partition)] + (["-Z"] if null else [])
            for name, value in headers:
                extra += ["-H", f"{name}={(value or b'').decode()}"]
            kcat(*arguments, *extra, stdin=b"".join(_line(record) for record in run))
        return []

    def consume(
        self, bootstrap: str, topic: str, count: int, *, partitions: Sequence[int] = (0,), start: int | None = None,
    ) -> list[Record]:
        at = "beginning" if start is None else str(start)
        where = ["-b", bootstrap, "-t", topic, "-o", at]
        if len(partitions) == 1:
            where += ["-p", str(partitions[0])]  # without: all of them
        return records_in(kcat("-C", *where, "-c", str(count), "-e", "-q", "-f", _OUT))

    def member(
        self, bootstrap: str, group: str, topic: str, *, assignor: str | None = None, instance: str | None = None,
        heartbeat_ms: int | None = None,
    ) -> Member:
        arguments = ["-b", bootstrap, "-X", "auto.offset.reset=earliest", "-u", "-f", _OUT]
        if assignor:
            arguments += ["-X", f"partition.assignment.strategy={assignor}"]
        if instance:
            arguments += ["-X", f"group.instance.id={instance}"]
        if heartbeat_ms:
            arguments += ["-X", f"heartbeat.interval.ms={heartbeat_ms}"]
        return KcatMember([*arguments, "-E", "-G", group, topic])  # -E: go on when all brokers are down


def _line(record: Record) -> bytes:
    key = b"" if record.key is None else record.key + b"\x1f"
    return key + (record.value or b"") + b"\x1e"
