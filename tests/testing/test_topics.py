"""A topic in a test: records go in, are found, are waited for, and are shown when they do not come."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from kafka.partitioner.default import murmur2

from pykbroker.errors import KafkaError
from pykbroker.testing import Broker, Record
from pykbroker.testing.hosting import Event
from pykbroker.testing.matching import Pattern
from tests.testing.conftest import Waiting


def message_of(call: Callable[[], object]) -> str:
    with pytest.raises(AssertionError) as raised:
        call()
    return str(raised.value)


def test_a_record_is_as_it_was_produced(kafka: Broker) -> None:
    stored = kafka.topic("orders").produce("paid", key="a", headers={"trace": b"\x01", "none": None}, timestamp=1234)
    assert stored == Record("orders", 0, 0, 1234, b"a", b"paid", (("trace", b"\x01"), ("none", None)))
    assert kafka.topic("orders").records() == [stored]


def test_a_missing_topic_is_created_with_the_brokers_defaults(kafka: Broker) -> None:
    topic = kafka.topic("orders")
    assert (topic.partitions, topic.count()) == (0, 0)
    topic.produce("paid")
    assert (topic.partitions, topic.count()) == (1, 1)


def test_json_goes_in_and_comes_out(kafka: Broker) -> None:
    kafka.topic("orders").produce({"id": 1, "lines": [2, 3]})
    record = kafka.topic("orders").expect(value={"lines": [2, 3], "id": 1}, within=0)
    assert record.json() == json.loads(record.text) == {"id": 1, "lines": [2, 3]}


def test_a_null_value_is_a_tombstone(kafka: Broker) -> None:
    kafka.topic("orders").produce(key="a")
    record = kafka.topic("orders").expect(key="a", value=None, within=0)
    assert (record.value, record.text) == (None, "")


def test_equal_keys_share_a_partition_as_with_kafkas_clients(kafka: Broker) -> None:
    topic = kafka.create_topic("orders", 10)
    kafka_pythons = (murmur2(b"customer-1") & 0x7FFFFFFF) % 10
    assert {topic.produce(str(n), key="customer-1").partition for n in range(3)} == {kafka_pythons}


def test_records_without_a_key_are_spread(kafka: Broker) -> None:
    topic = kafka.create_topic("orders", 3)
    assert sorted(topic.produce("x").partition for _ in range(6)) == [0, 0, 1, 1, 2, 2]


def test_a_partition_can_be_named(kafka: Broker) -> None:
    topic = kafka.create_topic("orders", 3)
    topic.produce("x", key="a", partition=2)
    assert topic.expect(partition=2, within=0).value == b"x"
    with pytest.raises(KafkaError, match="UNKNOWN_TOPIC_OR_PARTITION"):
        topic.produce("x", partition=3)


def test_what_a_producer_would_be_refused_is_refused(kafka: Broker) -> None:
    with pytest.raises(KafkaError, match="MESSAGE_TOO_LARGE"):
        kafka.create_topic("small", max_message_bytes=100).produce("x" * 200)
    with pytest.raises(KafkaError, match="INVALID_TOPIC_EXCEPTION"):
        kafka.topic("no/name").produce("x")
    with pytest.raises(KafkaError, match="INVALID_TOPIC_EXCEPTION"):
        kafka.topic("__consumer_offsets").produce("x")


def test_topics_have_the_configs_that_they_are_created_with(kafka: Broker) -> None:
    kafka.create_topic("small", cleanup_policy="compact", retention_ms=1000)
    configs = kafka._call(lambda services: services.image.topics["small"].config)
    assert configs == {"cleanup.policy": "compact", "retention.ms": "1000"}
    with pytest.raises(KafkaError, match="TOPIC_ALREADY_EXISTS"):
        kafka.create_topic("small")
    with pytest.raises(KafkaError, match="INVALID_CONFIG"):
        kafka.create_topic("wrong", retention="1000")


def test_records_come_by_partition_and_offset(kafka: Broker) -> None:
    topic = kafka.create_topic("orders", 2)
    for index in (1, 0, 1):
        topic.produce("x", partition=index)
    assert [(record.partition, record.offset) for record in topic.records()] == [(0, 0), (1, 0), (1, 1)]


@pytest.mark.parametrize(
    "wanted",
    [
        {"key": "b"},
        {"key": b"b"},
        {"value": "second"},
        {"value": lambda value: value.endswith(b"nd")},
        {"key": ..., "value": "second", "headers": {"trace": "2"}},
        {"headers": {"trace": lambda trace: trace == b"2"}},
        {"headers": {"only": ...}},
        {"headers": {"only": None}},
    ],
)
def test_the_first_record_that_fits_is_found(kafka: Broker, wanted: dict[str, object]) -> None:
    topic = kafka.topic("orders")
    topic.produce("first", key="a", headers={"trace": "1"})
    topic.produce("second", key="b", headers={"trace": "2", "only": None})
    topic.produce("second", key="b", headers={"trace": "2", "only": None})
    assert topic.expect(within=0, **wanted).offset == 1  # type: ignore[arg-type]


def test_a_wait_ends_with_the_record(kafka: Broker, waiting: Waiting) -> None:
    topic = kafka.topic("orders")
    topic.produce("first")
    found = waiting(topic.expect, value="second")
    topic.produce("second")
    assert found.result().offset == 1


def test_a_wait_goes_on_after_a_record_that_does_not_fit(kafka: Broker, waiting: Waiting) -> None:
    topic = kafka.create_topic("orders")
    found = waiting(topic.expect, value="second")
    topic.produce("first")
    waiting.again()
    topic.produce("second")
    assert found.result().offset == 1


def test_a_wait_covers_a_topic_that_does_not_exist_yet(kafka: Broker, waiting: Waiting) -> None:
    found = waiting(kafka.topic("orders").expect)
    kafka.create_topic("orders", 2)
    waiting.again()
    kafka.topic("orders").produce("x", partition=1)
    assert found.result().partition == 1


def test_a_wait_covers_a_topic_that_is_made_anew(kafka: Broker, waiting: Waiting) -> None:
    kafka.topic("orders").produce("old")
    found = waiting(kafka.topic("orders").expect, value="new")
    kafka.reset()
    waiting.again()
    kafka.topic("orders").produce("new")
    assert found.result().offset == 0


def test_a_number_of_records_is_waited_for(kafka: Broker, waiting: Waiting) -> None:
    topic = kafka.topic("orders")
    topic.produce("first")
    found = waiting(topic.records, at_least=2)
    topic.produce("second")
    assert [record.value for record in found.result()] == [b"first", b"second"]


def test_nobody_watches_any_more_after_a_wait(kafka: Broker, waiting: Waiting) -> None:
    topic = kafka.create_topic("orders")
    found = waiting(topic.expect)
    topic.produce("x")
    found.result()
    partitions = kafka._call(lambda services: [services.partitions.get("orders", 0), services.controller.partition])
    assert [watcher for each in partitions for watcher in each._watchers or () if isinstance(watcher, Event)] == []


def test_what_is_not_found_shows_what_is_there(kafka: Broker) -> None:
    topic = kafka.create_topic("orders", 2)
    topic.produce({"id": 1}, key="a", partition=0, timestamp=2)
    topic.produce(b"\xff\x00", headers={"trace": "x", "none": None}, partition=1, timestamp=1)
    text = message_of(lambda: topic.expect(key="b", value={"id": 2}, headers={"h": ...}, partition=1, within=0))
    assert text == (
        "no record with key 'b', value {'id': 2}, partition 1 within 0 s\n"
        "orders has 2 records in 2 partitions:\n"
        "  1:0  key=None  value=b'\\xff\\x00'  headers={'trace': 'x', 'none': None}\n"
        "  0:0  key='a'  value='{\"id\": 1}'"
    )


def test_an_empty_topic_is_shown_as_such(kafka: Broker) -> None:
    kafka.create_topic("orders")
    text = message_of(lambda: kafka.topic("orders").expect(within=0))
    assert text == "no record at all within 0 s\norders has 0 records in 1 partition"


def test_a_missing_topic_is_shown_with_those_that_are_there(kafka: Broker) -> None:
    kafka.create_topic("order")
    text = message_of(lambda: kafka.topic("orders").expect(key="a", within=0))
    assert text == "no record with key 'a' within 0 s\nThere is no topic orders, only: order"


def test_of_many_records_the_newest_are_shown(kafka: Broker) -> None:
    for number in range(25):
        kafka.topic("orders").produce(f"{number}")
    text = message_of(lambda: kafka.topic("orders").expect(value="x", within=0))
    assert "  … 5 before these …\n  0:5  key=None  value='5'\n" in text
    assert text.endswith("  0:24  key=None  value='24'")


def test_too_few_records_are_shown(kafka: Broker) -> None:
    kafka.topic("orders").produce("x")
    text = message_of(lambda: kafka.topic("orders").records(at_least=2, within=0))
    assert text.startswith("fewer than 2 records within 0 s\norders has 1 record in 1 partition:\n")


def an_even_number(value: bytes | None) -> bool:
    return int(value or b"1") % 2 == 0


def test_a_function_is_shown_by_its_name(kafka: Broker) -> None:
    pattern: Pattern = an_even_number
    text = message_of(lambda: kafka.topic("orders").expect(value=pattern, within=0))
    assert text.startswith("no record with value that an_even_number says yes to within")


def test_an_error_of_a_function_is_the_tests(kafka: Broker) -> None:
    kafka.topic("orders").produce("one")
    with pytest.raises(ValueError, match="invalid literal for int"):
        kafka.topic("orders").expect(value=an_even_number, within=0)


def test_content_of_another_type_is_refused(kafka: Broker) -> None:
    with pytest.raises(TypeError, match=r"keys and values are bytes, text, None, or for JSON .*, not 5"):
        kafka.topic("orders").produce(5)  # type: ignore[arg-type]


def test_records_that_were_deleted_are_not_there(kafka: Broker) -> None:
    topic = kafka.topic("orders")
    for value in ("first", "second"):
        topic.produce(value)
    kafka._call(lambda services: services.partitions.get("orders", 0).delete_records(1))
    assert [record.value for record in topic.records()] == [b"second"]


def test_a_topic_is_its_name(kafka: Broker) -> None:
    assert (str(kafka.topic("orders")), repr(kafka.topic("orders"))) == ("orders", "Topic('orders')")
