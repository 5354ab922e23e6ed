"""The tables against the real thing: Apache Kafka's own definitions, printed by a JVM.

Needs `java`, and a Kafka 4.3 distribution's jars in the `broker/` directory of PYKBROKER_KAFKA_JARS, where
`tools/fetch_kafka_jars.sh` puts them.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from pykbroker.config import DEVIATIONS, ROWS
from pykbroker.config_broker import SETTINGS as BROKER
from pykbroker.config_coordinator import SETTINGS as COORDINATOR
from pykbroker.config_group import CLIENT_METRICS_ROWS, GROUP_ROWS, broker_name
from pykbroker.config_log import SETTINGS as LOG
from pykbroker.config_security import SETTINGS as SECURITY
from pykbroker.config_setting import Row
from pykbroker.config_topic import BROKER_NAMES
from pykbroker.config_topic import ROWS as TOPIC_ROWS

PROGRAM = """
import java.util.*;
import org.apache.kafka.common.config.ConfigDef;

public class Definitions {
    static void print(String kind, ConfigDef def) {
        for (ConfigDef.ConfigKey key : def.configKeys().values()) {
            Object value = key.defaultValue;
            boolean none = value == null || value == ConfigDef.NO_DEFAULT_VALUE;
            String text = none ? "-" : "=" + ConfigDef.convertToString(value, key.type);
            String allowed = key.validator instanceof ConfigDef.Range ? key.validator.toString() : "";
            String internal = String.valueOf(key.internalConfig);
            System.out.println(String.join("\\t", kind, key.name, key.type.toString(), text, allowed, internal));
        }
    }
    public static void main(String[] args) {
        print("broker", kafka.server.KafkaConfig.configDef());
        print("topic", org.apache.kafka.storage.internals.log.LogConfig.configDefCopy());
        print("group", org.apache.kafka.coordinator.group.GroupConfig.CONFIG_DEF);
        print("metrics", org.apache.kafka.server.metrics.ClientMetricsConfigs.configDef());
        org.apache.kafka.server.config.DynamicBrokerConfig.dynamicConfigUpdateModes()
            .forEach((name, mode) -> System.out.println("mode\\t" + name + "\\t" + mode));
        org.apache.kafka.server.config.ServerTopicConfigSynonyms.TOPIC_CONFIG_SYNONYMS
            .forEach((topic, broker) -> System.out.println("topic synonym\\t" + topic + "\\t" + broker));
        org.apache.kafka.coordinator.group.GroupConfig.ALL_GROUP_CONFIG_SYNONYMS
            .forEach((group, broker) -> System.out.println("group synonym\\t" + group + "\\t" + broker.orElse("")));
    }
}
"""


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[str]]]:
    """What Kafka prints: kind -> name -> columns."""
    named = os.environ.get("PYKBROKER_KAFKA_JARS")
    if not named or not shutil.which("java"):
        pytest.skip("needs java, and Kafka's jars in the directory that PYKBROKER_KAFKA_JARS names")
    jars = Path(named) / "broker"
    if not list(jars.glob("kafka_2.13-4.3.*.jar")):
        pytest.skip("the tables are those of Kafka 4.3, and PYKBROKER_KAFKA_JARS has another version")
    program = tmp_path_factory.mktemp("java") / "Definitions.java"
    program.write_text(PROGRAM)
    done = subprocess.run(
        ["java", "-cp", f"{jars}/*", str(program)], capture_output=True, text=True, check=True, timeout=120
    )
    printed: dict[str, dict[str, list[str]]] = {}
    for line in done.stdout.splitlines():
        kind, name, *columns = line.split("\t")
        printed.setdefault(kind, {})[name] = columns
    return printed


def _columns(row: Row) -> list[str]:
    _, type_, default, allowed, scope, _ = row
    low, dots, high = allowed.partition("..")
    bounds = f"[{low},...{',' + high if high else ''}]" if dots and "|" not in allowed else ""
    return [type_.upper(), "-" if default is None else f"={default}", bounds, str(scope == "internal").lower()]


def _assert_same(ours: Mapping[str, Row], theirs: dict[str, list[str]]) -> None:
    assert ours.keys() == theirs.keys()
    assert {name: _columns(row) for name, row in ours.items()} == theirs


def test_broker_settings_are_those_of_kafka_but_for_the_deviations(kafka: dict[str, dict[str, list[str]]]) -> None:
    rows = {row[0]: row for row in (*BROKER, *LOG, *COORDINATOR, *SECURITY)}
    ours = {n: row for n, row in rows.items() if row[4] != "dynamic" and not n.startswith("pykbroker.")}
    _assert_same(ours, kafka["broker"])
    for name, (default, _) in DEVIATIONS.items():
        assert f"={default}" != kafka["broker"][name][1], f"{name} does not deviate"


def test_settings_of_topics_groups_and_client_metrics_are_those_of_kafka(
    kafka: dict[str, dict[str, list[str]]],
) -> None:
    _assert_same(TOPIC_ROWS, kafka["topic"])
    _assert_same(GROUP_ROWS, kafka["group"])
    _assert_same(CLIENT_METRICS_ROWS, kafka["metrics"])


def test_what_can_change_while_running_is_as_in_kafka(kafka: dict[str, dict[str, list[str]]]) -> None:
    modes = {"cluster": "cluster-wide", "broker": "per-broker", "dynamic": "cluster-wide"}
    ours = {name: [modes[row[4]]] for name, row in ROWS.items() if row[4] in modes}
    assert ours == kafka["mode"]


def test_defaults_come_from_the_same_broker_settings_as_in_kafka(kafka: dict[str, dict[str, list[str]]]) -> None:
    assert {name: [broker] for name, broker in BROKER_NAMES.items()} == kafka["topic synonym"]
    assert {name: [broker_name(name) or ""] for name in GROUP_ROWS} == kafka["group synonym"]
