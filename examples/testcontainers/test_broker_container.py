import pytest
from broker_container import BrokerContainer, free_port, text_of

import docker


def has_engine() -> bool:
    try:
        docker.from_env().ping()
    except docker.errors.DockerException:
        return False
    return True


@pytest.fixture
def no_engine(monkeypatch):
    """Let containers be described where there is no Docker engine."""
    monkeypatch.setattr("testcontainers.core.container.DockerClient", lambda **_: None)


@pytest.mark.usefixtures("no_engine")
def test_published_port_is_what_the_host_is_told():
    kafka = BrokerContainer(num_partitions=3, auto_create_topics_enable=False)
    assert kafka.bootstrap_servers == f"localhost:{kafka.published}"
    assert list(kafka.ports.values()) == [kafka.published]
    assert kafka.env == {
        "PYKBROKER_ADVERTISE": f"outside=localhost:{kafka.published}",
        "KAFKA_NUM_PARTITIONS": "3",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }


@pytest.mark.usefixtures("no_engine")
def test_another_host_is_told_where_docker_is_elsewhere():
    kafka = BrokerContainer(host="docker.example")
    assert kafka.env["PYKBROKER_ADVERTISE"] == f"outside=docker.example:{kafka.published}"


def test_settings_are_written_as_kafka_does():
    assert [text_of(value) for value in (True, 3, "compact")] == ["true", "3", "compact"]
    assert 0 < free_port() < 65536


@pytest.mark.skipif(not has_engine(), reason="needs a Docker engine, and the image: docker/README.md")
def test_record_that_is_produced_is_consumed():
    from confluent_kafka import Consumer, Producer

    with BrokerContainer() as kafka:
        producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
        producer.produce("orders", b"one")
        assert producer.flush(20) == 0
        settings = {"bootstrap.servers": kafka.bootstrap_servers, "group.id": "g", "auto.offset.reset": "earliest"}
        consumer = Consumer(settings)
        consumer.subscribe(["orders"])
        message = consumer.poll(30)
        consumer.close()
        assert message is not None
        assert message.value() == b"one"
