"""kafka-topics, kafka-get-offsets, kafka-delete-records."""

from tests.compat.tools.before import TIME_MS, File, Records, Topic
from tests.compat.tools.model import Flow, Run, Tool
from tests.compat.tools.normalise import CONFIGS_IN_ANY_ORDER, OWN_WORDS

_OFFSETS = '{{"partitions": [{{"topic": {0}}}], "version": 1}}'

TOPICS = Tool(
    "kafka-topics",
    "org.apache.kafka.tools.TopicCommand",
    [
        Flow(
            "create",
            [
                Run("--create --topic $topic --partitions 3 --replication-factor 1 --config retention.ms=1000"),
                Run("--create --topic $other"),
                Run("--describe --topic $topic", until="Partition: 2"),
                Run("--describe --topic $other"),
            ],
        ),
        Flow("create if it does not exist", [Topic(), Run("--create --topic $topic --if-not-exists", silent=True)]),
        Flow(
            "create with a replica assignment",
            [
                Run("--create --topic $topic --replica-assignment 1,1"),
                Run("--describe --topic $topic", until="Partition: 1"),
            ],
        ),
        Flow(
            "create: refusals",
            [
                Topic(),
                Run("--create --topic $topic", refused="already exists", status=1),
                Run(
                    "--create --topic $other --replication-factor 2",
                    refused="InvalidReplicationFactorException",
                    status=1,
                    rules=OWN_WORDS,
                ),
                Run("--create --topic $other --config no.such=1", refused="no.such", status=1),
                Run("--create --topic $other --config retention.ms=x", refused="retention.ms", status=1),
                Run("--create --topic 'no good'", refused="InvalidTopicException", status=1, rules=OWN_WORDS),
                Run("--create --topic $other --partitions 0", refused="partitions", status=1),
                Run(
                    "--create --topic $other --replica-assignment 1,7",
                    refused="InvalidReplicaAssignmentException",
                    status=1,
                    rules=OWN_WORDS,
                ),
            ],
        ),
        Flow(
            "list",
            [
                Topic("$topic"),
                Topic("$other"),
                Run("--list"),
                Run("--list --exclude-internal"),
                Run("--list --topic '.*other'"),
                Run("--list --topic nothing", silent=True),
            ],
        ),
        Flow(
            "describe",
            [
                Topic("$topic", 2, {"cleanup.policy": "compact", "segment.bytes": "1048576"}),
                Topic("$other"),
                Run("--describe"),
                Run("--describe --topics-with-overrides"),
                Run("--describe --under-replicated-partitions", silent=True),
                Run("--describe --unavailable-partitions", silent=True),
                Run("--describe --under-min-isr-partitions", silent=True),
                Run("--describe --at-min-isr-partitions --exclude-internal"),
                Run("--describe --topic $other --partition-size-limit-per-response 1"),
            ],
        ),
        Flow(
            "describe: refusals",
            [
                Run("--describe --topic $topic", refused="does not exist", status=1),
                Run("--describe --topic $topic --if-exists", silent=True),
                Run("--describe --topic-id AAAAAAAAAAAAAAAAAAAAAQ", refused="does not exist", status=1),
            ],
        ),
        Flow(
            "alter",
            [
                Topic(),
                Run("--alter --topic $topic --partitions 3", silent=True),
                Run("--describe --topic $topic", until="Partition: 2"),
                Run("--alter --topic $topic --partitions 2", refused="not be an increase", status=1),
                Run("--alter --topic $topic --partitions 3", refused="already has 3 partition", status=1),
                Run("--alter --topic $other --partitions 2", refused="does not exist", status=1),
                Run("--alter --topic $other --partitions 2 --if-exists", silent=True),
                Run("--alter --topic $topic --partitions 5 --replica-assignment 1,1,1,1,1", silent=True),
                Run("--describe --topic $topic", until="Partition: 4"),
            ],
        ),
        Flow(
            "delete",
            [
                Topic("$topic"),
                Run("--delete --topic $topic", silent=True),
                Run("--list --exclude-internal", silent=True),
                Run("--delete --topic $topic", refused="does not exist", status=1),
                Run("--delete --topic $topic --if-exists", silent=True),
            ],
        ),
        Flow(
            "usage",
            [
                Run("--list --create", refused="Command must include exactly one action", status=1),
                Run("--create", refused="Missing required argument", status=1),
                Run("--version"),
            ],
        ),
    ],
    rules=(CONFIGS_IN_ANY_ORDER,),
)

GET_OFFSETS = Tool(
    "kafka-get-offsets",
    "org.apache.kafka.tools.GetOffsetShell",
    [
        Flow(
            "all topics",
            [
                Topic("$topic", 2),
                Topic("$other"),
                Records(3, partitions=(0, 1)),
                Run("--exclude-internal-topics"),
                Run("--topic '.*topic'"),
                Run("--topic $topic --partitions 1"),
                Run("--topic-partitions '$topic:0,$other'"),
                Run("--topic-partitions '.*:0-1'"),
                Run("--topic-partitions '.*other:-1'"),
            ],
        ),
        Flow(
            "by time",
            [
                Topic(),
                Records(3),
                *(
                    Run(f"--topic $topic --time {time}")
                    for time in (
                        "latest",
                        "-1",
                        "earliest",
                        "-2",
                        "max-timestamp",
                        "-3",
                        f"{TIME_MS + 1000}",
                        f"{TIME_MS - 1}",
                    )
                ),
                Run(f"--topic $topic --time {TIME_MS + 2001}", silent=True),
            ],
        ),
        Flow(
            "by time: tiers",
            [
                Topic(),
                Records(3),
                Run("--topic $topic --time earliest-local"),
                Run("--topic $topic --time latest-tiered", silent=True),
                Run("--topic $topic --time earliest-pending-upload", silent=True),
            ],
        ),
        Flow(
            "refusals",
            [
                Run("--topic $topic", refused="Could not match any topic-partitions", status=1),
                Run("--topic $topic --time never", refused="Malformed time argument", status=1),
                Run("--topic $topic --partitions x", refused="--partitions", status=1),
            ],
        ),
    ],
)

DELETE_RECORDS = Tool(
    "kafka-delete-records",
    "org.apache.kafka.tools.DeleteRecordsCommand",
    [
        Flow(
            "delete",
            [
                Topic("$topic", 2),
                Records(5, partitions=(0, 1)),
                File("offsets.json", _OFFSETS.format('"$topic", "partition": 0, "offset": 2')),
                Run("--offset-json-file $dir/offsets.json"),
                File("all.json", _OFFSETS.format('"$topic", "partition": 1, "offset": -1')),
                Run("--offset-json-file $dir/all.json"),
                Run("--bootstrap-server $bootstrap --topic $topic --time earliest", tool="kafka-get-offsets"),
            ],
        ),
        Flow(
            "refusals",
            [
                Topic(),
                Records(2),
                File("beyond.json", _OFFSETS.format('"$topic", "partition": 0, "offset": 9')),
                Run("--offset-json-file $dir/beyond.json", refused="OFFSET_OUT_OF_RANGE"),
                File(
                    "twice.json",
                    '{"partitions": [{0}, {0}]}'.replace("{0}", '{"topic": "a", "partition": 0, "offset": 1}'),
                ),
                Run("--offset-json-file $dir/twice.json", refused="duplicate", status=1),
            ],
        ),
    ],
)

TOOLS = (TOPICS, GET_OFFSETS, DELETE_RECORDS)
