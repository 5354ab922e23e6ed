"""Idempotent producers through InitProducerId and Produce: duplicates, sequences, epochs, restarts and kills."""

from __future__ import annotations

from pathlib import Path

import pytest

from pykbroker import errors
from pykbroker.wire.messages.describe_producers import DescribeProducersRequest, ProducerState, TopicRequest
from pykbroker.wire.messages.init_producer_id import InitProducerIdRequest
from pykbroker.wire.messages.produce import PartitionProduceResponse
from tests.apis.running import INIT_PRODUCER_ID, PRODUCE, Running, records_of, versions
from tests.fakes import NOW_MS
from tests.storage.builders import a_batch

DAY_MS = 86_400_000
LAST = 2**31 - 1


class Producer:
    """An idempotent producer on partition 0 of `t`, with the id that the broker gave it."""

    def __init__(self, running: Running, version: int = 12) -> None:
        self.running = running
        self.version = version
        given = running.client.send(InitProducerIdRequest(transactional_id=None), versions(INIT_PRODUCER_ID)[-1])
        assert (given.error_code, given.producer_epoch) == (0, 0)
        self.id: int = given.producer_id
        self.epoch = 0

    def send(
        self, sequence: int, count: int = 1, *, epoch: int | None = None, index: int = 0
    ) -> PartitionProduceResponse:
        batch = a_batch(count, producer=self.id, epoch=self.epoch if epoch is None else epoch, sequence=sequence)
        return self.running.produce(batch, index=index, version=self.version)

    def stored(self, sequence: int, count: int = 1, *, epoch: int | None = None, index: int = 0) -> int:
        """Send what must be taken, new or again; return its offset."""
        answer = self.send(sequence, count, epoch=epoch, index=index)
        assert answer.error_code == 0, errors.name_of(answer.error_code)
        return answer.base_offset

    def refused(self, sequence: int, count: int = 1, *, epoch: int | None = None) -> int:
        """Send what must be refused; return why."""
        before = self.end
        answer = self.send(sequence, count, epoch=epoch)
        assert (answer.base_offset, answer.log_append_time_ms) == (-1, -1)  # PROD-31
        assert self.end == before
        return answer.error_code

    @property
    def end(self) -> int:
        return self.running.fetch_one(self.running.partition().log_end_offset).high_watermark

    def described(self) -> list[ProducerState]:
        request = DescribeProducersRequest(topics=[TopicRequest(name="t", partition_indexes=[0])])
        answer = self.running.client.send(request, 0).topics[0].partitions[0]
        assert not answer.error_code
        return list(answer.active_producers)


@pytest.fixture
def producer(topic: Running) -> Producer:
    return Producer(topic)


ALL = versions(PRODUCE)


@pytest.mark.parametrize("sequence", [0, 1, 7, LAST])
def test_a_producer_that_the_partition_does_not_know_starts_anywhere(producer: Producer, sequence: int) -> None:
    # PROD-38
    assert producer.stored(sequence) == 0


@pytest.mark.parametrize("version", ALL)
def test_the_next_sequence_is_taken_and_no_other(topic: Running, version: int) -> None:
    # PROD-39
    producer = Producer(topic, version)
    assert [producer.stored(0, 3), producer.stored(3, 2)] == [0, 3]
    for sequence in (4, 6, 7, 100, LAST):
        assert producer.refused(sequence) == errors.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert producer.stored(5) == 5


def test_a_refused_sequence_says_where_the_log_starts(producer: Producer) -> None:
    # PROD-30, PROD-60
    producer.stored(0, 5)
    producer.running.delete_records(2)
    answer = producer.send(77)
    assert (answer.error_code, answer.log_start_offset) == (errors.OUT_OF_ORDER_SEQUENCE_NUMBER, 2)
    assert answer.error_message
    assert answer.record_errors == []


def test_sequences_are_counted_for_each_partition(producer: Producer) -> None:
    # PROD-38, PROD-39
    producer.stored(0, 5)
    assert producer.stored(0, index=1) == 0
    assert producer.stored(1, index=1) == 1
    assert producer.stored(5) == 5


def test_sequences_go_on_at_zero_after_the_largest(producer: Producer) -> None:
    # PROD-40: inside a batch too, and its retry is known
    assert producer.stored(LAST - 1, 4) == 0
    assert producer.stored(LAST - 1, 4) == 0
    assert producer.refused(3) == errors.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert producer.stored(2) == 4


def test_the_sequence_after_the_largest_is_zero(producer: Producer) -> None:
    # PROD-40
    producer.stored(LAST)
    assert producer.stored(0) == 1


@pytest.mark.parametrize("version", ALL)
def test_each_of_the_last_five_is_answered_with_its_first_offset(topic: Running, version: int) -> None:
    # PROD-41
    producer = Producer(topic, version)
    offsets = {sequence: producer.stored(sequence, 2) for sequence in range(0, 14, 2)}
    for sequence in (12, 4, 6, 8, 10):
        assert producer.stored(sequence, 2) == offsets[sequence]
    assert producer.end == 14
    assert producer.stored(14) == 14


def test_the_answer_to_a_duplicate_has_its_timestamp(topic: Running) -> None:
    # PROD-41: where Kafka otherwise says the append time, whatever the topic's timestamp type
    producer = Producer(topic)
    batch = a_batch(2, timestamp=NOW_MS - 5, producer=producer.id, sequence=0)
    assert topic.produce(batch).log_append_time_ms == -1
    topic.produce(a_batch(producer=producer.id, sequence=2))
    again = topic.produce(batch)
    assert (again.error_code, again.base_offset, again.log_append_time_ms) == (0, 0, NOW_MS - 5)
    assert again.log_start_offset == 0


def test_a_duplicate_is_one_only_with_the_same_last_sequence(producer: Producer) -> None:
    # PROD-41
    producer.stored(0, 3)
    producer.stored(3, 3)
    assert producer.refused(0, 2) == errors.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert producer.refused(0, 4) == errors.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert producer.refused(4, 2) == errors.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_a_duplicate_wakes_nobody(producer: Producer) -> None:
    # PROD-41, FET-13: nothing was appended
    running = producer.running
    producer.stored(0)
    parked = running.fetch(("t", 0, 1), max_wait_ms=100, client=running.another_client())
    producer.stored(0)
    running.clock.advance(50)
    assert not parked.done
    producer.stored(1)
    running.clock.advance(0)
    assert parked.done


def test_the_sixth_last_is_out_of_order(producer: Producer) -> None:
    # PROD-42
    for sequence in range(6):
        producer.stored(sequence)
    assert producer.refused(0) == errors.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert producer.stored(1) == 1


def test_a_higher_epoch_starts_at_zero(producer: Producer) -> None:
    # PROD-43: and what came under the old one is forgotten
    producer.stored(0)
    producer.stored(1)
    for sequence in (1, 2, 3):
        assert producer.refused(sequence, epoch=1) == errors.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert producer.stored(0, epoch=1) == 2
    assert producer.stored(1, epoch=1) == 3


@pytest.mark.parametrize("version", ALL)
def test_a_lower_epoch_is_invalid(topic: Running, version: int) -> None:
    # PROD-44: never PRODUCER_FENCED, which is the coordinator's word
    producer = Producer(topic, version)
    producer.stored(0, epoch=2)
    for sequence in (0, 1):
        for epoch in (0, 1):
            assert producer.refused(sequence, epoch=epoch) == errors.INVALID_PRODUCER_EPOCH
    assert producer.stored(1, epoch=2) == 1


def test_deleting_the_records_does_not_forget_the_producer(producer: Producer) -> None:
    # PROD-45
    producer.stored(0, 3)
    producer.running.delete_records(-1)
    assert producer.refused(0) == errors.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert producer.stored(0, 3) == 0
    assert producer.stored(3) == 3


def test_a_silent_producer_is_forgotten_after_a_day(producer: Producer) -> None:
    # PROD-46
    producer.stored(0)
    producer.running.clock.advance(DAY_MS - 1)
    assert producer.refused(7) == errors.OUT_OF_ORDER_SEQUENCE_NUMBER
    producer.running.clock.advance(1)
    assert producer.described() == []
    assert producer.stored(7) == 1


def test_a_producer_that_writes_is_not_forgotten(producer: Producer) -> None:
    # PROD-46: the day begins anew with every batch
    producer.stored(0)
    producer.running.clock.advance(DAY_MS - 1)
    producer.stored(1)
    producer.running.clock.advance(DAY_MS - 1)
    assert producer.refused(9) == errors.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_when_producers_are_forgotten_is_a_setting(tmp_path: Path) -> None:
    # PROD-46
    running = Running(tmp_path, {"producer.id.expiration.ms": "1000"})
    running.create("t")
    producer = Producer(running)
    producer.stored(0)
    running.clock.advance(1000)
    assert producer.stored(5) == 1
    running.stop()


@pytest.mark.parametrize("producer_id", [0, 999_999, 2**63 - 1])
def test_ids_are_not_checked_against_those_given(topic: Running, producer_id: int) -> None:
    # PROD-47
    assert topic.produce(a_batch(producer=producer_id, epoch=3, sequence=5)).base_offset == 0


def test_what_is_remembered_can_be_described(producer: Producer) -> None:
    # PROD-39, CLA: DescribeProducers
    producer.stored(0, 3)
    producer.stored(0, 2, epoch=1)
    (state,) = producer.described()
    assert (state.producer_id, state.producer_epoch, state.last_sequence) == (producer.id, 1, 1)
    assert (state.last_timestamp, state.current_txn_start_offset) == (NOW_MS, -1)


# -- the end of the process


@pytest.mark.parametrize("clean", [True, False])
def test_a_retry_after_a_restart_is_not_stored_twice(producer: Producer, clean: bool) -> None:
    # PROD-41, STO-27: the last batch is known either way
    producer.stored(0, 3)
    producer.stored(3, 2)
    producer.running.restart(clean=clean)
    assert producer.stored(3, 2) == 3
    assert producer.refused(9) == errors.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert producer.stored(5) == 5
    assert [each.offset for each in records_of(producer.running.fetch_one())] == list(range(6))


def test_all_five_are_known_after_a_kill(producer: Producer) -> None:
    # PROD-41: the log is read again; a clean stop keeps the last one only, as Kafka's does
    for sequence in range(7):
        producer.stored(sequence)
    producer.running.restart(clean=False)
    assert [producer.stored(sequence) for sequence in range(2, 7)] == [2, 3, 4, 5, 6]
    assert producer.refused(1) == errors.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert producer.end == 7


@pytest.mark.parametrize("clean", [True, False])
def test_epochs_are_known_after_a_restart(producer: Producer, clean: bool) -> None:
    # PROD-44, PROD-43, STO-27
    producer.stored(0, epoch=3)
    producer.running.restart(clean=clean)
    assert producer.refused(1, epoch=2) == errors.INVALID_PRODUCER_EPOCH
    assert producer.refused(1, epoch=4) == errors.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert producer.stored(0, epoch=4) == 1


@pytest.mark.parametrize("clean", [True, False])
def test_the_wrap_is_known_after_a_restart(producer: Producer, clean: bool) -> None:
    # PROD-40
    producer.stored(LAST - 1, 4)
    producer.running.restart(clean=clean)
    assert producer.stored(LAST - 1, 4) == 0
    assert producer.stored(2) == 4


def test_deleted_records_and_a_clean_restart_keep_the_sequence(producer: Producer) -> None:
    # PROD-45: after a kill Kafka, too, has only the records that are left
    producer.stored(0, 3)
    producer.running.delete_records(-1)
    producer.running.restart()
    assert producer.refused(9) == errors.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert producer.stored(3) == 3


@pytest.mark.parametrize("clean", [True, False])
def test_a_refused_batch_is_not_remembered(producer: Producer, clean: bool) -> None:
    # PROD-39: the same batch is taken once its turn has come
    producer.stored(0)
    assert producer.refused(2) == errors.OUT_OF_ORDER_SEQUENCE_NUMBER
    producer.running.restart(clean=clean)
    assert [producer.stored(1), producer.stored(2)] == [1, 2]


@pytest.mark.parametrize("clean", [True, False])
def test_ids_are_unique_over_restarts(topic: Running, clean: bool) -> None:
    # TXN-01
    ids = []
    for _ in range(3):
        ids += [Producer(topic).id, Producer(topic).id]
        topic.restart(clean=clean)
    assert len(set(ids)) == 6
    assert min(ids) >= 0


@pytest.mark.parametrize("clean", [True, False])
def test_producers_of_two_lives_do_not_mind_each_other(topic: Running, clean: bool) -> None:
    # PROD-38, PROD-41
    old = Producer(topic)
    old.stored(0)
    topic.restart(clean=clean)
    new = Producer(topic)
    assert new.stored(0) == 1
    assert old.stored(0) == 0
    assert [old.stored(1), new.stored(1)] == [2, 3]
