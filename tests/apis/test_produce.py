"""Produce, as a client sees it: what each answer says, in every version. How it is stored is in `tests/storage`."""

from __future__ import annotations

from pathlib import Path

import pytest

from pykbroker import errors
from pykbroker.errors import Disconnect
from pykbroker.wire.batch import peek, verify
from pykbroker.wire.messages.metadata import MetadataRequest
from pykbroker.wire.records import Header, Record, batch_of, build_batch
from tests.apis.running import PRODUCE, Running, offsets_of, records_of, versions
from tests.fakes import NOW_MS
from tests.storage.builders import a_batch, timed_batch
from tests.storage.test_append import sealed, with_field

ALL = versions(PRODUCE)
BY_NAME = [version for version in ALL if version < 13]
LOG_START_SINCE, RECORD_ERRORS_SINCE, ZSTD_SINCE = 5, 8, 7
HOUR_MS = 3_600_000


def refused(running: Running, batch: bytes | bytearray | None, code: int, version: int = 12, index: int = 0) -> None:
    """Produce something that is refused: nothing of it is stored, and the answer has no offset (PROD-31)."""
    before = running.partition("t", index).log_end_offset
    answer = running.produce(batch, index=index, version=version)
    assert errors.name_of(answer.error_code) == errors.name_of(code)
    assert (answer.base_offset, answer.log_append_time_ms) == (-1, -1)
    assert running.partition("t", index).log_end_offset == before


# -- where it goes


@pytest.mark.parametrize("version", BY_NAME)
def test_a_topic_that_does_not_exist_is_unknown_and_stays_so(topic: Running, version: int) -> None:
    # PROD-01, PROD-30, PROD-31
    answer = topic.produce(a_batch(), topic="missing", version=version)
    assert answer.error_code == errors.UNKNOWN_TOPIC_OR_PARTITION
    assert (answer.base_offset, answer.log_append_time_ms, answer.log_start_offset) == (-1, -1, -1)
    assert [each.name for each in topic.client.send(MetadataRequest(topics=None), 12).topics] == ["t"]


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("index", [3, -1, 2**31 - 1])
def test_a_partition_that_does_not_exist_is_unknown(topic: Running, version: int, index: int) -> None:
    # PROD-01, PROD-02: also where the topic is named by its id
    answer = topic.produce(a_batch(), index=index, version=version)
    assert (answer.index, answer.error_code) == (index, errors.UNKNOWN_TOPIC_OR_PARTITION)


def test_a_topic_goes_by_its_id(topic: Running) -> None:
    # PROD-02: the answer names it by the id as well
    answer = topic.send_produce({("t", 0): a_batch(2), ("t", 1): a_batch()}, 13)
    assert answer is not None
    assert [(each.name, each.topic_id, len(each.partition_responses)) for each in answer.responses] == [
        ("", topic.topic_id(), 2)
    ]
    assert topic.partition().log_end_offset == 2


def test_an_id_that_nobody_has_is_unknown(topic: Running) -> None:
    # PROD-02
    answer = topic.produce(a_batch(), topic="missing", version=13)
    assert (answer.error_code, answer.base_offset) == (errors.UNKNOWN_TOPIC_ID, -1)


def test_the_id_of_a_deleted_topic_is_not_that_of_its_successor(topic: Running) -> None:
    # PROD-02
    request = topic.produce_request({("t", 0): a_batch()}, 13)
    topic.delete("t")
    topic.create("t")
    assert topic.client.send(request, 13).responses[0].partition_responses[0].error_code == errors.UNKNOWN_TOPIC_ID
    assert topic.partition().log_end_offset == 0


@pytest.mark.parametrize("version", BY_NAME)
def test_a_partition_that_fails_does_not_stop_the_others(topic: Running, version: int) -> None:
    # PROD-03: and every one that was asked for is in the answer, in order
    topic.create("u")
    answer = topic.send_produce(
        {
            ("t", 0): a_batch(2),
            ("t", 9): a_batch(),
            ("t", 1): a_batch()[:-1],
            ("missing", 0): a_batch(),
            ("u", 0): a_batch(),
        },
        version,
    )
    assert answer is not None
    assert [
        (each.name, part.index, part.error_code, part.base_offset)
        for each in answer.responses
        for part in each.partition_responses
    ] == [
        ("t", 0, 0, 0),
        ("t", 9, errors.UNKNOWN_TOPIC_OR_PARTITION, -1),
        ("t", 1, errors.INVALID_RECORD, -1),
        ("missing", 0, errors.UNKNOWN_TOPIC_OR_PARTITION, -1),
        ("u", 0, 0, 0),
    ]


def test_a_request_without_topics_has_an_empty_answer(topic: Running) -> None:
    for version in ALL:
        answer = topic.send_produce({}, version)
        assert answer is not None
        assert answer.responses == []


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("acks", [2, -2, 32767])
def test_other_acks_are_refused(topic: Running, version: int, acks: int) -> None:
    # PROD-04, PROD-30
    answer = topic.send_produce({("t", 0): a_batch(), ("t", 1): a_batch()}, version, acks)
    assert answer is not None
    assert [
        (part.index, part.error_code, part.base_offset, part.log_append_time_ms, part.log_start_offset)
        for part in answer.responses[0].partition_responses
    ] == [(index, errors.INVALID_REQUIRED_ACKS, -1, -1, -1) for index in (0, 1)]
    assert topic.partition().log_end_offset == 0


def test_clients_do_not_write_to_internal_topics(running: Running) -> None:
    # PROD-35, PROD-30
    running.broker.services.controller.ensure_internal_topic()
    for version in ALL:
        answer = running.produce(a_batch(), topic="__consumer_offsets", version=version)
        assert answer.error_code == errors.INVALID_TOPIC_EXCEPTION
        assert (answer.base_offset, answer.log_start_offset) == (-1, -1)
    assert running.partition("__consumer_offsets").log_end_offset == 0


def test_the_metadata_log_cannot_be_written_to(running: Running) -> None:
    # PROD-35
    assert running.produce(a_batch(), topic="__cluster_metadata").error_code == errors.UNKNOWN_TOPIC_OR_PARTITION


@pytest.mark.parametrize("version", ALL)
def test_transactional_requests_are_refused_for_good(topic: Running, version: int) -> None:
    # PROD-48: there are no transactions here, and InitProducerId has said so already
    request = topic.produce_request({("t", 0): a_batch(), ("t", 1): a_batch()}, version)
    request.transactional_id = "mine"
    parts = topic.client.send(request, version).responses[0].partition_responses
    assert [(part.index, part.error_code, part.base_offset) for part in parts] == [
        (index, errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, -1) for index in (0, 1)
    ]
    assert topic.partition().log_end_offset == 0


@pytest.mark.parametrize("version", ALL)
def test_a_transactional_request_without_acks_ends_the_connection(topic: Running, version: int) -> None:
    # PROD-48, FRM-11
    request = topic.produce_request({("t", 0): a_batch()}, version, acks=0)
    request.transactional_id = "mine"
    with pytest.raises(Disconnect):
        topic.client.send(request, version)
    assert topic.partition().log_end_offset == 0


def test_a_transactional_batch_is_refused(topic: Running) -> None:
    # PROD-50
    batch = a_batch(producer=1, attributes=0x10)
    for version in ALL:
        answer = topic.produce(batch, version=version)
        assert answer.error_code != 0
        assert answer.base_offset == -1
    assert topic.partition().log_end_offset == 0


# -- what it must be


@pytest.mark.parametrize("version", ALL)
def test_no_batch_is_an_invalid_record(topic: Running, version: int) -> None:
    # PROD-05
    for nothing in (None, b""):
        refused(topic, nothing, errors.INVALID_RECORD, version)


@pytest.mark.parametrize("version", ALL)
def test_two_batches_are_an_invalid_record(topic: Running, version: int) -> None:
    # PROD-06
    refused(topic, a_batch() + a_batch(), errors.INVALID_RECORD, version)


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("magic", [0, 1])
def test_a_batch_of_an_older_format_is_an_invalid_record(topic: Running, version: int, magic: int) -> None:
    # PROD-07
    refused(topic, with_field(3, magic), errors.INVALID_RECORD, version)


@pytest.mark.parametrize("nonsense", [None, b"", a_batch() + a_batch(), with_field(3, 0)])
def test_what_is_no_batch_is_answered_without_the_log_start(topic: Running, nonsense: bytes | None) -> None:
    # PROD-30: Kafka refuses it before it looks for the log
    answer = topic.produce(nonsense)
    assert (answer.error_code, answer.log_start_offset) == (errors.INVALID_RECORD, -1)


@pytest.mark.parametrize("version", ALL)
def test_zstd_needs_version_7(topic: Running, version: int) -> None:
    # PROD-08
    batch = a_batch(5, codec=4)
    if version < ZSTD_SINCE:
        refused(topic, batch, errors.UNSUPPORTED_COMPRESSION_TYPE, version)
    else:
        assert topic.produce(batch, version=version).base_offset == 0


@pytest.mark.parametrize("version", ALL)
def test_a_base_offset_that_is_not_zero_is_an_invalid_record(topic: Running, version: int) -> None:
    # PROD-09
    refused(topic, with_field(0, 1), errors.INVALID_RECORD, version)


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("codec", [0, 1])
def test_the_largest_batch_is_a_setting_of_the_topic(running: Running, version: int, codec: int) -> None:
    # PROD-10, PROD-30: of the compressed batch; equal size passes
    batch = a_batch(50, value=b"x" * 100, codec=codec)
    running.create("t", max_message_bytes=str(len(batch)))
    assert running.produce(batch, version=version).error_code == 0
    larger = a_batch(51, value=b"y" * 120, codec=codec)
    assert len(larger) > len(batch)
    refused(running, larger, errors.MESSAGE_TOO_LARGE, version)
    assert running.produce(larger, version=version).log_start_offset == -1


def test_the_default_largest_batch_is_kafkas(topic: Running) -> None:
    # PROD-10
    limit = 1_048_588
    frame = len(build_batch([(b"k", b"")], timestamp_ms=NOW_MS))
    exact = next(
        batch
        for spare in range(10)
        if len(batch := build_batch([(b"k", bytes(limit - frame - spare))], timestamp_ms=NOW_MS)) == limit
    )
    assert topic.produce(exact).error_code == 0
    refused(topic, build_batch([(b"k", bytes(limit))], timestamp_ms=NOW_MS), errors.MESSAGE_TOO_LARGE)


@pytest.mark.parametrize("version", ALL)
def test_a_wrong_checksum_is_corrupt(topic: Running, version: int) -> None:
    # PROD-11, PROD-30
    batch = a_batch()
    batch[-1] ^= 1
    refused(topic, batch, errors.CORRUPT_MESSAGE, version)
    assert topic.produce(batch, version=version).log_start_offset == -1


def test_a_length_below_the_headers_is_corrupt(topic: Running) -> None:
    # PROD-11
    batch = a_batch()
    batch[8:12] = (40).to_bytes(4, "big")
    refused(topic, batch, errors.CORRUPT_MESSAGE)


def test_bytes_of_another_batch_behind_the_first_are_dropped(topic: Running) -> None:
    # PROD-12
    assert topic.produce(a_batch(2) + a_batch()[:-1]).error_code == 0
    assert topic.produce(a_batch()).base_offset == 2
    assert offsets_of(topic.fetch_one()) == [0, 2]


def test_an_incomplete_batch_is_none(topic: Running) -> None:
    # PROD-12, PROD-05
    refused(topic, a_batch()[:-1], errors.INVALID_RECORD)


def test_a_control_batch_is_an_invalid_record(topic: Running) -> None:
    # PROD-13
    refused(topic, with_field(5, 0x20), errors.INVALID_RECORD)


@pytest.mark.parametrize(("field", "value"), [(12, 0), (12, -1), (12, 2), (6, -1), (6, 3)])
def test_counts_that_do_not_agree_are_an_invalid_record(topic: Running, field: int, value: int) -> None:
    # PROD-14: 12 is the count of records, 6 the last offset's delta; three records are sent
    refused(topic, with_field(field, value), errors.INVALID_RECORD)


def test_a_producer_without_a_sequence_is_an_invalid_record(topic: Running) -> None:
    # PROD-15
    refused(topic, with_field(9, 5), errors.INVALID_RECORD)


@pytest.mark.parametrize("codec", [5, 6, 7])
def test_a_codec_that_means_nothing_is_refused_as_kafka_does(topic: Running, codec: int) -> None:
    # PROD-57
    refused(topic, with_field(5, codec), errors.UNKNOWN_SERVER_ERROR)


# -- compacted topics


KEYLESS = build_batch([(b"a", b"1"), (None, b"2"), (b"c", b"3"), (None, b"4")], timestamp_ms=NOW_MS)


@pytest.mark.parametrize("version", ALL)
def test_a_compacted_topic_says_which_records_have_no_key(running: Running, version: int) -> None:
    # PROD-16, PROD-60, PROD-30: from version 8 on
    running.create("t", cleanup_policy="compact")
    refused(running, KEYLESS, errors.INVALID_RECORD, version)
    answer = running.produce(KEYLESS, version=version)
    assert answer.log_start_offset == (0 if version >= LOG_START_SINCE else -1)
    if version < RECORD_ERRORS_SINCE:
        assert (answer.record_errors, answer.error_message) == ([], None)
    else:
        assert [each.batch_index for each in answer.record_errors] == [1, 3]
        assert all(each.batch_index_error_message for each in answer.record_errors)
        assert answer.error_message


def test_a_topic_that_is_also_compacted_needs_keys(running: Running) -> None:
    # PROD-16
    running.create("t", cleanup_policy="compact,delete")
    refused(running, KEYLESS, errors.INVALID_RECORD)


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_keys_are_looked_for_in_compressed_batches(running: Running, codec: int) -> None:
    # PROD-16
    running.create("t", cleanup_policy="compact")
    batch = build_batch([(None, b"v" * 50)] * 3, timestamp_ms=NOW_MS, codec=codec)
    refused(running, batch, errors.INVALID_RECORD)
    assert [each.batch_index for each in running.produce(batch).record_errors] == [0, 1, 2]


def test_an_empty_key_is_a_key(running: Running) -> None:
    # PROD-17
    running.create("t", cleanup_policy="compact")
    assert running.produce(build_batch([(b"", b"v"), (b"k", None)], timestamp_ms=NOW_MS)).error_code == 0
    assert [(each.key, each.value) for each in records_of(running.fetch_one())] == [(b"", b"v"), (b"k", None)]


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_garbage_under_a_right_checksum_is_never_stored(running: Running, codec: int) -> None:
    # PROD-27: where the broker looks at records
    running.create("t", cleanup_policy="compact")
    batch = a_batch(3, codec=codec)
    for garbage in (
        batch[:61] + b"\x55" * (len(batch) - 61),  # no data of that codec, no records
        with_field(12, 4, with_field(6, 3, bytearray(batch))),  # fewer records than it says
        with_field(12, 2, with_field(6, 1, bytearray(batch))),  # more
    ):
        refused(running, sealed(bytearray(garbage)), errors.INVALID_RECORD)
    assert running.produce(batch).base_offset == 0


def test_offset_gaps_inside_a_batch_are_closed(running: Running) -> None:
    # PROD-26
    running.create("t", cleanup_policy="compact")
    gaps = [Record(0, NOW_MS, b"a", b""), Record(2, NOW_MS, b"b", b""), Record(5, NOW_MS, b"c", b"")]
    assert running.produce(with_field(6, 2, batch_of(gaps, codec=1))).base_offset == 0
    assert [(each.offset, each.key) for each in records_of(running.fetch_one())] == [(0, b"a"), (1, b"b"), (2, b"c")]
    assert running.produce(a_batch()).base_offset == 3


# -- timestamps


@pytest.mark.parametrize("version", ALL)
def test_timestamps_too_far_ahead_are_refused_by_default(topic: Running, version: int) -> None:
    # PROD-18, PROD-60, PROD-30: an hour ahead at most; version 8 says which records
    assert topic.produce(timed_batch(NOW_MS + HOUR_MS), version=version).error_code == 0
    bad = timed_batch(NOW_MS, NOW_MS + HOUR_MS + 1, NOW_MS, NOW_MS + 2 * HOUR_MS)
    refused(topic, bad, errors.INVALID_TIMESTAMP, version)
    answer = topic.produce(bad, version=version)
    assert answer.log_start_offset == (0 if version >= LOG_START_SINCE else -1)
    if version >= RECORD_ERRORS_SINCE:
        assert [each.batch_index for each in answer.record_errors] == [1, 3]
        assert all(each.batch_index_error_message for each in answer.record_errors)
        assert answer.error_message


def test_old_timestamps_pass_unless_the_topic_says_otherwise(topic: Running) -> None:
    # PROD-18
    assert topic.produce(timed_batch(0, 1)).error_code == 0
    topic.create("u", message_timestamp_before_max_ms="1000")
    answer = topic.produce(timed_batch(NOW_MS - 1000, NOW_MS - 1001), topic="u")
    assert answer.error_code == errors.INVALID_TIMESTAMP
    assert [each.batch_index for each in answer.record_errors] == [1]


def test_what_is_too_far_ahead_moves_with_the_clock(topic: Running) -> None:
    # PROD-18
    batch = timed_batch(NOW_MS + HOUR_MS + 5)
    refused(topic, batch, errors.INVALID_TIMESTAMP)
    topic.clock.advance(5)
    assert topic.produce(batch).error_code == 0


def test_no_timestamp_passes(running: Running) -> None:
    # PROD-18
    running.create("t", message_timestamp_before_max_ms="1", message_timestamp_after_max_ms="1")
    assert running.produce(timed_batch(-1)).error_code == 0


def test_a_bad_timestamp_decides_over_a_missing_key(running: Running) -> None:
    # PROD-19, PROD-60
    running.create("t", cleanup_policy="compact")
    records = [Record(0, NOW_MS, None, b""), Record(1, NOW_MS + 2 * HOUR_MS, b"k", b"")]
    refused(running, batch_of(records), errors.INVALID_TIMESTAMP)
    assert [each.batch_index for each in running.produce(batch_of(records)).record_errors] == [0, 1]


@pytest.mark.parametrize("kind", ["CreateTime", "LogAppendTime"])
def test_clients_do_not_set_the_timestamp_type(running: Running, kind: str) -> None:
    # PROD-20
    running.create("t", message_timestamp_type=kind)
    refused(running, sealed(batch_of([Record(0, -1, b"k", b"v")], attributes=0x08)), errors.INVALID_TIMESTAMP)


@pytest.mark.parametrize("version", ALL)
def test_create_time_is_kept_and_not_told(topic: Running, version: int) -> None:
    # PROD-21
    assert topic.produce(timed_batch(5, 7), version=version).log_append_time_ms == -1
    part = topic.fetch_one()
    assert [each.timestamp for each in records_of(part)] == [5, 7]
    assert peek(bytes(part.records or b"")).max_timestamp == 7


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("codec", [0, 1])
def test_log_append_time_replaces_timestamps_and_is_told(running: Running, version: int, codec: int) -> None:
    # PROD-22: in the answer, the header, and every record; under a right checksum
    running.create("t", message_timestamp_type="LogAppendTime")
    running.clock.advance(1234)
    assert running.produce(timed_batch(5, 7, codec=codec), version=version).log_append_time_ms == NOW_MS + 1234
    part = running.fetch_one()
    stored = bytes(part.records or b"")
    verify(stored, peek(stored))
    assert peek(stored).is_log_append_time
    assert peek(stored).max_timestamp == NOW_MS + 1234
    assert [each.timestamp for each in records_of(part)] == [NOW_MS + 1234] * 2


# -- what is stored


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_a_batch_comes_back_byte_for_byte(topic: Running, codec: int) -> None:
    # PROD-23, PROD-57, FET-43: only base offset and leader epoch are ours
    topic.lead(4)
    topic.produce(a_batch())
    batch = a_batch(20, value=b"value" * 9, codec=codec)
    assert topic.produce(batch).base_offset == 1
    stored = bytes(topic.fetch_one(1).records or b"")
    assert stored[16:] == batch[16:]
    assert (peek(stored).base_offset, peek(stored).leader_epoch, peek(stored).length) == (1, 4, len(batch))
    assert len(records_of(topic.fetch_one(1))) == 20


@pytest.mark.parametrize("sent", [0, 4])
@pytest.mark.parametrize(("name", "codec"), [("uncompressed", 0), ("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)])
def test_a_topic_with_a_codec_of_its_own_is_written_with_it(running: Running, name: str, codec: int, sent: int) -> None:
    # PROD-24
    running.create("t", compression_type=name)
    assert running.produce(a_batch(3, codec=sent)).base_offset == 0
    assert running.produce(a_batch(3, codec=sent)).base_offset == 3
    part = running.fetch_one()
    assert peek(bytes(part.records or b"")).codec == codec
    assert [each.offset for each in records_of(part)] == list(range(6))


def test_a_batch_that_grows_too_large_by_recompression_is_refused(running: Running) -> None:
    # PROD-25, PROD-30
    batch = a_batch(20, value=b"x" * 200, codec=1)
    running.create("t", compression_type="uncompressed", max_message_bytes=str(len(batch) + 100))
    refused(running, batch, errors.MESSAGE_TOO_LARGE)
    assert running.produce(batch).log_start_offset == -1


def test_a_batch_larger_than_a_segment_is_refused(running: Running) -> None:
    # PROD-28
    running.create("t", segment_bytes="1048576", max_message_bytes="2000000")
    batch = build_batch([(b"k", bytes(1048576))], timestamp_ms=NOW_MS)
    refused(running, batch, errors.RECORD_LIST_TOO_LARGE)


@pytest.mark.parametrize("version", ALL)
def test_offsets_are_consecutive(topic: Running, version: int) -> None:
    # PROD-29
    assert [topic.produce(a_batch(count), version=version).base_offset for count in (3, 1, 2)] == [0, 3, 4]


@pytest.mark.parametrize("clean", [True, False])
def test_offsets_are_never_given_again(topic: Running, clean: bool) -> None:
    # PROD-29: not after a restart, nor after all records were deleted
    topic.produce(a_batch(3))
    topic.restart(clean=clean)
    assert topic.produce(a_batch(2)).base_offset == 3
    topic.delete_records(-1)
    topic.restart(clean=clean)
    assert topic.produce(a_batch()).base_offset == 5


@pytest.mark.parametrize("version", ALL)
def test_the_log_start_is_told(topic: Running, version: int) -> None:
    # PROD-30: from version 5 on; on success, and for records that are refused
    topic.produce(a_batch(5))
    topic.delete_records(3)
    expected = 3 if version >= LOG_START_SINCE else -1
    assert topic.produce(a_batch(), version=version).log_start_offset == expected
    for bad in (with_field(5, 0x20), timed_batch(NOW_MS + 2 * HOUR_MS)):
        answer = topic.produce(bad, version=version)
        assert (answer.error_code != 0, answer.log_start_offset) == (True, expected)


@pytest.mark.parametrize("acks", [1, -1])
def test_one_broker_answers_right_after_the_append(topic: Running, acks: int) -> None:
    # PROD-32, PROD-34: no time passes
    answer = topic.send_produce({("t", 0): a_batch()}, 12, acks)
    assert answer is not None
    assert answer.responses[0].partition_responses[0].base_offset == 0
    assert topic.fetch_one().high_watermark == 1


@pytest.mark.parametrize("acks", [1, -1])
def test_the_only_replica_is_enough_in_sync_replicas(running: Running, acks: int) -> None:
    # PROD-33
    running.create("t", min_insync_replicas="3")
    assert running.produce(a_batch(), acks=acks).error_code == 0


@pytest.mark.parametrize("epoch", [-1, 0, 7, 2**31 - 1])
def test_the_leader_epoch_is_ours_whatever_the_client_says(topic: Running, epoch: int) -> None:
    # PROD-55
    topic.lead(5)
    batch = a_batch()
    batch[12:16] = epoch.to_bytes(4, "big", signed=True)
    assert topic.produce(batch).error_code == 0
    assert peek(bytes(topic.fetch_one().records or b"")).leader_epoch == 5


def test_nulls_empties_and_headers_come_back(topic: Running) -> None:
    # PROD-56
    pairs: list[tuple[bytes | None, bytes | None]] = [(None, None), (b"", b""), (None, b""), (b"", None)]
    headers: list[list[Header]] = [[], [("", b"")], [("h", None), ("h", b"1")], [("é", b"\xff")]]
    topic.produce(build_batch(pairs, timestamp_ms=NOW_MS, headers=headers))
    found = records_of(topic.fetch_one())
    assert [(each.key, each.value) for each in found] == pairs
    assert [list(each.headers) for each in found] == headers


# -- the rest of the answer


@pytest.mark.parametrize("version", versions(PRODUCE, since=10))
def test_there_are_no_leader_hints(topic: Running, version: int) -> None:
    # PROD-37: zeros would be read as broker 0
    answer = topic.send_produce({("t", 0): a_batch(), ("t", 9): a_batch()}, version)
    assert answer is not None
    assert [part.current_leader for part in answer.responses[0].partition_responses] == [None, None]
    assert answer.node_endpoints == []


@pytest.mark.parametrize("version", versions(PRODUCE, since=RECORD_ERRORS_SINCE))
def test_errors_that_are_not_about_records_list_none(topic: Running, version: int) -> None:
    # PROD-60
    good = topic.produce(a_batch(), version=version)
    assert (good.record_errors, good.error_message) == ([], None)
    assert topic.produce(with_field(5, 0x20), version=version).record_errors == []


@pytest.mark.parametrize("version", versions(PRODUCE, since=RECORD_ERRORS_SINCE))
def test_an_error_says_what_was_wrong(topic: Running, version: int) -> None:
    # PROD-60: unless there is nothing else to say than what the code says
    assert topic.produce(with_field(5, 0x20), version=version).error_message not in (None, "INVALID_RECORD")
    assert topic.produce(a_batch(), index=9, version=version).error_message is None


def test_nobody_is_throttled(topic: Running) -> None:
    # QUO-01
    for version in ALL:
        answer = topic.send_produce({("t", 0): a_batch()}, version)
        assert answer is not None
        assert answer.throttle_time_ms == 0


def test_a_change_of_settings_counts_for_the_next_batch(topic: Running) -> None:
    # PROD-10, CONF-20
    from pykbroker.wire.messages.incremental_alter_configs import (
        AlterableConfig,
        AlterConfigsResource,
        IncrementalAlterConfigsRequest,
    )

    batch = a_batch(value=b"v" * 100)
    assert topic.produce(batch).error_code == 0
    change = AlterableConfig(name="max.message.bytes", config_operation=0, value="100")
    resource = AlterConfigsResource(resource_type=2, resource_name="t", configs=[change])
    assert not topic.client.send(IncrementalAlterConfigsRequest(resources=[resource]), 1).responses[0].error_code
    refused(topic, batch, errors.MESSAGE_TOO_LARGE)


@pytest.mark.parametrize("clean", [True, False])
def test_what_was_acknowledged_is_there_after_the_end_of_the_process(tmp_path: Path, clean: bool) -> None:
    # STO-28, STO-27
    running = Running(tmp_path)
    topic_id = running.create("t", partitions=2)
    for index in (0, 1):
        for count in (1, 2, 3):
            assert running.produce(a_batch(count), index=index).error_code == 0
    before = [bytes(running.fetch_one(index=index).records or b"") for index in (0, 1)]
    running.restart(clean=clean)
    assert [bytes(running.fetch_one(index=index).records or b"") for index in (0, 1)] == before
    assert running.topic_id() == topic_id
    running.stop()
