"""The command lines of kafka-python: `python -m kafka.admin`, `kafka.producer` and `kafka.consumer`.

What of them fails on Apache Kafka as well, for a reason of their own, is left out: `list-offsets` by time,
`reset-offsets --shift-by`.
"""

from tests.compat.tools.before import Member, Records, Topic
from tests.compat.tools.model import Flow, Run, Tool
from tests.compat.tools.normalise import Rule

_MESSAGE = Rule(r"error_message='[^']*'", "error_message=...", "some refusals have our own words: docs/skipped.md")
_TOPICS_IN_ANY_ORDER = Rule(
    r"\['.*'\]",
    lambda match: " ".join(sorted(match.group().strip("[]").split(", "))),
    "the order in which topics are answered is that of a hash table",
)

ADMIN = Tool(
    "kafka-python admin",
    "kafka-python",
    [
        Flow(
            "topics",
            [
                Run("topics create -t $topic --num-partitions 2 --replication-factor 1"),
                Run("topics list", rules=(_TOPICS_IN_ANY_ORDER,)),
                Run("topics describe -t $topic"),
                Run("partitions create -p $topic:3"),
                Run("partitions describe -t $topic"),
                Run("topics delete -t $topic"),
            ],
        ),
        Flow(
            "configs",
            [
                Topic(),
                Run("configs alter -r topic -n $topic -c retention.ms=5000"),
                Run("configs describe -r topic -n $topic --modified"),
                Run("configs describe -r broker -n 1 -c background.threads -c min.insync.replicas"),
                Run("configs reset -r topic -n $topic -c retention.ms"),
                Run("configs list -r topic"),
            ],
        ),
        Flow(
            "offsets",
            [
                Topic("$topic", 2),
                Records(4, partitions=(0, 1)),
                Run("partitions list-offsets -p '$topic:*:latest'"),
                Run("partitions list-offsets -p $topic:0:earliest -p $topic:1:latest"),
                Run("partitions list-offsets -p '$topic:0:max-timestamp' -p '$topic:1:earliest-local'"),
                Run("partitions delete-records -r $topic:0:2"),
                Run("partitions list-offsets -p '$topic:*:earliest'"),
            ],
        ),
        Flow(
            "groups",
            [
                Topic(),
                Records(9),
                Run("groups alter-offsets -g $group -o $topic:0:5"),
                Run("groups list"),
                Run("groups list-offsets -g $group"),
                Run("groups reset-offsets -g $group -p $topic:0 --to-offset 7"),
                Run("groups reset-offsets -g $group -p $topic:0 -s earliest"),
                Run("groups reset-offsets -g $group -p $topic:0 --to-datetime 2023-11-14T22:13:24"),
                Run("groups describe -g $group"),
                Run("groups delete-offsets -g $group -p $topic:0"),
                Run("groups delete -g $group"),
            ],
        ),
        Flow("groups: a live member", [Topic(), Member(), Run("groups describe -g $group"), Run("groups list")]),
        Flow(
            "cluster",
            [
                Run("cluster describe"),
                Run("cluster broker-version --broker 1"),
                Run("partitions elect-leaders"),
                Run("partitions list-reassignments"),
            ],
        ),
        Flow(
            "quorum",
            [
                Run(
                    "cluster describe-quorum",
                    rules=(
                        Rule(
                            r"(offset|epoch|watermark|timestamp|_ms)('?: )-?\d+",
                            r"\1\2N",
                            "how far the metadata log is",
                        ),
                    ),
                ),
            ],
            differs="the controller has no listener of its own",
            differing_lines=r" *'name': '(CONTROLLER|PLAINTEXT)',",
        ),
        Flow(
            "log directories",
            [
                Topic(),
                Records(1),
                Run(
                    "cluster describe-log-dirs",
                    any_order=True,
                    rules=(
                        Rule(r"(_bytes|size|offset_lag)('?: )-?\d+", r"\1\2N", "of the disk, and of internal topics"),
                    ),
                ),
            ],
        ),
        Flow(
            "users",
            [
                Run("users alter-scram-credentials --upsert ann:SCRAM-SHA-256:secret"),
                Run("users describe-scram-credentials"),
                Run("users alter-scram-credentials --delete ann:SCRAM-SHA-256"),
            ],
        ),
        Flow("producers", [Topic(), Records(1), Run("transactions describe-producers -t $topic -p 0")]),
        Flow(
            "features",
            [Run("cluster describe-features")],
            not_yet="transactions and the newer kinds of groups, whose features show here",
        ),
        Flow("transactions", [Run("transactions list")], not_yet="transactions"),
        Flow(
            "refusals",
            [
                Topic(),
                Run("topics create -t $topic", status=1, refused="TopicAlreadyExists"),
                Run("topics delete -t nothing", status=1, refused="UnknownTopicOrPartition", rules=(_MESSAGE,)),
                Run("acls describe", status=1, refused="SecurityDisabled"),
            ],
        ),
    ],
    always="-b $bootstrap",
    rules=(Rule(r"('port': )\d+", r"\1PORT", "the port, apart from the host"),),
)

CONSUMER = Tool(
    "kafka-python consumer",
    "kafka-python-consumer",
    [
        Flow(
            "what the producer wrote",
            [
                Topic(),
                Run("-b $bootstrap -t $topic", stdin="one\ntwo\n", tool="kafka-python producer", silent=True),
                Run(
                    "--bootstrap-server $bootstrap --topic $topic --from-beginning --timeout-ms 20000 --max-messages 2",
                    tool="kafka-console-consumer",
                ),
                Run("-t $topic -C auto_offset_reset=earliest -C consumer_timeout_ms=3000 -g $group"),
            ],
        ),
    ],
    always="-b $bootstrap",
)

PRODUCER = Tool(
    "kafka-python producer",
    "kafka-python-producer",
    [Flow("lines", [Topic(), Run("-t $topic", stdin="one\n", silent=True)])],
    always="-b $bootstrap",
)

TOOLS = (ADMIN, PRODUCER, CONSUMER)
