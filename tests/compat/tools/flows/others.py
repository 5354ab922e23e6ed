"""Tools that are not Kafka's: kcat (librdkafka), kaf and kafkactl (Sarama), topicctl (kafka-go)."""

from tests.compat.tools.before import TIME_MS, Committed, File, Member, Records, Topic
from tests.compat.tools.model import Flow, Run, Tool
from tests.compat.tools.normalise import DATES, Rule

_FORMAT = r"'%t %p %o %T %k %s %h\n'"

KCAT = Tool(
    "kcat",
    "kcat",
    [
        Flow(
            "metadata (-L)",
            [
                Topic("$topic", 2),
                Topic("$other"),
                Run("-L -t $topic"),
                Run("-L -J -t $other"),
                Run("-L", any_order=True),
            ],
        ),
        Flow(
            "produce (-P)",
            [
                Topic(),
                Run("-P -t $topic -K : -H h=1 -z zstd", stdin="a:one\nb:two\n", silent=True),
                Run("-P -t $topic -p 0 -Z -K :", stdin="c:\n", silent=True),
                Run(
                    f"-C -t $topic -o beginning -e -q -f {_FORMAT}",
                    rules=(Rule(r" 1[6-9]\d{11} ", " TIME ", "when it was produced"),),
                ),
            ],
        ),
        Flow(
            "consume (-C)",
            [
                Topic("$topic", 2),
                Records(5, partitions=(0, 1), headers=[("h", b"1")]),
                Run(f"-C -t $topic -p 1 -o 3 -e -f {_FORMAT}"),
                Run(f"-C -t $topic -p 0 -o -2 -e -f {_FORMAT}"),
                Run(f"-C -t $topic -p 0 -o s@{TIME_MS + 1000} -o e@{TIME_MS + 3000} -e -f {_FORMAT}"),
                Run(
                    "-C -J -t $topic -p 0 -o beginning -c 2 -q", rules=(Rule(r'"broker":\d+', '"broker":N', "node id"),)
                ),
            ],
        ),
        Flow(
            "offsets by time (-Q)",
            [
                Topic(),
                Records(5),
                Run(f"-Q -t $topic:0:{TIME_MS + 2000} -t $topic:0:-1 -t $topic:0:-2", any_order=True),
                Run(f"-Q -t $topic:0:{TIME_MS + 9000}"),
            ],
        ),
        Flow(
            "group (-G)",
            [
                Topic(),
                Records(3),
                Run("-G $group -c 3 -X auto.offset.reset=earliest -f '%t %p %o %k %s\\n' $topic"),
                Run("-G $group -e -X auto.offset.reset=earliest -f '%t %p %o %k %s\\n' $topic"),
            ],
        ),
        Flow(
            "refusals",
            [
                Run("-L -t 'no good'", refused="Invalid topic"),
                Run("-C -t $topic -p 0 -e -X allow.auto.create.topics=false", refused="Unknown topic", status=1),
                Topic("$other"),
                Run("-C -t $other -p 0 -o 99 -X auto.offset.reset=error -e", refused="out of range", status=1),
            ],
        ),
        Flow(
            "transactions",
            [
                Topic(),
                Run("-P -t $topic -X transactional.id=one", stdin="a\n", refused="commit"),
            ],
            not_yet="transactions",
        ),
    ],
    always="-b $bootstrap -m 20",
)

KAF = Tool(
    "kaf",
    "kaf",
    [
        Flow("nodes", [Run("nodes"), Run("node ls")]),
        Flow(
            "topics",
            [
                Run("topic create $topic -p 2"),
                Run("topics"),
                Run("topic describe $topic", any_order=True),
                Run("topic add-config $topic retention.ms 5000"),
                Run("topic update $topic -p 3"),
                Run("topic describe $topic", any_order=True),
                Run("topic delete $topic"),
            ],
        ),
        Flow(
            "produce and consume",
            [
                Topic(),
                Run("produce $topic -k key -H h:1 --timestamp 2023-11-14T22:13:20Z", stdin="one\ntwo\n"),
                Run("consume $topic"),
                Run("consume $topic --raw -n 1"),
                Run("query $topic -k key"),
            ],
        ),
        Flow(
            "groups",
            [
                Topic("$topic", 2),
                Records(4, partitions=(0, 1)),
                Committed(2, partitions=(0, 1)),
                Run("groups"),
                Run("group describe $group"),
                Run("group delete $group"),
            ],
        ),
        Flow(
            "groups: a live member",
            [Topic(), Records(2), Committed(1), Member(), Run("groups"), Run("group describe $group")],
        ),
    ],
    always="-b $bootstrap",
)

_CLUSTER = """
meta: {name: here, environment: test, region: here, shard: 1, description: one}
spec: {bootstrapAddrs: [$bootstrap]}
"""
# What it says while it grows a topic depends on when its client last happened to ask for metadata: so it does not grow.
_TOPIC = """
meta: {name: $topic, cluster: here, environment: test, region: here, description: one}
spec:
  partitions: 2
  replicationFactor: 1
  retentionMinutes: %d
  settings: {min.insync.replicas: 1}
  placement: {strategy: any}
"""
_APPLY = "apply $dir/topic.yaml --cluster-config $dir/cluster.yaml --skip-confirm --sleep-loop-duration 1s"

TOPICCTL = Tool(
    "topicctl",
    "topicctl",
    [
        Flow(
            "get",
            [
                Topic("$topic", 2),
                Records(3, partitions=(0, 1)),
                *(
                    Run(f"get {what} -b $bootstrap")
                    for what in (
                        "brokers",
                        "clusterid",
                        "controllerid",
                        "topics",
                        "partitions $topic",
                        "config $topic",
                        "offsets $topic",
                        "balance $topic",
                    )
                ),
            ],
        ),
        Flow(
            "groups",
            [
                Topic("$topic", 2),
                Records(4, partitions=(0, 1)),
                Committed(2, partitions=(0, 1)),
                Run("get groups -b $bootstrap"),
                Run("get lags $topic $group -b $bootstrap"),
                Run("reset-offsets $topic $group -b $bootstrap --offset 1", stdin="yes\n"),
                Run("reset-offsets $topic $group -b $bootstrap --to-latest --partitions 0", stdin="yes\n"),
                Run("get lags $topic $group -b $bootstrap"),
            ],
        ),
        Flow(
            "apply",
            [
                File("cluster.yaml", _CLUSTER),
                File("topic.yaml", _TOPIC % 60),
                Run(_APPLY),
                Run("check $dir/topic.yaml --cluster-config $dir/cluster.yaml"),
                File("topic.yaml", _TOPIC % 90),
                Run(_APPLY),
                Run("get config $topic -b $bootstrap"),
                Run("get partitions $topic -b $bootstrap"),
            ],
        ),
    ],
    always="--no-spinner",
    rules=(
        DATES,
        Rule(r"(127\.0\.0\.1 \| )\d+", r"\1PORT", "the port in a column of its own"),
        Rule(r"\(g\.\.\.[0-9a-f]{5}", "(g...UUID", "the end of a member id"),
    ),
)

KAFKACTL = Tool("kafkactl", "kafkactl", [Flow("topics", [Topic(), Run("get topics")])], always="")

TOOLS = (KCAT, KAF, TOPICCTL, KAFKACTL)
