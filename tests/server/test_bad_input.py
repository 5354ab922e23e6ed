"""A broker's process against clients that are broken or malicious. After each test it must serve a normal one.

One process serves them all. The fixture `broker` says after every test whether it is still well: it answers a produce
and a fetch, has written no traceback, and has not kept the memory or the descriptors that the test made it use.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from random import Random

import pytest

from fuzz.fuzz_frames import damaged
from pykbroker import errors
from pykbroker.apis.registry import HANDLERS
from pykbroker.wire import catalog
from pykbroker.wire.batch import HEADER, HEADER_BYTES, crc32c, peek
from pykbroker.wire.compression import compress
from pykbroker.wire.frame import REQUEST_HEADER
from pykbroker.wire.messages.delete_groups import DeleteGroupsRequest
from pykbroker.wire.messages.list_groups import ListGroupsRequest
from pykbroker.wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from pykbroker.wire.records import records_of as records_in_batch
from tests.apis.running import versions
from tests.compat.polling import eventually
from tests.compat.process import Broker
from tests.server.peer import Peer, descriptors, fetch_request, framed, produce_request, resident_bytes
from tests.storage.builders import a_batch
from tests.wire.values import random_message

MIB = 1 << 20
UNREGISTER_BROKER = 64
_numbers = count()


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    # Of a crowd of connections the kernel drops those beyond the backlog (50), and they try again a second later.
    broker = Broker(tmp_path_factory.mktemp("broker"), {"socket.listen.backlog.size": "1000"}).start()
    with Peer(broker) as peer:
        serve_normally(peer)
    yield broker
    assert broker.stop() == 0, broker.log()[-4000:]
    assert "Traceback" not in broker.log()


@pytest.fixture
def broker(process: Broker) -> Iterator[Broker]:
    files, memory = descriptors(process.pid), resident_bytes(process.pid)
    yield process
    with Peer(process) as peer:
        serve_normally(peer)
    eventually(lambda: descriptors(process.pid) <= files + 2, 10, "connections are let go")  # 2: the log just written
    assert resident_bytes(process.pid) < memory + 48 * MIB
    assert "Traceback" not in process.log(), process.log()[-4000:]


@pytest.fixture
def peer(broker: Broker) -> Iterator[Peer]:
    with Peer(broker) as peer:
        yield peer


def serve_normally(peer: Peer) -> None:
    """A topic of its own, a batch in, and the same batch out."""
    topic = f"normal-{next(_numbers)}"
    peer.create(topic)
    batch = a_batch(3)
    assert peer.produce(batch, topic).error_code == 0
    part = peer.fetch(topic)
    assert part.records is not None
    assert bytes(part.records)[16:] == batch[16:]


def refused(broker: Broker, raw: bytes) -> None:
    """Send bytes on a new connection, which must be closed unanswered."""
    with Peer(broker) as peer:
        peer.socket.sendall(raw)
        assert peer.is_closed, raw[:80]


def header(key: int, version: int, tags: bytes = b"") -> bytes:
    return struct.pack(">hhih", key, version, 1, -1) + tags


# -- bytes that are no frames


def test_garbage(broker: Broker) -> None:
    # FRM-02, FRM-12, FRM-15
    random = Random(1)
    for _ in range(300):
        with Peer(broker) as peer:
            peer.socket.sendall(random.randbytes(random.choice((1, 3, 4, 5, 13, 100, 4000))))


def test_garbage_in_a_frame(broker: Broker) -> None:
    # FRM-12, FRM-15
    random = Random(2)
    for _ in range(300):
        with Peer(broker) as peer:
            peer.send(random.randbytes(random.randrange(200)))


def test_other_protocols(broker: Broker) -> None:
    # FRM-02: read as a size, their first four bytes are far too large
    tls_hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40)
    for line in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", tls_hello):
        refused(broker, line)


@pytest.mark.parametrize("size", [-1, -(2**31), 104_857_601, 2**31 - 1])
def test_a_size_out_of_bounds(broker: Broker, size: int) -> None:
    # FRM-02
    refused(broker, struct.pack(">i", size))
    refused(broker, struct.pack(">i", size) + bytes(1000))


def test_an_empty_frame(broker: Broker) -> None:
    # FRM-15
    refused(broker, struct.pack(">i", 0))


def test_frames_cut_anywhere(broker: Broker) -> None:
    # FRM-01: nothing of them is served
    with Peer(broker) as peer:
        peer.create("cut")
        frame = framed(peer.frame(produce_request(a_batch(), "cut"), 9))
        for end in range(len(frame)):
            with Peer(broker) as other:
                other.socket.sendall(frame[:end])
        assert peer.fetch("cut").high_watermark == 0


def test_promises_cost_nothing(broker: Broker) -> None:
    # FRM-01: 200 connections that promise 100 MB each, and send a little of it
    before = resident_bytes(broker.pid)
    peers = [Peer(broker) for _ in range(200)]
    for number, peer in enumerate(peers):
        peer.socket.sendall(struct.pack(">i", 100_000_000) + bytes(number % 3 * 10))
    with Peer(broker) as peer:
        serve_normally(peer)
    assert resident_bytes(broker.pid) < before + 32 * MIB
    for peer in peers:
        peer.socket.close()


def test_connections_dropped_inside_a_frame(broker: Broker) -> None:
    # FRM-22
    before = descriptors(broker.pid)
    for number in range(200):
        with Peer(broker) as peer:
            peer.socket.sendall(struct.pack(">i", 1000) + bytes(number))
    eventually(lambda: descriptors(broker.pid) <= before, 10, "connections are let go")


def test_connections_dropped_with_answers_unread(broker: Broker) -> None:
    # FRM-22: the broker writes into closed sockets
    for _ in range(50):
        with Peer(broker) as peer:
            frame = framed(peer.frame(MetadataRequest(topics=None), 12))
            peer.socket.sendall(frame * 50)


def test_slow_frames_hold_up_nobody(broker: Broker) -> None:
    # FRM-01, FRM-09: fifty clients send a byte at a time, and are answered in the end
    slow = [Peer(broker) for _ in range(50)]
    frame = framed(slow[0].frame(ListGroupsRequest(), 3))
    for at in range(len(frame) - 1):
        for peer in slow:
            peer.socket.sendall(frame[at : at + 1])
        if at % 5 == 0:
            with Peer(broker) as peer:
                assert peer.is_served
    for peer in slow:
        peer.socket.sendall(frame[-1:])
        assert peer.answer()
        peer.socket.close()


# -- frames that are no requests


def test_unknown_apis(broker: Broker) -> None:
    # FRM-12
    for key in (-1, 4, 5, 6, 7, 1000, 32767):
        refused(broker, framed(header(key, 0) + bytes(20)))


def test_versions_that_are_not_served(broker: Broker) -> None:
    # FRM-13
    for key in set(HANDLERS) - {18}:
        served = versions(key)
        for version in (served[0] - 1, served[-1] + 1):
            refused(broker, framed(header(key, version, b"\0") + bytes(20)))


HUGE = struct.pack(">i", 2**31 - 1)
VARINT = b"\xff\xff\xff\xff\x07"


@pytest.mark.parametrize(
    "frame",
    [
        header(3, 1) + HUGE,
        header(3, 1) + struct.pack(">i", 10_000_000) + bytes(200),
        header(3, 12, b"\0") + VARINT,
        header(3, 12, b"\0") + b"\xff" * 10,
        header(3, 12, VARINT),
        header(3, 12, b"\x01\x00" + VARINT),
        header(0, 3) + struct.pack(">hhii", -1, 1, 0, 1) + struct.pack(">h1s", 1, b"t") + HUGE,
        header(0, 3) + struct.pack(">hhiih1siii", -1, 1, 0, 1, 1, b"t", 1, 0, 2**31 - 1),
        header(0, 9, b"\0") + b"\0\0\1\0\0\0\0" + VARINT,
        header(1, 4) + struct.pack(">iiiibi", -1, 0, 0, 0, 0, 2**31 - 1),
        header(1, 4) + struct.pack(">iiiibih1si", -1, 0, 0, 0, 0, 1, 1, b"t", 2**31 - 1),
        header(2, 1) + struct.pack(">ii", -1, 2**31 - 1),
        header(19, 2) + HUGE,
        header(42, 0) + HUGE + bytes(64),
        struct.pack(">hhih", 3, 1, 1, 32767) + bytes(10),
    ],
)
def test_counts_and_lengths_that_lie(broker: Broker, frame: bytes) -> None:
    # FRM-15
    before = resident_bytes(broker.pid)
    refused(broker, framed(frame))
    assert resident_bytes(broker.pid) < before + 16 * MIB


def test_damaged_requests_of_every_kind(broker: Broker) -> None:
    """Several thousand real requests with mistakes in them, each on a connection of its own.

    FRM-15, FRM-23: whatever they say, no handler fails on it.
    """
    random = Random(3)
    with Peer(broker) as peer:
        frames = [
            peer.frame(random_message(catalog.APIS[key].request(), version, random), version)
            for key in HANDLERS
            if key != UNREGISTER_BROKER  # which, as in Kafka, a broker obeys that is to forget itself
            for version in versions(key)
            for _ in range(2)
        ]
        frames += [peer.frame(produce_request(a_batch(5, codec=codec), "normal-0"), 9) for codec in range(5)] * 20
        frames += [peer.frame(fetch_request("normal-0"), 12)] * 20
    answered = 0
    for _ in range(4000):
        frame = random.choice(frames)
        start = REQUEST_HEADER.size if random.random() < 0.9 else 0
        with Peer(broker) as peer:
            peer.send(frame[:start] + damaged(frame[start:], random))
            peer.socket.shutdown(socket.SHUT_WR)  # so that one that waits is given up
            answered += not peer.is_closed
    assert 400 < answered < 3600


def test_many_items_in_one_request(peer: Peer) -> None:
    # FRM-15: a true count is served, however large
    names = [f"missing-{number}" for number in range(20_000)]
    answer = peer.ask(
        MetadataRequest(topics=[MetadataRequestTopic(name=name) for name in names], allow_auto_topic_creation=False), 9
    )
    assert len(answer.topics) == len(names)
    assert len(peer.ask(DeleteGroupsRequest(groups_names=names), 2).results) == len(names)


# -- requests with batches that are none


def test_a_wrong_checksum_is_an_answer_not_an_end(peer: Peer) -> None:
    # PROD-11
    peer.create("checksums")
    batch = a_batch()
    batch[-1] ^= 1
    assert peer.produce(batch, "checksums").error_code == errors.CORRUPT_MESSAGE
    assert peer.produce(a_batch(), "checksums").base_offset == 0


def test_an_error_without_acks_ends_the_connection(broker: Broker) -> None:
    # FRM-11, FRM-10
    with Peer(broker) as peer:
        peer.create("no-acks")
        peer.send(peer.frame(produce_request(a_batch(), "no-acks", acks=0), 9))
        assert peer.is_served
        batch = a_batch()
        batch[-1] ^= 1
        peer.send(peer.frame(produce_request(batch, "no-acks", acks=0), 9))
        assert peer.is_closed
    with Peer(broker) as peer:
        assert peer.fetch("no-acks").high_watermark == 1


def test_damaged_batches(peer: Peer) -> None:
    """Batches with mistakes under a right checksum, on a topic whose records are read.

    PROD-27: they are stored whole or not at all; what is stored can be read.
    """
    random = Random(4)
    peer.create("damaged", cleanup_policy="compact")
    end = 0
    for number in range(1500):
        batch = bytearray(a_batch(5, codec=number % 5))
        raw = bytearray(damaged(bytes(batch[21:]), random))
        batch[21:] = raw
        if len(batch) >= HEADER_BYTES:
            batch[8:12] = struct.pack(">i", len(batch) - 12)
            batch[17:21] = struct.pack(">I", crc32c(memoryview(batch)[21:], 0))
        answer = peer.produce(batch, "damaged")
        assert (answer.base_offset == end) == (answer.error_code == 0), answer
        assert answer.error_code != errors.UNKNOWN_SERVER_ERROR or batch[22] & 7 > 4
        if not answer.error_code:
            part = peer.fetch("damaged", end)
            assert part.records is not None
            stored = bytes(part.records)
            end = part.high_watermark
            fields = HEADER.unpack_from(stored)
            assert fields[0] + fields[6] + 1 == end
    assert end > 0


def bomb(codec: int, size: int) -> bytearray:
    """A batch that says it has one record, and decompresses to `size` zeros."""
    batch = bytearray(HEADER_BYTES) + compress(codec, bytes(size))
    fields = (codec, 0, 0, 0, -1, -1, -1, 1)
    HEADER.pack_into(batch, 0, 0, len(batch) - 12, 0, 2, 0, *fields)
    checksum = crc32c(memoryview(batch)[21:], 0)
    HEADER.pack_into(batch, 0, 0, len(batch) - 12, 0, 2, checksum, *fields)
    return batch


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
def test_decompression_bombs(broker: Broker, codec: int) -> None:
    # PROD-27: the topic is compacted, so that the broker must look inside; larger than any limit, or just large
    topic = f"bombs-{codec}"
    with Peer(broker) as peer:
        peer.create(topic, cleanup_policy="compact", max_message_bytes="20000000")
        for size, code in ((200 * MIB, errors.MESSAGE_TOO_LARGE), (20 * MIB, errors.INVALID_RECORD)):
            assert peer.produce(bomb(codec, size), topic).error_code == code
        assert peer.fetch(topic).high_watermark == 0
    assert peak_bytes(broker.pid) < 450 * MIB


def peak_bytes(pid: int) -> int:
    """The most memory that a process ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


# -- clients that leave


def test_a_client_that_leaves_while_its_fetch_waits(broker: Broker) -> None:
    # FRM-22
    with Peer(broker) as peer:
        peer.create("left")
        files = descriptors(broker.pid)
        gone = Peer(broker)
        gone.send(gone.frame(fetch_request("left", max_wait_ms=600_000), 12))
        waiting = Peer(broker)
        waiting.send(waiting.frame(fetch_request("left", max_wait_ms=600_000), 12))
        eventually(lambda: descriptors(broker.pid) == files + 2)
        gone.socket.close()
        eventually(lambda: descriptors(broker.pid) == files + 1, 10, "the client that left is noticed")
        assert peer.produce(a_batch(), "left").error_code == 0
        assert waiting.answer()
        waiting.socket.close()


def test_a_client_that_reads_nothing_holds_up_nobody(broker: Broker) -> None:
    # FRM-09: and costs the broker one answer, not all of them
    with Peer(broker) as peer:
        peer.create("large")
        batch = a_batch(1, value=bytes(1_000_000))
        assert peer.produce(batch, "large").error_code == 0
        before = resident_bytes(broker.pid)
        greedy = [Peer(broker) for _ in range(10)]
        for each in greedy:
            each.socket.sendall(framed(each.frame(fetch_request("large"), 12)) * 100)
        for _ in range(20):
            assert peer.is_served
        assert resident_bytes(broker.pid) < before + 32 * MIB
        for each in greedy:
            each.socket.close()


def test_records_come_back_after_all_this(peer: Peer) -> None:
    # FET-43
    part = peer.fetch("normal-0")
    assert part.records is not None
    content = bytes(part.records)
    assert [record.key for record in records_in_batch(content, peek(content))] == [b"k0", b"k1", b"k2"]
