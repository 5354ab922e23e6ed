"""What is counted of Produce and Fetch, per topic; of every request, per API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pykbroker import errors
from pykbroker.apis.measuring import ErrorCodes, MeasuredDispatcher
from pykbroker.apis.registry import HANDLERS
from pykbroker.apis.traffic import TopicTraffic, Traffic
from pykbroker.errors import Disconnect
from pykbroker.wire import catalog
from pykbroker.wire.messages.heartbeat import HeartbeatRequest
from tests.apis.running import FETCH, PRODUCE, Running
from tests.storage.builders import a_batch


class Stopwatch:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Measured(Running):
    """A broker whose requests are counted."""

    def _start(self) -> None:
        super()._start()
        self.now = Stopwatch()
        services = self.broker.services
        self.traffic = services.traffic = Traffic(services.image)
        services.controller.on_topics_deleted.append(self.traffic.forget)
        self.broker.handle = MeasuredDispatcher(services, self.traffic, self.now).handle  # type: ignore[method-assign]

    def counts(self, topic: str = "t") -> dict[str, int]:
        """What of a topic is not 0."""
        return not_zero(self.traffic.topics[topic])

    def counted(self) -> int:
        """All requests so far."""
        return sum(sum(counts.versions.values()) for counts in self.traffic.apis.values())


def not_zero(counts: TopicTraffic) -> dict[str, int]:
    return {name: getattr(counts, name) for name in TopicTraffic.__slots__ if getattr(counts, name)}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Measured]:
    running = Measured(tmp_path)
    running.create()
    yield running
    running.stop()


@pytest.mark.parametrize("version", [3, 12, 13])
def test_stored_batches_count_by_records_and_bytes(running: Measured, version: int) -> None:
    first, second = a_batch(3), a_batch(2)
    running.send_produce({("t", 0): first}, version)
    running.send_produce({("t", 0): second}, version)
    assert running.counts() == {"produces": 2, "messages_in": 5, "bytes_in": len(first) + len(second)}


def test_every_partition_of_a_produce_counts(running: Measured) -> None:
    running.create("u", 2)
    running.send_produce({("u", 0): a_batch(), ("u", 1): a_batch(), ("t", 0): a_batch()})
    assert running.counts("u")["produces"] == 2
    assert running.counts("t")["produces"] == 1
    assert running.traffic.all_topics().produces == 3


def test_bytes_behind_a_batch_do_not_count(running: Measured) -> None:
    batch = a_batch(2)
    running.send_produce({("t", 0): batch + b"rest"})
    assert running.counts() == {"produces": 1, "messages_in": 2, "bytes_in": len(batch)}


def test_a_produce_with_acks_0_counts(running: Measured) -> None:
    running.send_produce({("t", 0): a_batch(4)}, 9, acks=0)
    assert running.counts()["messages_in"] == 4
    assert running.traffic.api(PRODUCE).versions == {9: 1}


def test_a_batch_that_is_too_large_is_rejected_bytes_and_no_failure(running: Measured) -> None:
    running.create("small", max_message_bytes="200")
    batch = a_batch(value=b"x" * 300)
    running.send_produce({("small", 0): batch})
    assert running.counts("small") == {"produces": 1, "bytes_rejected": len(batch)}


def test_what_the_broker_did_not_expect_is_a_failure(running: Measured) -> None:
    running.send_produce({("t", 0): None})
    assert running.counts() == {"produces": 1, "failed_produces": 1}


def test_a_topic_that_does_not_exist_is_not_counted(running: Measured) -> None:
    """Else whoever can connect could fill the memory with names."""
    running.send_produce({("nowhere", 0): a_batch()})
    running.send_produce({("t", 7): a_batch()})
    running.fetch(("nowhere", 0, 0))
    assert set(running.traffic.topics) <= {"t"}
    assert not_zero(running.traffic.all_topics()) == {}


@pytest.mark.parametrize("version", [4, 12, 13, 18])
def test_bytes_read_count_as_sent(running: Measured, version: int) -> None:
    batch = a_batch(3)
    running.send_produce({("t", 0): batch})
    running.fetch(("t", 0, 0), version=version)
    counts = running.counts()
    assert (counts["fetches"], counts["bytes_out"]) == (1, len(batch))


def test_an_offset_out_of_range_is_no_failure_of_the_broker(running: Measured) -> None:
    running.fetch(("t", 0, 99))
    assert running.counts() == {"fetches": 1}


def test_a_fetch_session_counts_partitions_that_have_nothing_new(running: Measured) -> None:
    """They are in no answer, and read all the same."""
    first = running.fetch(("t", 0, 0), session_epoch=0)
    running.fetch(session_id=first.session_id, session_epoch=1)
    assert running.counts()["fetches"] == 2


def test_a_deleted_topic_takes_its_counts_along_but_not_out_of_the_total(running: Measured) -> None:
    running.send_produce({("t", 0): a_batch(3)})
    running.delete()
    assert "t" not in running.traffic.topics
    assert running.traffic.all_topics().messages_in == 3
    running.create()
    running.send_produce({("t", 0): a_batch(1)})
    assert running.counts()["messages_in"] == 1
    assert running.traffic.all_topics().messages_in == 4


def test_requests_count_by_version(running: Measured) -> None:
    for version in (9, 9, 12):
        running.send_produce({("t", 0): a_batch()}, version)
    counts = running.traffic.api(PRODUCE)
    assert counts.versions == {9: 2, 12: 1}
    assert counts.timings.count == 3


def test_errors_count_by_code_for_every_partition_and_none_too(running: Measured) -> None:
    running.send_produce({("t", 0): a_batch(), ("t", 5): a_batch(), ("t", 6): a_batch()})
    assert running.traffic.api(PRODUCE).errors == {errors.NONE: 1, errors.UNKNOWN_TOPIC_OR_PARTITION: 2}


def test_a_request_that_fails_as_a_whole_counts_with_its_error(running: Measured) -> None:
    running.client.send(HeartbeatRequest(group_id="g", generation_id=1, member_id="m"), 4)
    counts = running.traffic.api(HeartbeatRequest.__key__ or 0)
    assert (counts.versions, counts.errors) == ({4: 1}, {errors.UNKNOWN_MEMBER_ID: 1})


def test_a_request_that_ends_the_connection_counts(running: Measured) -> None:
    with pytest.raises(Disconnect):
        running.send_produce({("nowhere", 0): a_batch()}, 9, acks=0)
    assert running.traffic.api(PRODUCE).versions == {9: 1}


def test_a_parked_fetch_waits_and_counts_when_it_is_answered(running: Measured) -> None:
    pending = running.fetch(("t", 0, 0), max_wait_ms=500)
    counts = running.traffic.api(FETCH)
    assert (counts.waiting, counts.timings.count) == (1, 0)
    running.now.seconds += 0.5
    running.clock.advance(500)
    assert pending.done
    assert (counts.waiting, counts.timings.count) == (0, 1)
    assert counts.timings.seconds == 0.5


def test_a_frame_too_short_for_a_header_counts_nowhere(running: Measured) -> None:
    before = running.counted()
    for frame in (b"", b"\0\0", b"\0\x63\0\0\0\0\0\1\xff\xff"):
        with pytest.raises(Disconnect):
            running.broker.handle(running.client.session, bytearray(frame))
    assert running.counted() == before


@pytest.mark.parametrize("key", sorted(HANDLERS))
def test_every_response_has_its_error_codes_found(key: int) -> None:
    codes = ErrorCodes(catalog.APIS[key].response())
    assert codes._has_own or codes._below, catalog.APIS[key].name
