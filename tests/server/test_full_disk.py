"""A process whose files may not grow any more: the kernel's limit on a file's size stands for a disk that is full.

The limit is set on the running process, and lifted again; a write beyond it first comes out short, then fails.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from pykbroker import errors
from pykbroker.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from pykbroker.wire.messages.init_producer_id import InitProducerIdRequest
from pykbroker.wire.messages.metadata import MetadataRequest
from pykbroker.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from tests.compat.process import Broker
from tests.server.peer import Peer, produce_request
from tests.storage.builders import a_batch

Start = Callable[..., Broker]


def limit_files(broker: Broker, size: int) -> None:
    """Let no file of the process grow beyond `size`."""
    resource.prlimit(broker.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def lift_limit(broker: Broker) -> None:
    limit_files(broker, resource.RLIM_INFINITY)


def log_of(broker: Broker, topic: str) -> Path:
    return broker.data / f"{topic}-0" / f"{0:020}.log"


@pytest.fixture
def broker(start: Start) -> Broker:
    """A broker with a topic `t` of ten batches."""
    broker = start()
    with Peer(broker) as peer:
        peer.create("t")
        for _ in range(10):
            assert peer.produce(a_batch(5, value=bytes(100)), "t").error_code == 0
    return broker


@pytest.mark.parametrize("room", [0, 1, 30, 61, 200])
def test_a_produce_without_room_is_a_storage_error_and_leaves_nothing(broker: Broker, room: int) -> None:
    # PROD-30, PROD-31
    before = log_of(broker, "t").read_bytes()
    batch = a_batch(5, value=bytes(100))
    with Peer(broker) as peer:
        limit_files(broker, len(before) + room)
        for _ in range(3):
            answer = peer.produce(batch, "t")
            assert answer.error_code == errors.KAFKA_STORAGE_ERROR
            assert (answer.base_offset, answer.log_append_time_ms, answer.log_start_offset) == (-1, -1, -1)
        assert log_of(broker, "t").read_bytes() == before
        part = peer.fetch("t")
        assert (part.high_watermark, bytes(part.records or b"")) == (50, before)
        lift_limit(broker)
        assert peer.produce(batch, "t").base_offset == 50
        assert peer.fetch("t", 50).high_watermark == 55


def test_a_batch_that_still_fits_is_taken(broker: Broker) -> None:
    size = log_of(broker, "t").stat().st_size
    small, large = a_batch(), a_batch(5, value=bytes(100))
    with Peer(broker) as peer:
        limit_files(broker, size + len(small))
        assert peer.produce(large, "t").error_code == errors.KAFKA_STORAGE_ERROR
        assert peer.produce(small, "t").base_offset == 50
        assert peer.produce(small, "t").error_code == errors.KAFKA_STORAGE_ERROR
        lift_limit(broker)
        assert peer.produce(large, "t").base_offset == 51


def test_a_produce_without_acks_and_room_ends_the_connection(broker: Broker) -> None:
    # FRM-11
    limit_files(broker, log_of(broker, "t").stat().st_size)
    with Peer(broker) as peer:
        peer.send(peer.frame(produce_request(a_batch(), "t", acks=0), 9))
        assert peer.is_closed


def test_a_retry_when_there_is_room_is_stored_once(broker: Broker) -> None:
    # PROD-39, PROD-41: the refused batch was never in sequence
    with Peer(broker) as peer:
        producer = peer.ask(InitProducerIdRequest(transactional_id=None), 4).producer_id
        assert peer.produce(a_batch(producer=producer, sequence=0), "t").base_offset == 50
        limit_files(broker, log_of(broker, "t").stat().st_size + 10)
        batch = a_batch(producer=producer, sequence=1)
        assert peer.produce(batch, "t").error_code == errors.KAFKA_STORAGE_ERROR
        lift_limit(broker)
        assert peer.produce(batch, "t").base_offset == 51
        assert peer.produce(batch, "t").base_offset == 51
        assert peer.fetch("t").high_watermark == 52


def test_metadata_without_room_is_refused_and_not_half_there(broker: Broker) -> None:
    # PROD-01: a topic that could not be recorded does not exist
    request = CreateTopicsRequest(
        topics=[CreatableTopic(name="u", num_partitions=3, replication_factor=1)], timeout_ms=1000
    )
    with Peer(broker) as peer:
        limit_files(broker, log_of(broker, "__cluster_metadata").stat().st_size + 20)
        assert peer.ask(request, 7).topics[0].error_code == errors.KAFKA_STORAGE_ERROR
        assert [topic.name for topic in peer.ask(MetadataRequest(topics=None), 12).topics] == ["t"]
        lift_limit(broker)
        assert peer.ask(request, 7).topics[0].error_code == 0
        assert peer.produce(a_batch(), "u").base_offset == 0


def test_commits_without_room_are_refused_and_work_again(broker: Broker) -> None:
    # OFF-01: an error after which clients try again; the offset is not there before it is stored
    partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=7)
    request = OffsetCommitRequest(
        group_id="g", topics=[OffsetCommitRequestTopic(name="t", partitions=[partition])]
    )
    with Peer(broker) as peer:

        def commit() -> int:
            code = peer.ask(request, 8).topics[0].partitions[0].error_code
            assert isinstance(code, int)
            return code

        assert commit() == 0
        (log,) = (path for path in broker.data.glob(f"__consumer_offsets-*/{0:020}.log") if path.stat().st_size)
        limit_files(broker, log.stat().st_size + 5)
        before = log.read_bytes()
        assert commit() == errors.NOT_COORDINATOR
        assert log.read_bytes() == before
        lift_limit(broker)
        assert commit() == 0


@pytest.mark.parametrize("clean", [True, False])
def test_what_was_acknowledged_survives_a_full_disk_and_a_restart(broker: Broker, clean: bool) -> None:
    # STO-28, STO-27
    with Peer(broker) as peer:
        limit_files(broker, log_of(broker, "t").stat().st_size + 100)
        assert peer.produce(a_batch(5, value=bytes(100)), "t").error_code == errors.KAFKA_STORAGE_ERROR
        lift_limit(broker)
        assert peer.produce(a_batch(3), "t").base_offset == 50
        before = bytes(peer.fetch("t").records or b"")
    broker.restart(clean)
    with Peer(broker) as peer:
        part = peer.fetch("t")
        assert (part.high_watermark, bytes(part.records or b"")) == (53, before)


def test_a_stop_without_room_is_not_clean(broker: Broker) -> None:
    # STO-11: it ends all the same, and the next start looks at the logs
    with Peer(broker) as peer:
        before = bytes(peer.fetch("t").records or b"")
    limit_files(broker, 0)
    assert broker.stop() == 0
    assert not (broker.data / ".kafka_cleanshutdown").exists()
    broker.start()
    with Peer(broker) as peer:
        assert bytes(peer.fetch("t").records or b"") == before
