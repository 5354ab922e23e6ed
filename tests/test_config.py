"""Settings: what a file means, what is refused and how, and that the tables are Kafka's."""

import subprocess
import sys

import pytest

from pykbroker.config import DEVIATIONS, ROWS, Config, ConfigError, deviations, setting
from pykbroker.config_describe import (
    ConfigEntry,
    broker_default_entries,
    broker_entries,
    client_metrics_entries,
    effective_group_configs,
    effective_topic_configs,
    validate_broker_config,
)
from pykbroker.config_group import NotAllowed, group_value, validate_client_metrics_configs, validate_group_configs
from pykbroker.config_listener import Listener
from pykbroker.config_topic import (
    BROKER_NAMES,
    SETTINGS,
    log_config_values,
    topic_setting,
    validate_topic_config,
    validate_topic_configs,
)
from pykbroker.storage.log_config import LogConfig

WEEK_MS = 604_800_000


def refused(*settings: str) -> str:
    """What is wrong with a broker that has these settings."""
    with pytest.raises(ConfigError) as caught:
        Config(dict(setting.split("=", 1) for setting in settings))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def entry(entries: list[ConfigEntry], name: str) -> ConfigEntry:
    (found,) = [each for each in entries if each.name == name]
    return found


def sources(found: ConfigEntry) -> list[tuple[int, str, str | None]]:
    return [(each.source, each.name, each.value) for each in found.synonyms]


# --- the broker's own ---


def test_a_broker_without_any_settings_listens_on_localhost_and_stores_in_data() -> None:
    config = Config()
    assert config.listeners == (Listener("PLAINTEXT", "PLAINTEXT", "localhost", 9092),)
    assert config.advertised_listeners == config.listeners
    assert (config.node_id, config.log_dirs, config.unknown) == (1, ("./data",), ())


def test_values_have_their_types() -> None:
    config = Config(
        {"num.partitions": " +3 ", "auto.create.topics.enable": "FALSE", "log.cleanup.policy": "compact , delete"}
    )
    assert config.integer("num.partitions") == 3
    assert config.boolean("auto.create.topics.enable") is False
    assert config.strings("log.cleanup.policy") == ("compact", "delete")
    assert config.number("log.cleaner.min.cleanable.ratio") == 0.5
    assert config.text("compression.type") == "producer"
    assert config["broker.rack"] is None
    with pytest.raises(KeyError):
        config["no.such.setting"]


def test_every_default_is_a_legal_value() -> None:
    config = Config()
    for name, row in ROWS.items():
        if row[2] is not None and name not in ("controller.quorum.voters",):
            assert setting(name).canonical(row[2]) == row[2], name  # type: ignore[union-attr]
            config[name]


def test_overrides_win_over_the_file() -> None:
    config = Config.load(b"num.partitions=3\nlog.dirs=/a, /b\nwhat.is.this=1\n", {"num.partitions": "4"})
    assert config.integer("num.partitions") == 4
    assert config.log_dirs == ("/a", "/b")
    assert config.unknown == ("what.is.this",)


def test_file_of_the_kafka_distribution_is_accepted() -> None:
    """Its controller listener is not ours to open; everything else is known."""
    config = Config.load(
        b"process.roles=broker,controller\nnode.id=7\ncontroller.quorum.bootstrap.servers=localhost:9093\n"
        b"listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ninter.broker.listener.name=PLAINTEXT\n"
        b"advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n"
        b"controller.listener.names=CONTROLLER\n"
        b"listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,"
        b"SASL_SSL:SASL_SSL\n"
        b"num.network.threads=3\nlog.dirs=/tmp/kraft-combined-logs\nlog.retention.hours=168\n"
    )
    assert [str(each) for each in config.listeners] == ["PLAINTEXT://:9092"]
    assert [str(each) for each in config.advertised_listeners] == ["PLAINTEXT://localhost:9092"]
    assert (config.node_id, config.unknown) == (7, ())


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["num.partitions=x"], "num.partitions: must be a whole number of 32 bits, not 'x'"),
        (["num.partitions=0"], "num.partitions: must be at least 1, not '0'"),
        (["num.partitions=99999999999"], "num.partitions: must be a whole number of 32 bits, not '99999999999'"),
        (["num.partitions=1_0"], "num.partitions: must be a whole number of 32 bits, not '1_0'"),
        (["compression.gzip.level=0"], "compression.gzip.level: must be -1 or from 1 to 9, not '0'"),
        (["delete.topic.enable=yes"], "delete.topic.enable: must be true or false, not 'yes'"),
        (["log.cleaner.min.cleanable.ratio=1.5"], "log.cleaner.min.cleanable.ratio: must be from 0 to 1, not '1.5'"),
        (["log.cleaner.min.cleanable.ratio=nan"], "log.cleaner.min.cleanable.ratio: must be from 0 to 1, not 'nan'"),
        (
            ["log.message.timestamp.type=Now"],
            "log.message.timestamp.type: must be one of CreateTime, LogAppendTime, not 'Now'",
        ),
        (["log.cleanup.policy=keep"], "log.cleanup.policy: must be one of compact, delete, not 'keep'"),
        (["log.cleanup.policy=delete,,compact"], "log.cleanup.policy: has an empty element, not 'delete,,compact'"),
        (["log.retention.ms=0"], "log.retention.ms: must be -1 for no limit, or at least 1, not 0"),
        (["node.id=2", "broker.id=3"], "broker.id: is 3, but node.id is 2"),
        (["process.roles=controller"], "process.roles: must have broker in it"),
        (
            ["group.min.session.timeout.ms=9999999"],
            "group.min.session.timeout.ms: must not be more than group.max.session.timeout.ms, 1800000, but is 9999999",
        ),
    ],
)  # fmt: skip
def test_setting_that_cannot_be_is_named_in_one_line(settings: list[str], expected: str) -> None:
    assert refused(*settings) == expected


def test_precedence_of_times_in_several_units() -> None:
    def retention(**units: str) -> int:
        return Config({f"log.retention.{unit}": text for unit, text in units.items()}).milliseconds("log.retention.ms")

    assert retention() == WEEK_MS
    assert retention(hours="1") == 3_600_000
    assert retention(hours="1", minutes="2") == 120_000
    assert retention(hours="1", minutes="2", ms="3") == 3
    assert retention(hours="-1") == retention(ms="-5") == -1
    assert Config({"log.roll.hours": "2"}).milliseconds("log.roll.ms") == 7_200_000
    assert Config({"log.flush.scheduler.interval.ms": "5"}).milliseconds("log.flush.interval.ms") == 5


def test_log_dirs_win_over_log_dir_and_broker_id_stands_for_node_id() -> None:
    assert Config({"log.dir": "/a"}).log_dirs == ("/a",)
    assert Config({"log.dir": "/a", "log.dirs": "/b"}).log_dirs == ("/b",)
    assert Config({"broker.id": "4"}).node_id == 4


# --- listeners ---


def test_listeners_of_several_names_and_ipv6() -> None:
    config = Config(
        {
            "listeners": "plaintext://[::1]:9092,INSIDE://127.0.0.1:9092,OUT://:0",
            "advertised.listeners": "PLAINTEXT://[::1]:9092,INSIDE://broker:9093,OUT://example.org:443",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT, INSIDE:plaintext,OUT:PLAINTEXT",
        }
    )
    assert [(each.name, each.host, each.port) for each in config.listeners] == [
        ("PLAINTEXT", "::1", 9092),
        ("INSIDE", "127.0.0.1", 9092),
        ("OUT", "", 0),
    ]
    assert [str(each) for each in config.advertised_listeners] == [
        "PLAINTEXT://[::1]:9092",
        "INSIDE://broker:9093",
        "OUT://example.org:443",
    ]


def test_host_of_a_listener_on_every_interface_is_the_hostname() -> None:
    config = Config({"listeners": "PLAINTEXT://:9092"}, hostname="box")
    assert [each.host for each in config.advertised_listeners] == ["box"]


def test_advertised_host_is_kept_as_it_is() -> None:
    """MD-24."""
    config = Config({"listeners": "PLAINTEXT://0.0.0.0:9092", "advertised.listeners": "PLAINTEXT://Some.Host:1"})
    assert [str(each) for each in config.advertised_listeners] == ["PLAINTEXT://Some.Host:1"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["listeners=localhost:9092"], "listeners: localhost:9092 is not NAME://host:port"),
        (["listeners=PLAINTEXT://localhost"], "listeners: PLAINTEXT://localhost is not NAME://host:port"),
        (["listeners=PLAINTEXT://localhost:-1"], "listeners: PLAINTEXT://localhost:-1 is not NAME://host:port"),
        (["listeners=PLAINTEXT://a:70000"], "listeners: PLAINTEXT://a:70000 has a port above 65535"),
        (["listeners="], "listeners: must not be empty, not ''"),
        (["listeners=PLAINTEXT://a:1,PLAINTEXT://a:2"], "listeners: has the listener PLAINTEXT twice"),
        (["listeners=PLAINTEXT://a:1,SSL://a:1"], "listeners: has the port 1 twice"),
        (["listeners=X://a:1"], "listener.security.protocol.map: has no protocol for the listener X"),
        (["listeners=SSL://a:1"], "listeners: SSL needs SSL, which is not supported yet"),
        (
            ["listeners=SASL_PLAINTEXT://a:1"],
            "listeners: SASL_PLAINTEXT needs SASL_PLAINTEXT, which is not supported yet",
        ),
        (
            ["listener.security.protocol.map=A"],
            "listener.security.protocol.map: A is not NAME:PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL",
        ),
        (
            ["advertised.listeners=PLAINTEXT://0.0.0.0:1"],
            "advertised.listeners: PLAINTEXT://0.0.0.0:1 is not an address to connect to",
        ),
        (["listeners=C://a:1", "controller.listener.names=C"], "listeners: has none that clients could use"),
        (["inter.broker.listener.name=X"], "inter.broker.listener.name: there is no listener X"),
    ],
)  # fmt: skip
def test_listener_that_cannot_be_is_refused(settings: list[str], expected: str) -> None:
    """MD-24 among them."""
    assert refused(*settings) == expected


# --- DescribeConfigs ---


def test_broker_is_described_with_all_its_settings() -> None:
    """CONF-06: what may change while running is not read-only."""
    entries = broker_entries(Config({"num.partitions": " 3"}))
    assert len(entries) > 330
    partitions = entry(entries, "num.partitions")
    assert (partitions.value, partitions.source, partitions.type_number, partitions.is_read_only) == ("3", 4, 3, True)
    assert sources(partitions) == [(4, "num.partitions", " 3"), (5, "num.partitions", "1")]
    assert partitions.doc == "Partitions of a topic created without a number."
    assert not entry(entries, "log.retention.ms").is_read_only
    assert entry(entries, "log.retention.ms").value is None
    assert "internal.metadata.log.segment.bytes" not in {each.name for each in entries}


def test_passwords_and_settings_nobody_knows_are_not_shown() -> None:
    """CONF-05."""
    entries = broker_entries(Config({"ssl.key.password": "secret", "my.plugin.key": "secret"}))
    for name, type_number in (("ssl.key.password", 9), ("my.plugin.key", 0)):
        found = entry(entries, name)
        assert (found.is_sensitive, found.value, found.type_number) == (True, None, type_number)
        assert sources(found)[0] == (4, name, None)


def test_sources_and_synonyms_go_from_most_to_least_specific() -> None:
    """CONF-02, CONF-03, CONF-26."""
    static = Config({"log.retention.minutes": "100"})
    config = static.with_dynamic({"log.retention.ms": "5555"}, {"log.segment.bytes": "2000000"})
    topic = effective_topic_configs({"retention.ms": "77"}, config)
    assert sources(entry(topic, "retention.ms")) == [
        (1, "retention.ms", "77"),
        (3, "log.retention.ms", "5555"),
        (4, "log.retention.minutes", "100"),
        (5, "log.retention.hours", "168"),
    ]
    assert sources(entry(topic, "segment.bytes")) == [
        (2, "log.segment.bytes", "2000000"),
        (5, "log.segment.bytes", "1073741824"),
    ]
    assert (entry(topic, "segment.bytes").value, entry(topic, "segment.bytes").source) == ("2000000", 2)
    assert sources(entry(topic, "segment.ms")) == []  # log.roll.hours is another name; Kafka shows nothing
    assert (entry(topic, "segment.ms").value, entry(topic, "segment.ms").source) == (str(WEEK_MS), 5)
    assert sources(entry(broker_entries(config), "log.retention.hours")) == [(5, "log.retention.hours", "168")]


def test_topic_is_described_with_all_its_settings_in_canonical_form() -> None:
    """CONF-01, CONF-12."""
    entries = effective_topic_configs({"cleanup.policy": "compact, delete"}, Config())
    assert {each.name for each in entries} == {row[0] for row in SETTINGS} - {"internal.segment.bytes"}
    assert entry(entries, "cleanup.policy").value == "compact,delete"
    assert entry(entries, "preallocate").value == "false"
    assert entry(entries, "min.cleanable.dirty.ratio").value == "0.5"
    assert not any(each.is_read_only for each in entries)


def test_types_have_kafkas_numbers() -> None:
    """CONF-04."""
    numbers = {each.name: each.type_number for each in broker_entries(Config())}
    expected = {
        "log.preallocate": 1, "compression.type": 2, "num.partitions": 3, "offsets.topic.replication.factor": 4,
        "log.retention.bytes": 5, "log.cleaner.min.cleanable.ratio": 6, "log.dirs": 7, "principal.builder.class": 8,
        "sasl.jaas.config": 9,
    }  # fmt: skip
    assert expected.items() <= numbers.items()


def test_doubles_are_written_as_java_does() -> None:
    """CONF-12."""
    assert entry(broker_entries(Config()), "log.cleaner.io.max.bytes.per.second").value == "1.7976931348623157E308"
    speed = setting("log.cleaner.io.max.bytes.per.second")
    assert speed is not None
    assert [speed.canonical(text) for text in ("1", "1e7", "12345678.9", "0.001", "9.99e-4", "-2.5e-9", "1e22")] == [
        "1.0", "1.0E7", "1.23456789E7", "0.001", "9.99E-4", "-2.5E-9", "1.0E22",
    ]  # fmt: skip


def test_group_is_described_though_it_does_not_exist() -> None:
    """CONF-10."""
    config = Config({"group.consumer.session.timeout.ms": "50000"})
    entries = effective_group_configs({"share.delivery.count.limit": "3"}, config)
    limit = entry(entries, "share.delivery.count.limit")
    assert (limit.value, limit.source) == ("3", 8)
    assert sources(limit) == [(8, "share.delivery.count.limit", "3"), (5, "group.share.delivery.count.limit", "5")]
    session = entry(entries, "consumer.session.timeout.ms")
    assert (session.value, session.source) == ("50000", 4)
    assert sources(entry(entries, "share.auto.offset.reset")) == [(5, "share.auto.offset.reset", "latest")]


def test_broker_without_a_name_has_what_was_set_for_all() -> None:
    """CONF-08."""
    assert broker_default_entries({}) == []
    (found,) = broker_default_entries({"log.retention.ms": "5"})
    assert (found.value, found.source, found.is_read_only) == ("5", 3, False)


def test_client_metrics_subscription_is_described_with_its_defaults() -> None:
    """CONF-11, as Kafka 4.3 has it: that what is not set is left out was so before."""
    found = client_metrics_entries({"interval.ms": "500"})
    assert [(each.name, each.value, each.source, each.type_number) for each in found] == [
        ("interval.ms", "500", 7, 3), ("match", "", 5, 7), ("metrics", "", 5, 7),
    ]  # fmt: skip
    assert [[(s.name, s.source) for s in each.synonyms] for each in found] == [[("interval.ms", 7)], [], []]


# --- changes ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("no.such", "1"), ("retention.ms", "abc"), ("retention.ms", "-2"), ("retention.ms", None), ("retention.ms", ""),
        ("cleanup.policy", "foo"), ("compression.type", "x"), ("preallocate", "yes"), ("segment.bytes", "1"),
        ("min.cleanable.dirty.ratio", "2"), ("leader.replication.throttled.replicas", "a"), ("segment.ms", "0x5"),
        ("compression.gzip.level", "0"), ("remote.storage.enable", "true"), ("message.timestamp.type", "createtime"),
    ],
)  # fmt: skip
def test_topic_config_that_cannot_be_is_refused_by_name(name: str, value: str | None) -> None:
    """TOP-08, CONF-16: what Kafka 4.3.1 refuses."""
    with pytest.raises(ConfigError) as caught:
        validate_topic_config(name, value)
    assert caught.value.name == name


@pytest.mark.parametrize(
    ("name", "value", "canonical"),
    [
        ("preallocate", " TRUE ", "true"), ("segment.ms", "+5", "5"), ("cleanup.policy", "", ""),
        ("min.cleanable.dirty.ratio", "1e-1", "0.1"), ("leader.replication.throttled.replicas", "*", "*"),
        ("leader.replication.throttled.replicas", "0:1, 1:2", "0:1,1:2"), ("compression.type", " gzip ", "gzip"),
    ],
)  # fmt: skip
def test_topic_config_is_given_back_in_canonical_form(name: str, value: str, canonical: str) -> None:
    """CONF-12."""
    assert validate_topic_config(name, value) == canonical


def test_topic_configs_that_contradict_each_other_are_refused() -> None:
    assert validate_topic_configs({"max.compaction.lag.ms": "5"}, Config()) == {"max.compaction.lag.ms": "5"}
    with pytest.raises(ConfigError, match=r"min\.compaction\.lag\.ms"):
        validate_topic_configs({"min.compaction.lag.ms": "6", "max.compaction.lag.ms": "5"}, Config())


def test_lists_are_known_as_such() -> None:
    """CONF-14."""
    assert topic_setting("cleanup.policy").is_list
    assert not topic_setting("retention.ms").is_list


def test_broker_config_changes_only_where_it_may() -> None:
    """CONF-21."""
    assert validate_broker_config("log.retention.ms", " 5 ", for_all=True) == "5"
    assert validate_broker_config("listeners", "PLAINTEXT://:1", for_all=False) == "PLAINTEXT://:1"
    assert validate_broker_config("leader.replication.throttled.rate", "7", for_all=False) == "7"
    assert validate_broker_config("listener.name.x.ssl.keystore.type", "PEM", for_all=False) == "PEM"
    for name, value, for_all in (
        ("num.partitions", "3", True),
        ("log.retention.ms", "x", True),
        ("listeners", "PLAINTEXT://:1", True),
        ("ssl.keystore.type", "PEM", False),
        ("listener.name.x.ssl.keystore.type", "PEM", True),
    ):
        with pytest.raises(ConfigError):
            validate_broker_config(name, value, for_all=for_all)


def test_group_config_stays_within_the_brokers_bounds() -> None:
    """CONF-23."""
    config = Config()
    within = {"consumer.session.timeout.ms": "50000"}
    assert validate_group_configs(within, config) == within
    for name, value in (
        ("consumer.session.timeout.ms", "1000"),
        ("consumer.session.timeout.ms", "99999"),
        ("streams.num.standby.replicas", "3"),
        ("share.auto.offset.reset", "by_duration:soon"),
        ("share.auto.offset.reset", "by_duration:P"),
        ("no.such", "1"),
    ):
        with pytest.raises(ConfigError):
            validate_group_configs({name: value}, config)
    for value in ("earliest", "by_duration:PT1H30M", "by_duration:P2DT0.5S"):
        assert validate_group_configs({"share.auto.offset.reset": value}, config)
    narrower = Config({"group.consumer.max.session.timeout.ms": "46000"})
    assert group_value("consumer.session.timeout.ms", within, narrower) == 46000


def test_client_metrics_config_is_checked() -> None:
    """CONF-23."""
    assert validate_client_metrics_configs({"interval.ms": " 100 ", "metrics": "a, b,a"}) == {
        "interval.ms": "100", "metrics": "a,b",
    }  # fmt: skip
    for good in ("", "client_id=a.*,client_source_port=9", r"client_id=(?<name>\p{L}+)\pL", "client_id = a=="):
        assert validate_client_metrics_configs({"match": good}) == {"match": good}
    for name, value in (("interval.ms", "99"), ("interval.ms", "3600001"), ("a", "b")):
        with pytest.raises(NotAllowed):
            validate_client_metrics_configs({name: value})
    for name, value in (
        ("interval.ms", "x"),
        ("interval.ms", ""),
        ("metrics", "a,"),
        ("match", "x=y"),
        ("match", "client_id"),
        ("match", "client_id="),
        ("match", "client_id==a"),
        ("match", "client_id=a=b"),
        ("match", "client_id=("),
    ):
        with pytest.raises(ConfigError) as refused:
            validate_client_metrics_configs({name: value})
        assert not isinstance(refused.value, NotAllowed)


# --- what logs get ---


def test_a_log_gets_its_topics_settings_over_the_brokers() -> None:
    """CONF-20."""
    config = Config({"log.retention.hours": "1", "message.max.bytes": "10", "pykbroker.validate.records": "true"})
    logs = LogConfig(**log_config_values({"cleanup.policy": "compact"}, config))  # type: ignore[arg-type]
    assert (logs.retention_ms, logs.max_message_bytes, logs.cleanup_policy) == (3_600_000, 10, ("compact",))
    assert logs.validate_records


def test_defaults_of_logs_are_those_of_storage() -> None:
    ours, theirs = LogConfig(**log_config_values({}, Config())), LogConfig()  # type: ignore[arg-type]
    assert {name: getattr(ours, name) for name in LogConfig.__slots__} == {
        name: getattr(theirs, name) for name in LogConfig.__slots__
    }


def test_segments_may_be_tiny_for_tests() -> None:
    assert log_config_values({"internal.segment.bytes": "100"}, Config())["segment_bytes"] == 100


# --- the tables ---


def test_deviations_are_of_settings_that_exist_and_differ() -> None:
    """COORD-03: a single broker keeps one replica of the internal topics."""
    for name, ours, kafkas, reason in deviations():
        assert ROWS[name][2] == ours != kafkas
        assert reason
    replication = [name for name in DEVIATIONS if name.endswith(("replication.factor", "min.isr"))]
    assert len(replication) == 5
    assert all(DEVIATIONS[name][0] == "1" for name in replication)


def test_names_are_declared_once() -> None:
    from pykbroker import config_broker, config_coordinator, config_log, config_security

    names = [row[0] for m in (config_broker, config_coordinator, config_log, config_security) for row in m.SETTINGS]
    assert len(names) == len(set(names))
    assert set(BROKER_NAMES.values()) <= set(names)


def test_importing_the_configuration_imports_little() -> None:
    heavy = "{'argparse', 're', 'json', 'logging', 'dataclasses', 'enum', 'decimal', 'asyncio', 'socket', 'inspect'}"
    script = "import sys, typing; before = set(sys.modules); import pykbroker.cli;"
    script += "from pykbroker.commands import serve; serve.configuration(serve.plain([]), None);"
    script += f"print(*sorted({heavy} & (set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
