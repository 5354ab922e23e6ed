"""Going back to an earlier state: what came since then is gone, what was there before stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer

from pykbroker.metadata.configs import SET, Alteration
from pykbroker.metadata.image import BROKER
from pykbroker.testing import Broker
from pykbroker.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from tests.server.peer import Peer
from tests.testing.conftest import Waiting


@contextmanager
def member(kafka: Broker, group_id: str) -> Iterator[Consumer]:
    settings = {"bootstrap.servers": kafka.bootstrap_servers, "group.id": group_id, "heartbeat.interval.ms": 100}
    consumer = Consumer(settings)
    consumer.subscribe(["orders"])
    kafka.group(group_id).wait_stable()
    yield consumer
    consumer.close()


def commit(kafka: Broker, group_id: str, topic: str) -> None:
    with Peer(kafka) as peer:  # type: ignore[arg-type]  # has host and port too
        partition = OffsetCommitRequestPartition(partition_index=0, committed_offset=1)
        wanted = OffsetCommitRequestTopic(name=topic, partitions=[partition])
        answer = peer.ask(OffsetCommitRequest(group_id=group_id, topics=[wanted]), 7)
        assert answer.topics[0].partitions[0].error_code == 0


def test_topics_that_came_are_gone_and_others_stay(kafka: Broker) -> None:
    kafka.topic("before").produce("x")
    state = kafka.state()
    kafka.topic("after").produce("x")
    assert kafka.reset(state) == []
    assert kafka.topics() == ["before"]
    assert kafka.topic("before").count() == 1


def test_a_topic_that_was_made_anew_is_gone(kafka: Broker) -> None:
    kafka.create_topic("orders")
    state = kafka.state()
    kafka.reset()
    kafka.create_topic("orders")
    kafka.reset(state)
    assert kafka.topics() == []


def test_groups_that_came_are_gone_with_their_offsets_and_others_stay(kafka: Broker) -> None:
    kafka.create_topic("orders")
    commit(kafka, "before", "orders")
    state = kafka.state()
    commit(kafka, "after", "orders")
    assert kafka.reset(state) == []
    assert kafka.group("before").committed() == {("orders", 0): 1}
    assert (kafka.group("after").state, kafka.group("after").committed()) == ("Dead", {})


def test_groups_in_use_are_gone_and_named(kafka: Broker) -> None:
    state = kafka.state()
    kafka.create_topic("orders")
    with member(kafka, "b"), member(kafka, "a"):
        assert kafka.reset(state) == ["a", "b"]
        assert kafka.group("a").state == "Dead"


def test_a_consumer_that_is_left_hears_of_it_and_joins_again(kafka: Broker, waiting: Waiting) -> None:
    kafka.create_topic("orders")
    with member(kafka, "g") as consumer:
        kafka.reset()
        found = waiting(kafka.group("g").wait_stable, members=1)
        while not found.done():
            consumer.poll(0.05)


def test_removed_groups_do_not_come_back_with_a_restart(kafka: Broker, tmp_path: object) -> None:
    with Broker(data=str(tmp_path)) as other:
        other.create_topic("orders")
        commit(other, "g", "orders")
        other.reset()
    with Broker(data=str(tmp_path)) as other:
        assert (other.topics(), other.group("g").state) == ([], "Dead")


def test_the_brokers_own_topics_stay(kafka: Broker) -> None:
    kafka.create_topic("orders")
    commit(kafka, "g", "orders")
    kafka.reset()
    assert kafka.topic("__consumer_offsets").partitions == 1


def test_changed_configs_get_their_old_values(kafka: Broker) -> None:
    def set_config(key: str, value: str) -> None:
        wanted = [Alteration(BROKER, "", [(key, SET, value)])]
        assert kafka._call(lambda services: services.controller.alter_configs(wanted)[0].error) is None

    set_config("message.max.bytes", "1000")
    state = kafka.state()
    set_config("message.max.bytes", "2000")
    set_config("log.retention.ms", "1000")
    kafka.reset(state)
    configs = kafka._call(lambda services: dict(services.image.config_of(BROKER, "")))
    assert configs == {"message.max.bytes": "1000"}
    kafka.reset()
    assert kafka._call(lambda services: services.image.config_of(BROKER, "")) == {}
