"""`pykbroker dump-log`: every kind of file, and where it is damaged."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pykbroker.commands.dump_files import time_text
from pykbroker.storage.aborted import Aborted, AbortedIndex
from pykbroker.storage.producers import Producers
from pykbroker.testing import Broker
from pykbroker.wire.batch import TRANSACTIONAL, peek
from pykbroker.wire.records import build_batch
from tests.commands.conftest import Run

LOG = "00000000000000000000.log"


@pytest.fixture
def data(kafka: Broker, on: Run, tmp_path: Path) -> Path:
    """A copy of a data directory with a topic, a compressed batch, and a group."""
    kafka.create_topic("t", index_interval_bytes=0)
    kafka.topic("t").produce("v", key="k", headers={"h": "x"}, timestamp=7)
    lines = b'{"value": "a", "timestamp": 8}\n{"value": "b", "timestamp": 9}\n'
    assert on("produce", "t", "--codec", "zstd", "--json", stdin=lines).status == 0
    assert on("consume", "t", "--group", "g").status == 0
    return Path(shutil.copytree(kafka.directory, tmp_path / "data"))


def test_log_is_a_line_for_each_batch(data: Path, run: Run) -> None:
    done = run("dump-log", data / "t-0" / LOG)
    assert (done.status, done.err) == (0, "")
    title, first, second = done.out.splitlines()
    assert re.fullmatch(rf"{data}/t-0/{LOG}  \d+ bytes", title)
    assert first == "  at 0: offsets 0-0, records 1, 74 bytes, none, epoch 0, create time 1970-01-01T00:00:00.007Z"
    assert second.startswith("  at 74: offsets 1-2, records 2, ")
    assert ", zstd, " in second


def test_records_are_shown_when_asked_for(data: Path, run: Run) -> None:
    lines = run("dump-log", "--records", data / "t-0" / LOG).out.splitlines()
    assert lines[2] == '      0  1970-01-01T00:00:00.007Z  {"key": "k", "value": "v", "headers": [["h", "x"]]}'
    shown = [line.split("Z  ")[1] for line in lines[4:]]
    assert shown == ['{"key": null, "value": "a"}', '{"key": null, "value": "b"}']


def test_records_of_the_brokers_topics_are_decoded(data: Path, run: Run) -> None:
    (offsets,) = data.glob("__consumer_offsets-*/*.log")
    out = run("dump-log", "--records", offsets).out
    assert 'OffsetCommit {"group": "g", "topic": "t", "partition": 0, "offset": 3, ' in out
    out = run("dump-log", "--records", data / "__cluster_metadata-0").out
    assert 'TopicRecord {"name": "t", "topic_id": "' in out
    assert 'ConfigRecord {"resource_type": 2, "resource_name": "t", "name": "index.interval.bytes", "value": ' in out


def test_directory_is_all_that_is_in_it(data: Path, run: Run) -> None:
    done = run("dump-log", data)
    assert (done.status, done.err) == (0, "")
    titles = [line.split("  ")[0] for line in done.out.splitlines() if line.startswith(str(data))]
    assert titles == sorted(titles, key=lambda each: (each.count("/"), each))
    names = {Path(each).name for each in titles}
    assert names >= {LOG, "meta.properties", "partition.metadata", "leader-epoch-checkpoint"}
    assert "  epoch 0 from offset 0\n" in done.out


def test_damage_is_told_with_its_position_and_the_rest_is_shown(data: Path, run: Run) -> None:
    path = data / "t-0" / LOG
    content = bytearray(path.read_bytes())
    content[70] ^= 1
    path.write_bytes(content)
    done = run("dump-log", "--records", path, data / "meta.properties")
    assert (done.status, done.err) == (1, "pykbroker: damaged files: 1\n")
    assert "  DAMAGED at position 0: the batch does not match its checksum\n  at 74: offsets 1-2" in done.out
    assert "  node.id=1\n" in done.out


def cut(content: bytes) -> bytes:
    return content[:-1]


def zeros(content: bytes) -> bytes:
    return content + bytes(100)


def older(content: bytes) -> bytes:
    return content[:16] + b"\1" + content[17:]


def twice(content: bytes) -> bytes:
    return content + content[:74]


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (cut, r"74: the batch says that it has (\d+) bytes, and \d+ are left"),
        (zeros, r"\d+: 100 bytes are left, and begin with zeros"),
        (lambda content: content + b"\1", r"\d+: 1 bytes are left, less than the header of a batch"),
        (older, "0: magic is 1, not 2"),
        (twice, r"\d+: the batch before ends with offset 2"),
    ],
    ids=["cut", "zeros", "rest", "magic", "repeated"],
)
def test_log_that_is_broken(data: Path, run: Run, damage: Callable[[bytes], bytes], what: str) -> None:
    path = data / "t-0" / LOG
    path.write_bytes(damage(path.read_bytes()))
    done = run("dump-log", path)
    assert done.status == 1
    assert re.search(rf"  DAMAGED at position {what}\n", done.out)


def entries(*numbers: int, widths: tuple[int, ...]) -> bytes:
    return b"".join(
        number.to_bytes(widths[index % len(widths)], "big") for index, number in enumerate(numbers)
    )


@pytest.mark.parametrize(
    ("name", "content", "lines"),
    [
        (".index", entries(2, 74, widths=(4,)), ["offset 2 at 74"]),
        (".index", entries(2, 74, widths=(4,)) + bytes(80), ["offset 2 at 74"]),
        (".index", entries(2, 74, 1, 80, widths=(4,)),
         ["offset 2 at 74", "offset 1 at 80", "DAMAGED at position 8: it does not ascend"]),
        (".index", entries(1, 74, 2, 74, widths=(4,)),
         ["offset 1 at 74", "offset 2 at 74", "DAMAGED at position 8: it does not ascend"]),
        (".index", entries(9, 9999, widths=(4,)),
         ["offset 9 at 9999", r"DAMAGED at position 0: no such batch there .*"]),
        (".index", entries(2, 74, widths=(4,)) + b"\1",
         ["offset 2 at 74", "DAMAGED at position 8: 1 bytes are left, less than an entry"]),
        (".timeindex", entries(7, 0, 1000, 2, widths=(8, 4)),
         ["time 1970-01-01T00:00:00.007Z at offset 0", "time 1970-01-01T00:00:01.000Z at offset 2"]),
        (".timeindex", entries(7, 0, 7, 2, widths=(8, 4)),
         ["time .* at offset 0", "time .* at offset 2", "DAMAGED at position 12: it does not ascend"]),
        (".txnindex", bytes(AbortedIndex.of([Aborted(5, 1, 3, 0)]).entries),
         ["producer 5 offsets 1-3, last stable offset 0"]),
        (".txnindex", b"\0", ["DAMAGED at position 0: not a transaction index"]),
        (".snapshot", b"\0\2", ["DAMAGED at position 0: not version 1"]),
        (".snapshot", b"\0\1\0", [r"DAMAGED at position 2: .*"]),
    ],
)  # fmt: skip
def test_index_or_snapshot(data: Path, run: Run, name: str, content: bytes, lines: list[str]) -> None:
    path = data / "t-0" / LOG.replace(".log", name)
    path.write_bytes(content)
    done = run("dump-log", path)
    assert done.status == int("DAMAGED" in done.out)
    found = [line.strip() for line in done.out.splitlines()[1:]]
    assert len(found) == len(lines)
    for line, expected in zip(found, lines, strict=True):
        assert re.fullmatch(expected, line)


def test_snapshot_has_the_producers(run: Run, tmp_path: Path) -> None:
    batch = build_batch([(None, b"x")], timestamp_ms=7, producer_id=4, producer_epoch=1, base_sequence=0,
                        attributes=TRANSACTIONAL)  # fmt: skip
    producers = Producers(1000)
    producers.stored(peek(batch), 30, 7)
    path = tmp_path / "00000000000000000031.snapshot"
    path.write_bytes(producers.snapshot(7))
    assert run("dump-log", path).out.splitlines()[1] == (
        "  producer 4 epoch 1, last sequence 0 at offset 30, 1970-01-01T00:00:00.007Z, coordinator epoch -1, "
        "transaction open since offset 30"
    )
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert "DAMAGED at position 2: it does not match its checksum" in run("dump-log", path).out


@pytest.mark.parametrize(
    ("name", "content", "lines"),
    [
        ("leader-epoch-checkpoint", "0\n2\n0 0\n3 17\n", ["epoch 0 from offset 0", "epoch 3 from offset 17"]),
        ("leader-epoch-checkpoint", "0\n2\n3 0\n0 17\n",
         ["epoch 3 from offset 0", "epoch 0 from offset 17", "DAMAGED at position 0: the epochs do not ascend"]),
        ("leader-epoch-checkpoint", "0\n2\n3", ["DAMAGED at position 0: not a checkpoint of epochs"]),
        ("recovery-point-offset-checkpoint", "0\n1\na-b 2 7\n", ["a-b-2 7"]),
        ("recovery-point-offset-checkpoint", "1\n1\na 2 7\n", ["DAMAGED at position 0: not a checkpoint of offsets"]),
        ("partition.metadata", "version: 0\ntopic_id: x", ["version: 0", "topic_id: x"]),
    ],
)  # fmt: skip
def test_small_file(run: Run, tmp_path: Path, name: str, content: str, lines: list[str]) -> None:
    (tmp_path / name).write_text(content)
    done = run("dump-log", tmp_path / name)
    assert [line.strip() for line in done.out.splitlines()[1:]] == lines
    assert done.status == int("DAMAGED" in done.out)


def test_metadata_snapshot_is_decoded(data: Path, run: Run) -> None:
    log, snapshot = data / "__cluster_metadata-0" / LOG, data / "00000000000000000101-0000000000.checkpoint"
    shutil.copy(log, snapshot)
    assert 'TopicRecord {"name": "t"' in run("dump-log", "--records", snapshot).out


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("what.txt", "{path}: its name is not that of a file that we know"),
        (LOG, "{path}: No such file or directory"),
    ],
)
def test_file_that_is_none_of_ours_is_one_line(run: Run, tmp_path: Path, path: str, line: str) -> None:
    done = run("dump-log", tmp_path / path)
    assert (done.status, done.out) == (1, "")
    assert done.err == f"pykbroker: {line.format(path=tmp_path / path)}\n"


def test_times_that_are_none() -> None:
    assert [time_text(each) for each in (-1, 0, 1 << 62)] == ["-", "1970-01-01T00:00:00.000Z", str(1 << 62)]
