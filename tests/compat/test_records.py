"""What every client sends comes back as it was: codecs, keys, nulls, headers, timestamps, acks, sizes."""

import pytest

from tests.compat.clients import CLIENTS, Client, Record
from tests.compat.clients.model import Refused, by_partition
from tests.compat.conftest import usable
from tests.compat.process import Broker
from tests.compat.topics import create_topic

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
MIB = 1 << 20


def bodies(records: list[Record]) -> list[tuple[bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]]]:
    """Return what the sender chose, without what the broker added."""
    return [(record.key, record.value, record.headers) for record in records]


@pytest.mark.parametrize("codec", CODECS)
def test_records_come_back_with_every_codec(client: Client, broker: Broker, name: str, codec: str) -> None:
    """PROD-23, PROD-29, FET-43, API-09: an old librdkafka (kcat) compresses only if Produce is offered from 0."""
    if codec not in client.codecs:
        pytest.skip(f"{client.name} has no {codec}")
    create_topic(broker.bootstrap, name)
    sent = [Record(f"value {number} ".encode() * 20, f"key {number % 7}".encode()) for number in range(300)]
    offsets = client.produce(broker.bootstrap, name, sent, codec=codec)
    got = client.consume(broker.bootstrap, name, len(sent))
    assert bodies(got) == bodies(sent)
    assert [record.offset for record in got] == list(range(300))
    if client.reports_offsets:
        assert offsets == list(range(300))


def test_keys_nulls_empty_values_and_headers_come_back(client: Client, broker: Broker, name: str) -> None:
    """STO-03: null and empty are different, for keys, values and header values."""
    create_topic(broker.bootstrap, name)
    sent = [
        Record(b"value only"),
        Record(b"value", b"key"),
        Record(None, b"tombstone"),
        Record(b"", b"empty value"),
        Record(b"\x00\xff\xfe binary \x80", b"\x00\x01"),
        Record(b"with headers", b"k", (("one", b"1"), ("one", b"again"), ("empty", b""))),
    ]
    if client.sends_null_headers:
        sent.append(Record(b"null header", None, (("none", None),)))
    if client.sends_empty_keys:
        sent.append(Record(b"", b""))
    client.produce(broker.bootstrap, name, sent)
    assert bodies(client.consume(broker.bootstrap, name, len(sent))) == bodies(sent)


def test_timestamps_of_the_sender_are_kept(client: Client, broker: Broker, name: str) -> None:
    """PROD-21"""
    if not client.sets_timestamps:
        pytest.skip(f"{client.name} cannot set timestamps")
    create_topic(broker.bootstrap, name)
    sent = [Record(b"x", timestamp=1_600_000_000_000 + step) for step in (0, 5, 3, 1000, 2)]
    client.produce(broker.bootstrap, name, sent)
    got = client.consume(broker.bootstrap, name, len(sent))
    assert [record.timestamp for record in got] == [record.timestamp for record in sent]


def test_log_append_time_replaces_the_senders_timestamp(client: Client, broker: Broker, name: str) -> None:
    """PROD-22"""
    create_topic(broker.bootstrap, name, message_timestamp_type="LogAppendTime")
    stamp = 1_600_000_000_000 if client.sets_timestamps else None
    client.produce(broker.bootstrap, name, [Record(b"a", timestamp=stamp), Record(b"b", timestamp=stamp)])
    got = client.consume(broker.bootstrap, name, 2)
    assert [record.value for record in got] == [b"a", b"b"]
    assert all((record.timestamp or 0) > 1_700_000_000_000 for record in got)


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_every_acks_level_stores_the_records(client: Client, broker: Broker, name: str, acks: str) -> None:
    """FRM-10, PROD-32"""
    create_topic(broker.bootstrap, name)
    sent = [Record(str(number).encode()) for number in range(50)]
    client.produce(broker.bootstrap, name, sent, acks=acks)
    got = client.consume(broker.bootstrap, name, 50)
    assert [record.value for record in got] == [record.value for record in sent]


def test_idempotent_producer_stores_each_record_once_in_order(client: Client, broker: Broker, name: str) -> None:
    """TXN-01, PROD-38, PROD-39"""
    create_topic(broker.bootstrap, name, partitions=2)
    sent = [Record(str(number).encode(), partition=number % 2) for number in range(2000)]
    client.produce(broker.bootstrap, name, sent, idempotent=True)
    got = by_partition(client.consume(broker.bootstrap, name, len(sent), partitions=(0, 1)))
    assert {p: [r.value for r in records] for p, records in got.items()} == {
        p: [r.value for r in records] for p, records in by_partition(sent).items()
    }


def test_partitions_have_offsets_of_their_own(client: Client, broker: Broker, name: str) -> None:
    """PROD-03, PROD-29"""
    create_topic(broker.bootstrap, name, partitions=3)
    sent = [Record(str(number).encode(), partition=number % 3) for number in range(30)]
    client.produce(broker.bootstrap, name, sent)
    got = by_partition(client.consume(broker.bootstrap, name, 30, partitions=(0, 1, 2)))
    assert {p: [r.offset for r in records] for p, records in got.items()} == {p: list(range(10)) for p in range(3)}


def test_reading_starts_inside_a_batch(client: Client, broker: Broker, name: str) -> None:
    """FET-01: the batch around the offset is sent whole, and the client drops its head."""
    create_topic(broker.bootstrap, name)
    client.produce(broker.bootstrap, name, [Record(str(number).encode()) for number in range(100)])
    got = client.consume(broker.bootstrap, name, 63, start=37)
    assert [record.value for record in got] == [str(number).encode() for number in range(37, 100)]


def test_topic_is_created_by_producing_to_it(client: Client, broker: Broker, name: str) -> None:
    """MD-05"""
    client.produce(broker.bootstrap, name, [Record(b"first"), Record(b"second")])
    assert [record.value for record in client.consume(broker.bootstrap, name, 2)] == [b"first", b"second"]


def test_record_near_the_limit_is_stored(client: Client, broker: Broker, name: str) -> None:
    """PROD-10, FET-06"""
    create_topic(broker.bootstrap, name)
    value = bytes(range(32, 127)) * (990_000 // 95)
    client.produce(broker.bootstrap, name, [Record(value), Record(b"next")])
    assert [record.value for record in client.consume(broker.bootstrap, name, 2)] == [value, b"next"]


def test_record_over_the_limit_is_refused_with_an_error_that_says_so(
    client: Client, broker: Broker, name: str,
) -> None:
    """PROD-10: the client's own limit is raised, so that the broker is the one to say no."""
    create_topic(broker.bootstrap, name)
    with pytest.raises(Refused, match=r"(?i)MESSAGE_?SIZE_?TOO_?LARGE|MessageSizeTooLarge|too large"):
        client.produce(broker.bootstrap, name, [Record(b"x" * 2 * MIB)], max_bytes=8 * MIB)
    client.produce(broker.bootstrap, name, [Record(b"still fine")])
    assert [record.value for record in client.consume(broker.bootstrap, name, 1)] == [b"still fine"]


def test_topic_with_a_larger_limit_takes_larger_records(client: Client, broker: Broker, name: str) -> None:
    """PROD-10, FET-06: larger also than a consumer's fetch limit for a partition, 1 MiB."""
    create_topic(broker.bootstrap, name, max_message_bytes=str(4 * MIB))
    values = [bytes([65 + number]) * (3 * MIB) for number in range(2)]
    client.produce(broker.bootstrap, name, [Record(value) for value in values], max_bytes=8 * MIB)
    assert [record.value for record in client.consume(broker.bootstrap, name, 2)] == values


def test_record_without_key_is_refused_by_a_compacted_topic(client: Client, broker: Broker, name: str) -> None:
    """PROD-16; aiokafka has no name for INVALID_RECORD."""
    create_topic(broker.bootstrap, name, cleanup_policy="compact")
    with pytest.raises(Refused, match=r"InvalidRecord|failed to validate|UnknownError"):
        client.produce(broker.bootstrap, name, [Record(b"no key")])
    client.produce(broker.bootstrap, name, [Record(b"v", b"key")])
    assert [record.key for record in client.consume(broker.bootstrap, name, 1)] == [b"key"]


@pytest.mark.parametrize("broker_codec", ["gzip", "snappy", "lz4", "zstd", "uncompressed"])
def test_topic_codec_replaces_the_producers(client: Client, broker: Broker, name: str, broker_codec: str) -> None:
    """PROD-24"""
    create_topic(broker.bootstrap, name, compression_type=broker_codec)
    sent = [Record(f"value {number}".encode() * 10, b"k") for number in range(200)]
    client.produce(broker.bootstrap, name, sent, codec="gzip")
    got = client.consume(broker.bootstrap, name, len(sent))
    assert bodies(got) == bodies(sent)
    assert [record.offset for record in got] == list(range(200))


@pytest.mark.parametrize("reader", CLIENTS)
def test_one_client_reads_what_another_wrote(client: Client, broker: Broker, name: str, reader: str) -> None:
    """FET-43: all codecs in one log."""
    reading = usable(reader)
    create_topic(broker.bootstrap, name)
    sent = []
    for codec in client.codecs:
        some = [Record(f"{codec} {number} ".encode() * 5, b"key", (("h", b"1"),)) for number in range(60)]
        client.produce(broker.bootstrap, name, some, codec=codec)
        sent += some
    assert bodies(reading.consume(broker.bootstrap, name, len(sent))) == bodies(sent)
