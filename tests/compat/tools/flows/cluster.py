"""Tools that look at the cluster as a whole, or move things about in it."""

from tests.compat.tools.before import File, Records, Topic
from tests.compat.tools.model import Flow, Run, Tool
from tests.compat.tools.normalise import DATES, REPEATED, Rule

_UNBUILT = ".*Txn.*|.*Transactions|ConsumerGroup.*|.*Share.*|Streams.*"

BROKER_API_VERSIONS = Tool(
    "kafka-broker-api-versions",
    "org.apache.kafka.tools.BrokerApiVersionsCommand",
    [
        Flow(
            "list",
            [Run("")],
            not_yet="transactions, the newer kinds of groups; and two APIs have a version that only Kafka 4.4 has",
            differing_lines=rf"\t({_UNBUILT}|ApiVersions|DeleteGroups)\(\d+\): .*",
        ),
    ],
)

CLUSTER = Tool(
    "kafka-cluster",
    "org.apache.kafka.tools.ClusterTool",
    [
        Flow("cluster id", [Run("cluster-id --bootstrap-server $bootstrap")]),
        Flow(
            "endpoints",
            [
                Run("list-endpoints --bootstrap-server $bootstrap"),
                Run("list-endpoints --bootstrap-server $bootstrap --include-fenced-brokers"),
            ],
        ),
        Flow(
            "endpoints of the controller",
            [Run("list-endpoints --bootstrap-controller $controller")],
            differs="the controller has no listener of its own",
            differing_lines=".*",
        ),
        Flow(
            "unregister: refusals",
            [
                Run(
                    "unregister --bootstrap-server $bootstrap --id 7",
                    refused="BrokerIdNotRegisteredException",
                    status=1,
                ),
            ],
        ),
    ],
    always="",
    rules=(Rule(r"(127\.0\.0\.1 +)\d+", r"\1PORT", "the port in a column of its own"),),
)

FEATURES = Tool(
    "kafka-features",
    "org.apache.kafka.tools.FeatureCommand",
    [
        Flow(
            "describe",
            [Run("describe", rules=(Rule(r"Epoch: \d+", "Epoch: N", "the offset of a metadata record"),))],
            not_yet="features of transactions and of the newer kinds of groups; those of several brokers are left out",
            differing_lines=r"Feature: (eligible.leader.replicas|group|kraft|share|streams|transaction)\.version .*",
        ),
        Flow(
            "refusals",
            [
                Run("upgrade --dry-run --feature metadata.version=29", status=1, refused="Can't downgrade"),
                Run(
                    "downgrade --dry-run --feature metadata.version=28",
                    status=1,
                    refused="Unsupported metadata.version downgrade",
                ),
                Run("upgrade --feature metadata.version=99", status=1, refused="Invalid update version 99"),
                Run("upgrade --feature no.such=1", status=1, refused="Invalid update version 1"),
                Run("downgrade --feature metadata.version=1", status=1, refused="Invalid update version 1"),
                Run("disable --feature metadata.version", status=1, refused="Invalid update version 0"),
            ],
        ),
        Flow(
            "version mapping",
            [
                Run("version-mapping --release-version 4.0-IV3"),
                Run("feature-dependencies --feature transaction.version=2"),
            ],
        ),
    ],
)

METADATA_QUORUM = Tool(
    "kafka-metadata-quorum",
    "org.apache.kafka.tools.MetadataQuorumCommand",
    [
        Flow(
            "status",
            [
                Run(
                    "describe --status",
                    rules=(
                        Rule(
                            r"((LeaderEpoch|HighWatermark|MaxFollowerLag|MaxFollowerLagTimeMs): +)\d+",
                            r"\1N",
                            "how far the metadata log is",
                        ),
                    ),
                ),
            ],
            differs="the controller has no listener of its own",
            differing_lines=r"CurrentVoters: .*",
        ),
        Flow(
            "replication",
            [
                Run(
                    "describe --replication",
                    rules=(Rule(r"\b\d{2,}\b", "N", "offsets and times"), Rule(r"\b[\w-]{22}\b", "ID", "directory id")),
                ),
                Run(
                    "describe --replication --human-readable",
                    rules=(
                        Rule(r"\b\d{1,}( ms ago)?\b", "N", "offsets and times"),
                        Rule(r"\b[\w-]{22}\b", "ID", "directory id"),
                    ),
                ),
            ],
        ),
    ],
)


_OFFSETS_TOPIC = Rule(
    r'("partition":"__consumer_offsets-\d+","size":)\d+',
    r"\1N",
    "the groups of earlier flows: Kafka also writes a group's record before its first member joins",
)

LOG_DIRS = Tool(
    "kafka-log-dirs",
    "org.apache.kafka.tools.LogDirsCommand",
    [
        Flow(
            "one topic",
            [
                Topic("$topic", 2),
                Records(3, partitions=(0, 1)),
                Run("--describe --topic-list $topic", any_order=True),
                Run("--describe --topic-list $topic --broker-list 1"),
            ],
        ),
        Flow(
            "all topics",
            [
                Topic(),
                Records(1),
                Run("--describe --broker-list 1", rules=(_OFFSETS_TOPIC,)),
                Run("--describe --topic-list nothing"),
            ],
        ),
        Flow("refusals", [Run("--describe --broker-list 7", status=1, refused="do not exist")]),
    ],
)

_ELECTION = '{"partitions": [{"topic": "$topic", "partition": 0}, {"topic": "$topic", "partition": 1}]}'

LEADER_ELECTION = Tool(
    "kafka-leader-election",
    "org.apache.kafka.tools.LeaderElectionCommand",
    [
        Flow(
            "preferred",
            [
                Topic("$topic", 2),
                Run("--election-type preferred --topic $topic --partition 0"),
                File("partitions.json", _ELECTION),
                Run("--election-type preferred --path-to-json-file $dir/partitions.json", any_order=True),
                Run("--election-type preferred --all-topic-partitions", silent=True),
            ],
        ),
        Flow(
            "unclean",
            [
                Topic("$topic", 2),
                Run("--election-type unclean --topic $topic --partition 1"),
                Run("--election-type unclean --all-topic-partitions", silent=True),
            ],
        ),
        Flow(
            "refusals",
            [
                Topic(),
                Run(
                    "--election-type preferred --topic $topic --partition 7",
                    status=1,
                    refused="UnknownTopicOrPartitionException",
                ),
                Run(
                    "--election-type unclean --topic $other --partition 0",
                    status=1,
                    refused="UnknownTopicOrPartitionException",
                ),
            ],
        ),
    ],
)

_MOVE = '{"version": 1, "partitions": [{"topic": "$topic", "partition": 0, "replicas": [1], %s}]}'
_PLAN = (
    '{"version": 1, "partitions": [{"topic": "$topic", "partition": 0, "replicas": [1], "log_dirs": ["any"]},'
    ' {"topic": "$topic", "partition": 1, "replicas": [1], "log_dirs": ["any"]}]}'
)
_ELSEWHERE = '{"version": 1, "partitions": [{"topic": "$topic", "partition": 0, "replicas": [7]}]}'

REASSIGN_PARTITIONS = Tool(
    "kafka-reassign-partitions",
    "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    [
        Flow(
            "generate",
            [
                Topic("$topic", 2),
                Records(1, partitions=(0, 1)),
                File("topics.json", '{"topics": [{"topic": "$topic"}], "version": 1}'),
                Run("--generate --topics-to-move-json-file $dir/topics.json --broker-list 1"),
            ],
        ),
        Flow(
            "execute and verify",
            [
                Topic("$topic", 2),
                Records(1, partitions=(0, 1)),
                File("plan.json", _PLAN),
                Run("--execute --reassignment-json-file $dir/plan.json"),
                Run("--list"),
                Run("--verify --reassignment-json-file $dir/plan.json"),
                Run("--cancel --reassignment-json-file $dir/plan.json"),
            ],
        ),
        Flow(
            "throttle",
            [
                Topic("$topic", 2),
                Records(1, partitions=(0, 1)),
                File("plan.json", _PLAN),
                Run(
                    "--execute --reassignment-json-file $dir/plan.json"
                    " --throttle 1000000 --replica-alter-log-dirs-throttle 1000000"
                ),
                Run("--bootstrap-server $bootstrap --describe --topic $topic", tool="kafka-configs"),
                Run("--bootstrap-server $bootstrap --describe --broker 1", tool="kafka-configs"),
                Run("--verify --reassignment-json-file $dir/plan.json"),
                Run("--bootstrap-server $bootstrap --describe --broker 1", tool="kafka-configs"),
            ],
        ),
        Flow(
            "between directories",
            [
                Topic("$topic"),
                Records(3),
                File(
                    "plan.json",
                    _MOVE % '"log_dirs": ["$data"]',
                ),
                Run("--execute --reassignment-json-file $dir/plan.json"),
                Run("--verify --reassignment-json-file $dir/plan.json"),
                File(
                    "nowhere.json",
                    _MOVE % '"log_dirs": ["/no/such"]',
                ),
                Run(
                    "--execute --reassignment-json-file $dir/nowhere.json", status=1, refused="LogDirNotFoundException"
                ),
            ],
        ),
        Flow(
            "refusals",
            [
                Topic(),
                File("plan.json", _ELSEWHERE),
                Run("--execute --reassignment-json-file $dir/plan.json", status=1, refused="Unknown broker id 7"),
                File("unknown.json", _PLAN.replace("$topic", "$other")),
                Run(
                    "--execute --reassignment-json-file $dir/unknown.json",
                    status=1,
                    refused="UnknownTopicOrPartitionException",
                ),
                Run(
                    "--verify --reassignment-json-file $dir/unknown.json",
                    status=1,
                    refused="UnknownTopicOrPartitionException",
                ),
            ],
        ),
    ],
)

REPLICA_VERIFICATION = Tool(
    "kafka-replica-verification",
    "org.apache.kafka.tools.ReplicaVerificationTool",
    [
        Flow(
            "verify",
            [
                Topic("$topic", 2),
                Records(3, partitions=(0, 1)),
                Run(
                    "--broker-list $bootstrap --topics-include $topic --time -2 --report-interval-ms 300",
                    refused="This tool is deprecated",
                    status=130,
                    interrupt_at="max lag is",
                    rules=(
                        DATES,
                        Rule(r"partition \S+ at offset \d+", "partition P at offset N", "which is seen first"),
                        REPEATED,
                    ),
                ),
            ],
        ),
    ],
    always="",
)

TOOLS = (
    BROKER_API_VERSIONS,
    CLUSTER,
    FEATURES,
    METADATA_QUORUM,
    LOG_DIRS,
    LEADER_ELECTION,
    REASSIGN_PARTITIONS,
    REPLICA_VERIFICATION,
)
