"""A start on directories that are damaged, not ours, or not usable: one readable line, or service; never a lost byte.

`Running` is the whole broker without sockets; some cases are told to the real command line too.
"""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import sys
from errno import EACCES, EIO, EROFS
from pathlib import Path

import pytest

from pykbroker.config import StartError
from pykbroker.errors import KAFKA_STORAGE_ERROR
from pykbroker.testing.sim_files import SimFiles
from pykbroker.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from pykbroker.wire.records import build_batch
from tests.apis.running import Running, records_of
from tests.fakes import FakeClock
from tests.storage.builders import a_batch
from tests.storage.plain_log import recovered

META = "meta.properties"
CLEAN = ".kafka_cleanshutdown"
CHECKPOINTS = (
    "recovery-point-offset-checkpoint", "log-start-offset-checkpoint", "cleaner-offset-checkpoint",
    "replication-offset-checkpoint",
)  # fmt: skip

Tree = dict[str, bytes]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The log directory of a broker that was stopped: topics `t` and `u`, three batches of two records."""
    path = tmp_path / "logs"
    running = Running(path)
    for topic in ("t", "u"):
        running.create(topic)
        for _ in range(3):
            running.produce(a_batch(2), topic)
    running.stop()
    return path


def tree(path: Path) -> Tree:
    """The contents of all files, but for those that every start or stop writes."""
    transient = {".lock", CLEAN, *CHECKPOINTS}
    files = {str(each.relative_to(path)): each for each in path.rglob("*") if each.is_file()}
    return {name: each.read_bytes() for name, each in files.items() if name not in transient}


def assert_nothing_good_is_gone(path: Path, before: Tree) -> None:
    """Every file is as before, or has grown; but a checkpoint of epochs, or whose log it is, may have been mended."""
    after = tree(path)
    for name, content in before.items():
        if not name.endswith(("leader-epoch-checkpoint", "partition.metadata")):
            assert after.get(name, b"").startswith(content), name


def refusal(path: Path, settings: dict[str, str] | None = None) -> str:
    """What the broker says as it refuses to start, which leaves everything as it was."""
    before, clean = tree(path), (path / CLEAN).exists()
    with pytest.raises(StartError) as caught:
        Running(path, settings)
    text = str(caught.value)
    assert text
    assert "\n" not in text
    assert tree(path) == before
    assert (path / CLEAN).exists() == clean
    return text


def assert_serves(path: Path) -> list[str]:
    """A start succeeds, everything is there and goes on, a stop is clean; return what was logged."""
    before = tree(path)
    handler = Lines()
    logging.getLogger("pykbroker").addHandler(handler)
    try:
        running = Running(path)
        assert len(records_of(running.fetch_one())) == 6
        assert running.produce(a_batch()).base_offset == 6
        running.stop()
    finally:
        logging.getLogger("pykbroker").removeHandler(handler)
    assert_nothing_good_is_gone(path, before)
    running = Running(path)
    assert len(records_of(running.fetch_one())) == 7
    running.stop()
    assert (path / CLEAN).exists()
    return handler.lines


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        assert record.exc_info is None, record
        self.lines.append(record.getMessage())


def serve(path: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    """Run the real command line, which must end by itself."""
    settings = ["listeners=PLAINTEXT://127.0.0.1:0", f"log.dirs={path}", *overrides]
    options = [part for setting in settings for part in ("--override", setting)]
    return subprocess.run(
        [sys.executable, "-m", "pykbroker", "serve", *options], capture_output=True, text=True, timeout=30
    )


def assert_one_line(done: subprocess.CompletedProcess[str]) -> str:
    """Exit status 2 and one line on stderr; return it."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.startswith("pykbroker: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


# -- Whose directory it is


def properties(**changed: str | None) -> bytes:
    entries = {"version": "1", "cluster.id": "other", "node.id": "1", "directory.id": "CJ5ZNhFIQxCPaJSpg4vLRw"}
    entries |= {name.replace("_", "."): value for name, value in changed.items() if value is not None}
    missing = {name.replace("_", ".") for name, value in changed.items() if value is None}
    return "".join(f"{name}={value}\n" for name, value in entries.items() if name not in missing).encode()


DAMAGED = {
    "empty": b"",
    "binary": bytes(range(256)) * 4,
    "zeros": bytes(100),
    "version 2": properties(version="2"),
    "version 0": properties(version="0"),
    "no version": properties(version=None),
    "no cluster id": properties(cluster_id=None),
    "no node id": properties(node_id=None),
    "node id that is none": properties(node_id="one"),
    "huge node id": properties(node_id="9" * 5000),
    "another node": properties(node_id="7"),
    "directory id that is none": properties(directory_id="directory"),
    "half an escape": properties() + b"x=\\u12",
    "line breaks in the cluster id": properties(cluster_id="a\\nb", node_id="7"),
    "cut short": properties()[:20],
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_identity_is_refused(data: Path, content: bytes) -> None:
    # STO-10
    (data / META).write_bytes(content)
    assert str(data) in refusal(data)


@pytest.mark.parametrize("what", ["binary", "version 2", "line breaks in the cluster id"])
def test_damaged_identity_is_one_line_on_the_command_line(data: Path, what: str) -> None:
    (data / META).write_bytes(DAMAGED[what])
    before = tree(data)
    assert str(data) in assert_one_line(serve(data))
    assert tree(data) == before


def test_directories_of_two_clusters_are_refused(data: Path, tmp_path: Path) -> None:
    # STO-10
    other = tmp_path / "other"
    Running(other).stop()
    (other / META).write_bytes(properties(cluster_id="theirs"))
    before = tree(other)
    assert "belongs to cluster theirs" in refusal(data, {"log.dirs": f"{data},{other}"})
    assert tree(other) == before
    assert_serves(data)


def test_another_node_id_is_refused(data: Path) -> None:
    assert "node 1" in refusal(data, {"node.id": "5"})
    assert_serves(data)


def test_directory_in_use_is_refused(data: Path) -> None:
    before = tree(data)
    with (data / ".lock").open("wb") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)  # as Java does it
        assert "another broker uses" in assert_one_line(serve(data))
    assert tree(data) == before
    assert_serves(data)


# -- What stands in the way


def test_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"mine")
    assert str(path) in assert_one_line(serve(path))
    assert path.read_bytes() == b"mine"


@pytest.mark.parametrize("name", [META, ".lock", *CHECKPOINTS])
def test_directory_in_place_of_a_file_is_refused(data: Path, name: str) -> None:
    (data / name).unlink(missing_ok=True)
    (data / name).mkdir()
    assert name in refusal(data)
    (data / name).rmdir()


@pytest.mark.parametrize("name", ["00000000000000000000.log", "leader-epoch-checkpoint", "partition.metadata"])
def test_directory_in_place_of_a_file_of_a_log_costs_that_log_only(data: Path, name: str) -> None:
    (data / "t-0" / name).unlink()
    (data / "t-0" / name).mkdir()
    before = tree(data)
    running = Running(data)
    assert running.fetch_one().error_code == KAFKA_STORAGE_ERROR
    assert running.produce(a_batch()).error_code == KAFKA_STORAGE_ERROR
    assert len(records_of(running.fetch_one(topic="u"))) == 6
    running.stop()
    assert_nothing_good_is_gone(data, before)


def test_file_in_place_of_a_log_costs_that_log_only(data: Path) -> None:
    (data / "t-0").rename(data / "elsewhere")
    (data / "t-0").write_bytes(b"mine")
    before = tree(data)
    running = Running(data)
    assert running.produce(a_batch()).error_code == KAFKA_STORAGE_ERROR
    assert running.produce(a_batch(), "u").base_offset == 6
    running.stop()
    assert_nothing_good_is_gone(data, before)


@pytest.mark.parametrize("error", [EROFS, EACCES, EIO])
def test_directory_that_cannot_be_written_is_refused(error: int) -> None:
    clock = FakeClock()
    files = SimFiles(clock)
    Running(Path("/logs"), files=files).stop()
    files.fail("/logs", error, {"append", "lock", "make_directory", "open", "remove", "rename", "truncate"})
    with pytest.raises(StartError) as caught:
        Running(Path("/logs"), files=files)
    assert "\n" not in str(caught.value)
    assert "/logs" in str(caught.value)
    files.heal()
    Running(Path("/logs"), files=files).stop()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
@pytest.mark.parametrize("mode", [0o000, 0o500, 0o400])
def test_directory_without_permission_is_one_line(data: Path, mode: int) -> None:
    data.chmod(mode)
    try:
        assert_one_line(serve(data))
    finally:
        data.chmod(0o755)
    assert_serves(data)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
@pytest.mark.parametrize("mode", [0o000, 0o400])
def test_files_without_permission_take_the_directory_offline(data: Path, mode: int) -> None:
    before = tree(data)
    files = list((data / "t-0").glob("*"))
    for path in files:
        path.chmod(mode)
    running = Running(data)
    assert running.fetch_one().error_code == KAFKA_STORAGE_ERROR
    assert running.produce(a_batch(), "u").error_code == KAFKA_STORAGE_ERROR
    running.stop()
    for path in files:
        path.chmod(0o644)
    assert_nothing_good_is_gone(data, before)
    assert_serves(data)


# -- What is no good inside

GARBAGE = {
    "empty": b"",
    "binary": bytes(range(256)),
    "unknown version": b"1\n0\n",
    "version that is none": b"zero\n0\n",
    "no count": b"0\n",
    "negative count": b"0\n-1\n",
    "wrong count": b"0\n2\nt 0 0\n",
    "huge count": b"0\n" + b"9" * 5000 + b"\n",
    "negative number": b"0\n1\nt 0 -4\n",
    "number beyond 64 bits": b"0\n1\nt 0 9223372036854775808\n",
    "too many fields": b"0\n1\nt 0 0 0\n",
    "cut short": b"0\n1\nt 0 3",
    "digits of another script": "0\n1\nt 0 ٣\n".encode(),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("content", GARBAGE.values(), ids=GARBAGE)
def test_checkpoint_with_garbage_counts_for_nothing(data: Path, name: str, content: bytes, clean: bool) -> None:
    # STO-09
    (data / name).write_bytes(content)
    if not clean:
        (data / CLEAN).unlink()
    lines = assert_serves(data)
    expected = [f"{data}/{name} is damaged: it counts for nothing"] if content else []  # Kafka makes empty ones
    assert [line for line in lines if name in line] == expected


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("content", GARBAGE.values(), ids=GARBAGE)
def test_leader_epochs_with_garbage_are_made_anew(data: Path, content: bytes, clean: bool) -> None:
    path = data / "t-0" / "leader-epoch-checkpoint"
    good = path.read_bytes()
    path.write_bytes(content)
    if not clean:
        (data / CLEAN).unlink()
    assert_serves(data)
    assert path.read_bytes() == good


@pytest.mark.parametrize(
    "content", [b"", bytes(range(256)), b"version: 9\ntopic_id: ?\n", b"version: 0\n", b"topic_id: AAAA\n"]
)
def test_partition_metadata_with_garbage_is_no_reason_to_doubt(data: Path, content: bytes) -> None:
    (data / "t-0" / "partition.metadata").write_bytes(content)
    assert_serves(data)


def test_log_start_beyond_the_end_sets_the_log_aside(data: Path) -> None:
    log = data / "t-0" / "00000000000000000000.log"
    content = log.read_bytes()
    (data / "log-start-offset-checkpoint").write_bytes(b"0\n1\nt 0 80\n")
    running = Running(data)
    assert running.produce(a_batch()).base_offset == 80
    running.stop()
    assert log.with_name(log.name + ".stray").read_bytes() == content


def test_each_flipped_bit_of_the_metadata_log_is_one_line_or_no_matter(data: Path) -> None:
    log = data / "__cluster_metadata-0" / "00000000000000000000.log"
    content, start = log.read_bytes(), tree(data)
    for clean in (True, False):
        for at in range(0, len(content), 11):
            damaged = bytearray(content)
            damaged[at] ^= 1 << at % 8
            log.write_bytes(damaged)
            (data / CLEAN).unlink(missing_ok=True)
            if clean:
                (data / CLEAN).write_bytes(b'{"version":0,"brokerEpoch":-1}')
            try:
                Running(data).stop()
            except StartError as error:
                assert "\n" not in str(error)
                assert log.read_bytes() == damaged
                assert clean or not (data / CLEAN).exists(), "what was not checked is not clean"
            assert (data / "t-0" / log.name).read_bytes() == start[f"t-0/{log.name}"]


def test_flipped_bits_of_the_offsets_log_cost_at_most_its_groups(data: Path) -> None:
    running = Running(data)
    wanted = OffsetCommitRequestPartition(partition_index=0, committed_offset=3, committed_metadata="so far")
    request = OffsetCommitRequest(group_id="g", topics=[OffsetCommitRequestTopic(name="t", partitions=[wanted])])
    for _ in range(2):
        answer = running.client.send(request, 8)
        assert not answer.topics[0].partitions[0].error_code, answer
    running.stop()
    (log,) = (path for path in data.glob("__consumer_offsets-*/*.log") if path.stat().st_size)
    content = log.read_bytes()
    for at in range(0, len(content), 7):
        log.write_bytes(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
        running = Running(data)
        assert len(records_of(running.fetch_one())) == 6
        running.stop()


def test_failed_start_does_not_vouch_for_what_it_did_not_check(data: Path) -> None:
    # STO-11
    (data / CLEAN).unlink()
    log = data / "__cluster_metadata-0" / "00000000000000000000.log"
    end = recovered({log.name: log.read_bytes()}, 0).end
    with log.open("ab") as file:
        file.write(build_batch([(None, b"no metadata")], timestamp_ms=0, base_offset=end))
    before = tree(data)
    with pytest.raises(StartError) as caught:
        Running(data)
    assert "__cluster_metadata" in str(caught.value)
    assert not (data / CLEAN).exists()
    assert_nothing_good_is_gone(data, before)


# -- What is not ours

FOREIGN_DIRECTORIES = (
    "foo", "-1", "t-", "t-00", "t-99999999999", "t-0-copy", "backup-2024", "photos-delete", "t-0.old-delete", "-delete",
    "photos-future", "t-0.x-future", "t-0.y-stray", "bak.tmp", "t-٣", "tmp-1.tmp",
)  # fmt: skip
FOREIGN_FILES = ("notes.txt", "mine.tmp", "t-7", "u-0.bak", "lost-delete", ".hidden", "meta.properties.orig")
FOREIGN_IN_A_LOG = (
    "notes.txt", "mine.tmp", "foo.deleted", "foo.cleaned", "foo.swap", "5.log", "00000000000000000007",
    "99999999999999999999.log", "-0000000000000000001.log", "00000000000000000003.log.bak", "0000000000000000000٣.log",
    ".log", "x.index", "x.snapshot", "99999999999999999999.snapshot", "00000000000000000000.log.stray",
)  # fmt: skip


@pytest.mark.parametrize("clean", [True, False])
def test_foreign_names_are_left_alone(data: Path, clean: bool) -> None:
    foreign = [data / name / "mine" for name in FOREIGN_DIRECTORIES]
    foreign += [data / name for name in FOREIGN_FILES]
    foreign += [data / "t-0" / name for name in (*FOREIGN_IN_A_LOG, "folder/mine")]
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"mine")
    if not clean:
        (data / CLEAN).unlink()
    assert_serves(data)
    gone = [str(path.relative_to(data)) for path in foreign if not path.exists() or path.read_bytes() != b"mine"]
    assert not gone
