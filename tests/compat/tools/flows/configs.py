"""kafka-configs and kafka-client-metrics."""

from tests.compat.tools.before import File, Topic
from tests.compat.tools.model import Flow, Run, Tool
from tests.compat.tools.normalise import OWN_WORDS

_DIFFERENT_DEFAULTS = (
    r"log\.dir|queued\.max\.request\.bytes|node\.id|process\.roles|group\.initial\.rebalance\.delay\.ms|socket\.(receive|send)\.buffer\.bytes"
    r"|(offsets\.topic|transaction\.state\.log|share\.coordinator\.state\.topic)\.(replication\.factor|min\.isr)"
)
"""Settings whose default is not Kafka's: README.md has the list, with the reasons."""

_REFEREES = (
    r"(advertised\.)?listeners|listener\.security\.protocol\.map|inter\.broker\.listener\.name|controller\.[a-z.]+"
    r"|broker\.(heartbeat\.interval|session\.timeout)\.ms"
)
"""What a Kafka that is its own controller must be told, or is told by `KafkaBroker` to be quick."""

CONFIGS = Tool(
    "kafka-configs",
    "kafka.admin.ConfigCommand",
    [
        Flow(
            "topics",
            [
                Topic(),
                Run("--alter --topic $topic --add-config retention.ms=5000,cleanup.policy=[compact,delete]"),
                Run("--describe --topic $topic", until="5000"),
                Run("--describe --entity-type topics --entity-name $topic"),
                Run("--describe --entity-type topics"),
                Run("--alter --topic $topic --delete-config cleanup.policy"),
                Run("--describe --topic $topic"),
                Run("--alter --topic $topic --add-config-file $dir/new.properties", status=1, refused="NoSuchFile"),
                File("new.properties", "max.message.bytes=2000000\nsegment.bytes=2000000\n"),
                Run("--alter --topic $topic --add-config-file $dir/new.properties"),
                Run("--describe --topic $topic", until="max.message.bytes"),
            ],
        ),
        Flow("topics: all configs", [Topic(), Run("--describe --topic $topic --all")]),
        Flow(
            "topics: refusals",
            [
                Topic(),
                Run(
                    "--alter --topic $topic --add-config no.such=1",
                    status=1,
                    refused="InvalidConfigurationException",
                    rules=OWN_WORDS,
                ),
                Run(
                    "--alter --topic $topic --add-config retention.ms=x",
                    status=1,
                    refused="InvalidConfigurationException",
                    rules=OWN_WORDS,
                ),
                Run(
                    "--alter --topic $topic --add-config min.insync.replicas=0",
                    status=1,
                    refused="InvalidConfigurationException",
                    rules=OWN_WORDS,
                ),
                Run("--alter --topic $topic --delete-config flush.ms"),
                Run("--alter --topic $other --add-config retention.ms=1", status=1, refused="$other"),
                Run("--describe --topic $other"),
            ],
        ),
        Flow(
            "a broker",
            [
                Run("--describe --broker 1"),
                Run("--alter --broker 1 --add-config log.retention.ms=7000,background.threads=12"),
                Run("--describe --broker 1", until="7000"),
                Run("--alter --broker 1 --delete-config log.retention.ms,background.threads"),
                Run("--describe --broker 1"),
            ],
        ),
        Flow(
            "all brokers",
            [
                Run("--describe --broker-defaults"),
                Run("--alter --broker-defaults --add-config log.retention.ms=8000"),
                Run("--describe --entity-type brokers --entity-default", until="8000"),
                Run("--describe --entity-type brokers", until="8000"),
                Run("--alter --broker-defaults --delete-config log.retention.ms"),
            ],
        ),
        Flow(
            "brokers: all configs",
            [Run("--describe --broker 1 --all")],
            differs="defaults for one broker on a developer's machine; the referee's own settings; pykbroker's own",
            differing_lines=f"  ({_DIFFERENT_DEFAULTS}|{_REFEREES}|pykbroker\\.[a-z.]+)=.*",
        ),
        Flow(
            "brokers: refusals",
            [
                Run(
                    "--alter --broker 1 --add-config node.id=7",
                    status=1,
                    refused="InvalidRequestException",
                    rules=OWN_WORDS,
                ),
                Run("--alter --broker 1 --add-config no.such=1", silent=True),
                Run("--alter --broker 1 --delete-config no.such", silent=True),
                Run(
                    "--alter --broker 1 --add-config log.retention.ms=x",
                    status=1,
                    refused="InvalidRequestException",
                    rules=OWN_WORDS,
                ),
                Run(
                    "--alter --broker-defaults --add-config listeners=PLAINTEXT://:1",
                    status=1,
                    refused="InvalidRequestException",
                    rules=OWN_WORDS,
                ),
                Run("--describe --broker 7"),
            ],
        ),
        Flow(
            "broker loggers",
            [
                Run("--describe --broker-logger 1", refused="root="),
            ],
            not_yet="BROKER_LOGGER configs",
        ),
        Flow(
            "groups",
            [
                Run("--alter --group $group --add-config consumer.session.timeout.ms=50000"),
                Run("--describe --group $group", until="50000"),
                Run("--describe --entity-type groups", until="50000"),
                Run("--describe --group $group --all"),
                Run("--alter --group $group --delete-config consumer.session.timeout.ms"),
                Run("--describe --group $group"),
                Run("--alter --group $group --add-config no.such=1", status=1, refused="no.such", rules=OWN_WORDS),
            ],
        ),
        Flow(
            "client metrics",
            [
                Run("--alter --client-metrics one --add-config interval.ms=1000,metrics=[a,b]"),
                Run("--describe --client-metrics one", until="1000"),
                Run("--alter --client-metrics one --delete-config interval.ms,metrics"),
                Run("--describe --client-metrics one"),
                Run(
                    "--alter --client-metrics one --add-config interval.ms=1",
                    status=1,
                    refused="InvalidRequestException",
                    rules=OWN_WORDS,
                ),
            ],
        ),
        Flow(
            "quotas",
            [
                Run("--alter --user ann --add-config producer_byte_rate=1024,consumer_byte_rate=2048"),
                Run("--alter --user ann --client one --add-config request_percentage=50"),
                Run("--alter --user-defaults --add-config controller_mutation_rate=2"),
                Run("--alter --client-defaults --add-config producer_byte_rate=99"),
                Run("--alter --ip 10.0.0.1 --add-config connection_creation_rate=5"),
                Run("--describe --user ann", until="2048"),
                Run("--describe --entity-type users", until="controller_mutation_rate"),
                Run("--describe --entity-type users --entity-type clients", until="request_percentage"),
                Run("--describe --entity-type clients", until="99"),
                Run("--describe --entity-type ips", until="connection_creation_rate"),
                Run("--describe --user nobody", silent=True),
                Run("--alter --user ann --delete-config producer_byte_rate,consumer_byte_rate"),
                Run("--alter --user ann --client one --delete-config request_percentage"),
                Run("--alter --user-defaults --delete-config controller_mutation_rate"),
                Run("--alter --client-defaults --delete-config producer_byte_rate"),
                Run("--alter --ip 10.0.0.1 --delete-config connection_creation_rate"),
                Run("--describe --entity-type users", silent=True),
            ],
        ),
        Flow(
            "quotas: refusals",
            [
                Run("--alter --user ann --add-config no_such=1", status=1, refused="no_such"),
                Run("--alter --user ann --add-config producer_byte_rate=x", status=1, refused="producer_byte_rate"),
                Run("--alter --user ann --add-config producer_byte_rate=-1", status=1, refused="producer_byte_rate"),
                Run(
                    "--alter --ip no.such.host.invalid --add-config connection_creation_rate=5",
                    status=1,
                    refused="no.such.host.invalid",
                ),
            ],
        ),
        Flow(
            "scram credentials",
            [
                Run("--alter --user ben --add-config SCRAM-SHA-256=[iterations=4096,password=secret]"),
                Run("--describe --user ben", until="SCRAM"),
                Run("--describe --entity-type users", until="SCRAM"),
                Run("--alter --user ben --delete-config SCRAM-SHA-256"),
                Run("--describe --user ben", silent=True),
                Run("--alter --user ben --delete-config SCRAM-SHA-512", status=1, refused="SCRAM-SHA-512"),
                Run(
                    "--alter --user ben --add-config SCRAM-SHA-256=[iterations=1,password=x]",
                    status=1,
                    refused="Iterations",
                ),
            ],
        ),
        Flow(
            "usage",
            [
                Run("--describe", status=1, refused="entity"),
                Run("--alter --topic a", status=1, refused="--add-config"),
                Run("--version"),
            ],
        ),
    ],
)

CLIENT_METRICS = Tool(
    "kafka-client-metrics",
    "org.apache.kafka.tools.ClientMetricsCommand",
    [
        Flow(
            "alter and describe",
            [
                Run(
                    "--alter --name one --metrics org.apache.kafka.producer. --interval 1000"
                    " --match client_software_name=apache-kafka-java"
                ),
                Run("--describe --name one", until="1000"),
                Run("--describe", until="1000"),
                Run("--list", until="one"),
                Run("--alter --name one --interval ''"),
                Run("--describe --name one"),
                Run("--delete --name one"),
                Run("--list", silent=True),
                Run("--describe --name one", silent=True),
            ],
        ),
        Flow(
            "refusals",
            [
                Run("--alter --name one --interval 10", status=1, refused="InvalidRequestException", rules=OWN_WORDS),
                Run(
                    "--alter --name one --match no_such=1",
                    status=1,
                    refused="InvalidConfigurationException",
                    rules=OWN_WORDS,
                ),
                Run("--delete --name two", silent=True),
            ],
        ),
    ],
)

TOOLS = (CONFIGS, CLIENT_METRICS)
