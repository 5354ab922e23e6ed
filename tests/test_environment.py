"""Environment variables of three images as settings; docs/docker.md has the table, which is run here."""

from __future__ import annotations

from pathlib import Path

import pytest

from pykbroker.config import ROWS, Config, ConfigError
from pykbroker.environment import setting_name, settings_from

DOCUMENT = Path(__file__).parent.parent / "docs" / "docker.md"
IMAGES = ("apache/kafka", "confluentinc/cp-kafka", "bitnami/kafka")


def documented() -> list[tuple[str, str, str, str]]:
    """Setting ("—" for none), image, variable, and what is said of it."""
    text = DOCUMENT.read_text(encoding="utf-8")
    table = text.partition("<!-- variables -->")[2].partition("<!-- /variables -->")[0]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table.strip().splitlines()]
    assert rows[0] == ["Setting", *IMAGES, "Here"]
    return [
        (setting, image, variable, said)
        for setting, *variables, said in rows[2:]
        for image, variable in zip(IMAGES, variables, strict=True)
        if variable
    ]


@pytest.mark.parametrize(("setting", "image", "variable", "said"), documented())
def test_table_for_users_is_right(setting: str, image: str, variable: str, said: str) -> None:
    mapped = settings_from({variable: "broker", "PATH": "/bin", "HOME": "/"})
    assert mapped.settings == ({} if setting == "—" else {setting: "broker"})
    assert setting == "—" or setting in ROWS
    if said.startswith("noted"):
        (note,) = mapped.notes
        assert note.startswith(f"{variable} has no effect: ")
        assert "\n" not in note
    else:
        assert mapped.notes == []
        assert said.startswith("in effect" if setting != "—" else "silent")


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("KAFKA_LOG_RETENTION_MS", "log.retention.ms"),
        ("KAFKA_CFG_LOG_RETENTION_MS", "log.retention.ms"),
        ("KAFKA_VALID___PROPERTY__ALL_CASES", "valid-property_all.cases"),
        ("KAFKA_KAFKA_VALID_PROPERTY", "kafka.valid.property"),
        ("KAFKA_LISTENER_NAME_SASL__SSL_SSL_KEYSTORE_TYPE", "listener.name.sasl_ssl.ssl.keystore.type"),
        ("PYKBROKER_ADVERTISE", "pykbroker.advertise"),
        ("KAFKA_", None),
        ("PATH", None),
        ("KAFKACAT", None),
    ],
)
def test_underscores_stand_for_dots_underscores_and_dashes(variable: str, name: str | None) -> None:
    """The pairs of `KafkaDockerWrapperTest` among them."""
    assert setting_name(variable) == name


def test_common_form_wins_over_bitnami_s() -> None:
    mapped = settings_from({"KAFKA_NUM_PARTITIONS": "3", "KAFKA_CFG_NUM_PARTITIONS": "4"})
    assert mapped.settings == {"num.partitions": "3"}


def test_first_cluster_id_that_is_not_empty_wins() -> None:
    assert settings_from({"CLUSTER_ID": "", "KAFKA_KRAFT_CLUSTER_ID": "b"}).settings == {"pykbroker.cluster.id": "b"}
    assert settings_from({"CLUSTER_ID": "a", "KAFKA_CLUSTER_ID": "b"}).settings == {"pykbroker.cluster.id": "a"}


def test_variables_make_a_configuration() -> None:
    """What the documentation of apache/kafka begins with."""
    mapped = settings_from(
        {
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_LISTENERS": "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
            "KAFKA_ADVERTISED_LISTENERS": "PLAINTEXT://localhost:9092",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_NUM_PARTITIONS": "3",
            "KAFKA_HEAP_OPTS": "-Xmx4G",
        }
    )
    config = Config(mapped.settings)
    assert [str(listener) for listener in config.listeners] == ["PLAINTEXT://localhost:9092"]
    assert config.integer("num.partitions") == 3
    assert config.unknown == ()
    assert len(mapped.notes) == 3


def test_container_that_is_only_a_controller_is_refused_not_noted() -> None:
    mapped = settings_from({"KAFKA_PROCESS_ROLES": "controller"})
    assert mapped.notes == []
    with pytest.raises(ConfigError, match=r"^process\.roles: must have broker in it$"):
        Config(mapped.settings)
