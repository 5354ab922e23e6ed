"""kcat's own modes: -L, -P, -C, -Q are also played by the scenarios; here is what only the command line shows."""

import json
import subprocess

import pytest

from tests.compat.clients import reason_to_skip
from tests.compat.clients.kcat import kcat
from tests.compat.polling import eventually
from tests.compat.process import Broker
from tests.compat.topics import create_topic
from tests.compat.unbuilt import not_yet

pytestmark = pytest.mark.skipif(bool(reason_to_skip("kcat")), reason=reason_to_skip("kcat") or "-")


def test_metadata_of_the_cluster_is_listed(broker: Broker, name: str) -> None:
    """MD-01, MD-02, MD-03"""
    create_topic(broker.bootstrap, name, partitions=3)
    listed = json.loads(kcat("-L", "-J", "-b", broker.bootstrap))
    (node,) = listed["brokers"]
    assert node["name"] == broker.bootstrap
    assert listed["controllerid"] == node["id"]
    (topic,) = [topic for topic in listed["topics"] if topic["topic"] == name]
    here = [{"id": node["id"]}]
    assert topic["partitions"] == [
        {"partition": number, "leader": node["id"], "replicas": here, "isrs": here} for number in range(3)
    ]


def test_topic_is_created_by_asking_for_it(broker: Broker, name: str) -> None:
    """MD-05, MD-06: kcat -L -t is a producer's metadata request, which allows creation."""

    def partitions() -> list[object]:
        (topic,) = json.loads(kcat("-L", "-J", "-b", broker.bootstrap, "-t", name))["topics"]
        return list(topic["partitions"])

    assert len(eventually(partitions)) == 1


def test_illegal_topic_name_is_an_error(broker: Broker) -> None:
    """MD-08"""
    (topic,) = json.loads(kcat("-L", "-J", "-b", broker.bootstrap, "-t", "no good"))["topics"]
    assert topic["error"] == "Broker: Invalid topic"


def test_lines_go_in_and_come_out(broker: Broker, name: str) -> None:
    """MD-05: the topic is created by producing."""
    kcat("-P", "-b", broker.bootstrap, "-t", name, "-z", "lz4", stdin=b"one\ntwo\nthree\n")
    assert kcat("-C", "-b", broker.bootstrap, "-t", name, "-o", "beginning", "-e", "-q") == b"one\ntwo\nthree\n"


def test_keys_headers_and_timestamps_show_in_json(broker: Broker, name: str) -> None:
    create_topic(broker.bootstrap, name)
    kcat("-P", "-b", broker.bootstrap, "-t", name, "-K", ":", "-H", "h=1", stdin=b"k:v\n")
    record = json.loads(kcat("-C", "-J", "-b", broker.bootstrap, "-t", name, "-c", "1", "-q"))
    assert record["tstype"] == "create"
    assert (record["key"], record["payload"], record["headers"]) == ("k", "v", ["h", "1"])
    assert (record["topic"], record["partition"], record["offset"]) == (name, 0, 0)


def test_group_reads_from_where_it_stopped(broker: Broker, name: str) -> None:
    """OFF-30, GRP-33: -G with -c commits as it leaves."""
    create_topic(broker.bootstrap, name)
    kcat("-P", "-b", broker.bootstrap, "-t", name, stdin=b"a\nb\nc\nd\n")
    group = ["-b", broker.bootstrap, "-q", "-X", "auto.offset.reset=earliest", "-G", name, name]
    assert kcat("-c", "3", *group) == b"a\nb\nc\n"
    assert kcat("-c", "1", *group) == b"d\n"


@not_yet("transactions")
def test_transaction_is_visible_only_when_committed(broker: Broker, name: str) -> None:
    """TXN-04, TXN-12, TXN-20, TXN-30, FET-16: a consumer reads committed by default in librdkafka."""
    create_topic(broker.bootstrap, name)
    produce = ["kcat", "-P", "-b", broker.bootstrap, "-t", name, "-X", f"transactional.id={name}"]
    subprocess.run(produce, input=b"one\ntwo\n", check=True, timeout=30, capture_output=True)
    consume = ["-C", "-b", broker.bootstrap, "-t", name, "-o", "beginning", "-e", "-q", "-f", r"%o %s\n"]
    assert kcat(*consume) == b"0 one\n1 two\n"
    assert kcat("-Q", "-b", broker.bootstrap, "-t", f"{name}:0:-1").decode() == f"{name} [0] offset 3\n"
