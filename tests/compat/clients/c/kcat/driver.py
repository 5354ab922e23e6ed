"""kcat: the command line client. A verb is one run of it, or several.

Records go in on stdin between the separators 0x1e and 0x1f, and come out as a line with their lengths, followed by
their bytes. It can do only part: it sets no timestamps and tells no offsets, leaves out empty lines, takes headers and
nulls per run, and says little about a group. It dies with the driver (`setpriv --pdeathsig`), as a library would.
"""

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from itertools import groupby
from typing import IO

from driving import (
    CODECS,
    Arguments,
    Commands,
    Deliveries,
    Intake,
    Outgoing,
    Unsupported,
    emit,
    emit_record,
    main,
    outgoing,
)

FORMAT = r"%t %p %o %T %K %S %h\n%k%s\n"
ERRORS = {
    "Message size too large": "MESSAGE_TOO_LARGE",
    "Unknown topic or partition": "UNKNOWN_TOPIC_OR_PARTITION",
    "Offset out of range": "OFFSET_OUT_OF_RANGE",
    "out of range": "OFFSET_OUT_OF_RANGE",
}
_REVOKED = re.compile(r"\): revoked: |: incremental revoke ")
_PARTITIONS = re.compile(r"(\S+) \[(\d+)\]")


class Failed(Exception):
    """kcat ended with an error; the text is what it said."""


def error_name(error: Exception) -> str:
    return next((name for text, name in ERRORS.items() if text in str(error)), type(error).__name__)


def start(bootstrap: str, arguments: Arguments, *more: str) -> subprocess.Popen[bytes]:
    """Start kcat with the connection's settings and, last, the arguments' `config`."""
    security = arguments.get("security", {})
    settings = {
        "security.protocol": security.get("protocol"),
        "sasl.mechanism": security.get("mechanism"),
        "sasl.username": security.get("username"),
        "sasl.password": security.get("password"),
        "ssl.ca.location": security.get("ca"),
        **arguments.get("config", {}),
    }
    options = [part for name, value in settings.items() if value is not None for part in ("-X", f"{name}={value}")]
    command = ["setpriv", "--pdeathsig", "KILL", "kcat", "-b", bootstrap, *options, *more]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def output(bootstrap: str, arguments: Arguments, *more: str, given: bytes = b"") -> bytes:
    """Return what a run of kcat prints; `Failed` with what it says when it fails."""
    process = start(bootstrap, arguments, *more)
    printed, said = process.communicate(given)
    if process.returncode:
        raise Failed(said.decode(errors="replace").strip()[-500:])
    return printed


def features(_bootstrap: str, _arguments: Arguments) -> None:
    said = subprocess.run(["kcat", "-V"], capture_output=True, text=True, check=True).stdout
    (version, library) = re.search(r"Version (\S+) \(.*librdkafka (\S+)", said).groups()
    can = ["none", *CODECS, "headers", "null-keys", "tombstones", "acks", "idempotence", "seek", "offset-reset-none"]
    can += ["group", "range", "roundrobin", "cooperative-sticky", "static", "regex", "auto-commit", "list-offsets"]
    can += ["describe-topic", "sasl-plain", "sasl-scram", "tls"]
    emit("features", client="kcat", version=version, library=f"librdkafka {library}", can=can)


def produce(bootstrap: str, arguments: Arguments) -> None:
    if "transactional_id" in arguments:
        raise Unsupported("transactions")
    options = ["-P", "-E", "-t", arguments["topic"], "-D", r"\x1e", "-z", arguments.get("codec", "none")]
    options += ["-X", f"enable.idempotence={str(arguments.get('idempotent', False)).lower()}"]
    for name, argument in (("acks", "acks"), ("message.max.bytes", "max_bytes"), ("linger.ms", "linger_ms")):
        if argument in arguments:
            options += ["-X", f"{name}={arguments[argument]}"]
    deliveries = Deliveries(arguments)
    for run in like_records(arguments):
        try:
            lines = b"".join(line(record) for _, record in run)
            output(bootstrap, arguments, *options, *options_of(run[0][1]), given=lines)
        except Failed as error:
            for index, _ in run:
                deliveries.failed(index, error_name(error), error)
        else:
            for index, record in run:
                deliveries.delivered(index, -1 if record.partition is None else record.partition, None)
        time.sleep(arguments.get("pause_ms", 0) / 1000)
    deliveries.end()


def like_records(arguments: Arguments) -> Iterator[list[tuple[int, Outgoing]]]:
    """Yield the records with their indexes in runs that one call of kcat can send: each alone if they are to pause.

    kcat tells of a delivery on its stderr, but reads stdin in large pieces: it cannot be given one record at a time.
    """

    def likeness(indexed: tuple[int, Outgoing]) -> tuple[object, ...]:
        record = indexed[1]
        if record.timestamp is not None:
            raise Unsupported("timestamps")
        if record.key == b"":
            raise Unsupported("empty-keys")
        if any(value is None for _, value in record.headers):
            raise Unsupported("null-headers")
        if not record.value and record.value is not None and record.key is None:
            raise Unsupported("empty values without a key")
        alone = indexed[0] if "pause_ms" in arguments else None
        return alone, record.partition, record.value is None, record.key is None, record.headers

    for _, run in groupby(enumerate(outgoing(arguments)), likeness):
        yield list(run)


def options_of(record: Outgoing) -> list[str]:
    """Return the options for a run of records like this one."""
    options = [] if record.partition is None else ["-p", str(record.partition)]
    options += [] if record.key is None else ["-K", r"\x1f"]
    options += ["-Z"] if record.value is None else []
    for name, value in record.headers:
        options += ["-H", f"{name}={(value or b'').decode()}"]
    return options


def line(record: Outgoing) -> bytes:
    """Return a record as kcat reads it; with -Z, nothing where the value should be is null."""
    key = b"" if record.key is None else record.key + b"\x1f"
    return key + (record.value or b"") + b"\x1e"


def record_in(stream: IO[bytes]) -> tuple[str, tuple[object, ...]] | None:
    """Return the next record's topic and the fields of `emit_record`; None at the end of the output."""
    head = stream.readline()
    if not head:
        return None
    topic, partition, offset, timestamp, key_size, value_size, headers = head.rstrip(b"\n").split(b" ", 6)
    key = stream.read(max(int(key_size), 0))
    value = stream.read(max(int(value_size), 0))
    stream.read(1)
    named = [part.partition(b"=") for part in headers.split(b",") if part]
    return topic.decode(), (
        int(partition), int(offset), int(timestamp), key if int(key_size) >= 0 else None,
        value if int(value_size) >= 0 else None,
        [(name.decode(), None if content == b"NULL" else content) for name, _, content in named],
    )


def consume(bootstrap: str, arguments: Arguments) -> None:
    where = arguments.get("from", "beginning")
    if isinstance(where, dict) and "offset" not in where:
        raise Unsupported(next(iter(where)))
    (partition,) = one_partition(arguments)
    reset = arguments.get("reset", "earliest")
    options = ["-C", "-q", "-u", "-f", FORMAT, "-t", arguments["topic"], "-p", str(partition)]
    options += ["-X", f"topic.auto.offset.reset={'error' if reset == 'none' else reset}"]
    if "isolation" in arguments:
        options += ["-X", f"isolation.level={arguments['isolation']}"]
    if "max_bytes" in arguments:
        limit = arguments["max_bytes"]
        options += ["-X", f"fetch.message.max.bytes={limit}", "-X", f"fetch.max.bytes={limit}"]
        options += ["-X", f"receive.message.max.bytes={limit + 1024}"]
    # The end is asked for, to be ready for what comes from now on.
    if where == "end":
        where = {"offset": offset_at(bootstrap, arguments, partition, "-1")}
    options += ["-o", "beginning" if where == "beginning" else str(where["offset"])]
    process = start(bootstrap, arguments, *options)
    assert process.stdout and process.stderr
    emit("ready")
    intake = Intake(arguments)
    threading.Thread(target=take_all, args=(process.stdout, intake), daemon=True).start()
    while not intake.enough:
        if process.poll() is not None:
            raise Failed(process.stderr.read().decode(errors="replace").strip()[-500:])
        time.sleep(0.02)
    process.kill()


def one_partition(arguments: Arguments) -> list[int]:
    partitions = arguments.get("partitions", [0])
    if len(partitions) != 1:
        raise Unsupported("some partitions of a topic")
    return list(partitions)


def take_all(stream: IO[bytes], intake: Intake) -> None:
    while found := record_in(stream):
        intake.take(*found[1])


def offset_at(bootstrap: str, arguments: Arguments, partition: int, time_ms: str) -> int:
    """Return the offset of a time; -1 is the latest, -2 the earliest."""
    said = output(bootstrap, arguments, "-Q", "-t", f"{arguments['topic']}:{partition}:{time_ms}").decode()
    return int(re.search(r"offset (-?\d+)", said).group(1))


def list_offsets(bootstrap: str, arguments: Arguments) -> None:
    times = {"earliest": "-2", "latest": "-1"}
    at = times.get(arguments["at"]) or str(arguments["at"])
    emit("offset", offset=offset_at(bootstrap, arguments, arguments["partition"], at))


def group(bootstrap: str, arguments: Arguments) -> None:
    if arguments.get("protocol", "classic") != "classic" or arguments.get("assignor") == "sticky":
        raise Unsupported(arguments.get("assignor") or arguments["protocol"])
    settings = {
        "auto.offset.reset": arguments.get("reset", "earliest"),
        "enable.auto.commit": str(arguments.get("auto_commit", False)).lower(),
        "auto.commit.interval.ms": 200,
        "session.timeout.ms": arguments.get("session_timeout_ms", 6000),
        "heartbeat.interval.ms": arguments.get("heartbeat_ms", 500),
        "topic.metadata.refresh.interval.ms": arguments.get("metadata_ms", 1000),
        "partition.assignment.strategy": arguments.get("assignor"),
        "group.instance.id": arguments.get("instance"),
        "isolation.level": arguments.get("isolation"),
    }
    options = [part for name, value in settings.items() if value is not None for part in ("-X", f"{name}={value}")]
    topics = [f"^({arguments['pattern']})$"] if "pattern" in arguments else arguments["topics"]
    # -E: go on when the broker is down for a while.
    process = start(bootstrap, arguments, "-E", "-u", "-f", FORMAT, *options, "-G", arguments["group"], *topics)
    assert process.stdout and process.stderr
    threads = [
        threading.Thread(target=tell_records, args=(process.stdout,), daemon=True),
        threading.Thread(target=tell_rebalances, args=(process.stderr,), daemon=True),
    ]
    for thread in threads:
        thread.start()
    commands = Commands()
    while (command := commands.next() or {}).get("do") != "stop":
        if command.get("do") == "commit":
            raise Unsupported("manual-commit")
        if process.poll() is not None:
            raise Failed(f"ended with status {process.returncode}")
        time.sleep(0.02)
    process.terminate()  # which is how its users end it: it closes its consumer then
    process.wait()
    for thread in threads:
        thread.join()


def tell_records(stream: IO[bytes]) -> None:
    while found := record_in(stream):
        emit_record(*found[1], topic=found[0])


def tell_rebalances(stream: IO[bytes]) -> None:
    """Follow what kcat says of its group.

    % Group g rebalanced (memberid m): assigned: t [0], t [1]
    % Group g rebalanced: incremental revoke of 1 partition(s) (memberid m, COOPERATIVE rebalance protocol): t [0]
    """
    for said in stream:
        text = said.decode(errors="replace")
        if " rebalanced" in text:
            partitions = [[topic, int(number)] for topic, number in _PARTITIONS.findall(text.rpartition(": ")[2])]
            emit("revoked" if _REVOKED.search(text) else "assigned", partitions=partitions)


def admin(bootstrap: str, arguments: Arguments) -> None:
    """All that it knows is to look at a topic."""
    if arguments["do"] != "describe-topic":
        raise Unsupported(arguments["do"])
    said = output(bootstrap, arguments, "-L", "-t", arguments["topic"]).decode()
    leaders = [int(leader) for leader in re.findall(r"partition \d+, leader (-?\d+)", said)]
    if not leaders:
        raise Failed(said)
    emit("result", partitions=len(leaders), leaders=leaders)


if __name__ == "__main__":
    verbs = {
        "features": features,
        "produce": produce,
        "consume": consume,
        "group": group,
        "list-offsets": list_offsets,
        "admin": admin,
    }
    main(verbs, error_name)
