"""A consumer group in a test: who is in it, how far it is, and waiting for either."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as Position

from pykbroker.errors import KafkaError
from pykbroker.testing import Broker
from tests.testing.conftest import Waiting

Join = Callable[[], Consumer]


@pytest.fixture
def join(kafka: Broker) -> Iterator[Join]:
    """Start a consumer of group `g` that reads `orders` from its beginning; all are closed in the end."""
    consumers: list[Consumer] = []

    def join() -> Consumer:
        settings = {"bootstrap.servers": kafka.bootstrap_servers, "group.id": "g", "client.id": f"app-{len(consumers)}"}
        timing = {"heartbeat.interval.ms": 100, "enable.auto.commit": False}
        consumer = Consumer({**settings, **timing, "auto.offset.reset": "earliest"})
        consumer.subscribe(["orders"])
        consumers.append(consumer)
        return consumer

    yield join
    for consumer in consumers:
        with suppress(RuntimeError):  # the test has closed it
            consumer.close()


def read(consumer: Consumer, count: int) -> None:
    """Read so many records, and commit."""
    for _ in range(count):
        message = consumer.poll(30)
        assert message is not None
        assert message.error() is None
    consumer.commit(asynchronous=False)


def message_of(call: Callable[[], object]) -> str:
    with pytest.raises(AssertionError) as raised:
        call()
    return str(raised.value)


def test_a_group_that_does_not_exist_is_dead(kafka: Broker) -> None:
    group = kafka.group("g")
    assert (group.state, group.members(), group.committed()) == ("Dead", [], {})
    with pytest.raises(KafkaError, match="GROUP_ID_NOT_FOUND: there is no group g"):
        group.lag()


def test_members_are_waited_for(kafka: Broker, join: Join, waiting: Waiting) -> None:
    kafka.create_topic("orders", 2)
    found = waiting(kafka.group("g").wait_stable, members=1)
    join()
    (member,) = found.result()
    assert member.client_id == "app-0"
    assert member.client_host.endswith("127.0.0.1")
    assert member.group_instance_id is None
    assert member.partitions == (("orders", 0), ("orders", 1))
    assert kafka.group("g").state == "Stable"


def test_a_stable_group_of_another_size_is_not_enough(kafka: Broker, join: Join) -> None:
    kafka.create_topic("orders", 2)
    join()
    kafka.group("g").wait_stable()
    text = message_of(lambda: kafka.group("g").wait_stable(members=2, within=0))
    assert text.startswith("not stable with 2 members within 0 s: group g is Stable\n  app-0 at ")
    assert text.endswith("127.0.0.1: orders-0, orders-1")


def test_members_share_partitions(kafka: Broker, join: Join, waiting: Waiting) -> None:
    kafka.create_topic("orders", 2)
    found = waiting(kafka.group("g").wait_stable, members=2)
    consumers = join(), join()
    while not found.done():
        for consumer in consumers:
            consumer.poll(0.05)
    assert sorted(member.partitions for member in found.result()) == [(("orders", 0),), (("orders", 1),)]


def test_lag_shrinks_with_commits(kafka: Broker, join: Join) -> None:
    for number in range(5):
        kafka.topic("orders").produce(str(number))
    consumer = join()
    kafka.group("g").wait_stable()
    assert kafka.group("g").lag() == 5
    read(consumer, 2)
    assert kafka.group("g").lag() == 3
    assert kafka.group("g").committed() == {("orders", 0): 2}


def test_lag_of_a_topic_counts_partitions_that_nobody_committed(kafka: Broker, join: Join) -> None:
    topic = kafka.create_topic("orders", 2)
    for index in (0, 1):
        topic.produce("x", partition=index)
    consumer = join()
    kafka.group("g").wait_stable()
    consumer.commit(offsets=[Position("orders", 0, 1)], asynchronous=False)
    assert kafka.group("g").lag("orders") == 1
    assert kafka.group("g").lag("nothing") == 0


def test_a_group_is_waited_for_until_it_has_read_everything(kafka: Broker, join: Join, waiting: Waiting) -> None:
    for number in range(3):
        kafka.topic("orders").produce(str(number))
    found = waiting(kafka.group("g").wait_caught_up)
    consumer = join()
    read(consumer, 2)
    assert not found.done()
    read(consumer, 1)
    assert found.result() is None


def test_a_group_that_is_behind_is_shown_with_its_lags(kafka: Broker, join: Join) -> None:
    kafka.topic("orders").produce("x")
    join()
    kafka.group("g").wait_stable()
    text = message_of(lambda: kafka.group("g").wait_caught_up(within=0))
    assert text.startswith("not caught up within 0 s: group g is Stable\n  app-0 at ")
    assert text.endswith("orders-0\n  orders-0: 1 behind")


def test_a_group_without_partitions_has_not_caught_up(kafka: Broker) -> None:
    text = message_of(lambda: kafka.group("g").wait_caught_up(within=0))
    assert text == "not caught up within 0 s: there is no group g"


def test_an_empty_group_keeps_what_it_committed(kafka: Broker, join: Join) -> None:
    kafka.topic("orders").produce("x")
    consumer = join()
    read(consumer, 1)
    consumer.close()
    kafka.topic("orders").produce("y")
    assert kafka.group("g").lag() == 1
    assert "nobody is in it" in message_of(lambda: kafka.group("g").wait_stable(within=0))


def test_a_group_is_its_id(kafka: Broker) -> None:
    assert (str(kafka.group("g")), repr(kafka.group("g"))) == ("g", "Group('g')")
