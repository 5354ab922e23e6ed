"""Share groups and streams groups: tools of protocols that pykbroker has not got yet."""

from tests.compat.tools.before import Committed, Records, Topic
from tests.compat.tools.model import Flow, Run, Tool
from tests.compat.tools.normalise import TIMES

_SHARE = "share groups"
_STREAMS = "streams groups"
_CONSUMED = "--bootstrap-server $bootstrap --topic $topic --group $group --max-messages 3 --timeout-ms 15000"
_EARLIEST = Run(
    "--bootstrap-server $bootstrap --alter --group $group --add-config share.auto.offset.reset=earliest",
    tool="kafka-configs",
)

SHARE_GROUPS = Tool(
    "kafka-share-groups",
    "org.apache.kafka.tools.consumer.group.ShareGroupCommand",
    [
        Flow(
            "list: none",
            [Topic(), Committed(0), Run("--list", silent=True), Run("--list --state", silent=True)],
            not_yet=_SHARE,
        ),
        Flow(
            "describe, reset, delete",
            [
                Topic(),
                Records(3),
                _EARLIEST,
                Run(_CONSUMED, tool="kafka-console-share-consumer"),
                Run("--list --state"),
                Run("--describe --group $group"),
                Run("--describe --group $group --state"),
                Run("--reset-offsets --group $group --topic $topic --to-earliest --execute"),
                Run("--delete-offsets --group $group --topic $topic"),
                Run("--delete --group $group"),
            ],
            not_yet=_SHARE,
        ),
        Flow("refusals", [Run("--describe --group $group", refused="$group", status=0)], not_yet=_SHARE),
        Flow("usage", [Run("--describe", status=1, refused="takes one of these options")]),
    ],
)

CONSOLE_SHARE_CONSUMER = Tool(
    "kafka-console-share-consumer",
    "org.apache.kafka.tools.consumer.ConsoleShareConsumer",
    [
        Flow(
            "consume",
            [
                Topic(),
                Records(3),
                _EARLIEST,
                Run("--topic $topic --group $group --max-messages 3 --timeout-ms 15000"),
            ],
            not_yet=_SHARE,
        ),
        Flow(
            "release and reject",
            [
                Topic(),
                Records(3),
                _EARLIEST,
                Run("--topic $topic --group $group --max-messages 3 --timeout-ms 15000 --release"),
                Run("--topic $topic --group $group --max-messages 3 --timeout-ms 15000 --reject"),
            ],
            not_yet=_SHARE,
        ),
    ],
)

SHARE_CONSUMER_PERF = Tool(
    "kafka-share-consumer-perf-test",
    "org.apache.kafka.tools.ShareConsumerPerformance",
    [Flow("usage", [Run("", status=1, refused="Missing required argument")])],
)

VERIFIABLE_SHARE_CONSUMER = Tool(
    "kafka-verifiable-share-consumer",
    "org.apache.kafka.tools.VerifiableShareConsumer",
    [
        Flow(
            "consume",
            [
                Topic(),
                Records(3),
                Run(
                    "--topic $topic --group-id $group --max-messages 3 --offset-reset-strategy earliest", any_order=True
                ),
            ],
            not_yet=_SHARE,
        ),
    ],
    rules=(TIMES,),
)

STREAMS_GROUPS = Tool(
    "kafka-streams-groups",
    "org.apache.kafka.tools.streams.StreamsGroupCommand",
    [
        Flow(
            "list: none",
            [Topic(), Committed(0), Run("--list", silent=True), Run("--list --state", silent=True)],
            not_yet=_STREAMS,
        ),
        Flow("refusals", [Run("--describe --group $group", status=1, refused="$group")], not_yet=_STREAMS),
        Flow("usage", [Run("--describe", status=1, refused="takes one of these options")]),
    ],
)

STREAMS_RESET = Tool(
    "kafka-streams-application-reset",
    "org.apache.kafka.tools.StreamsResetter",
    [
        Flow(
            "reset",
            [
                Topic(),
                Records(3),
                Committed(2),
                Run("--application-id $group --input-topics $topic --to-earliest --dry-run"),
                Run("--application-id $group --input-topics $topic --to-earliest"),
                Run("--bootstrap-server $bootstrap --describe --group $group --offsets", tool="kafka-consumer-groups"),
                Run("--application-id $group --input-topics $topic --to-offset 2"),
            ],
        ),
        Flow(
            "refusals",
            [
                Run("--application-id $group --input-topics $topic", refused="are not found", status=1),
                Run("", refused="Missing required option", status=1),
            ],
        ),
    ],
)

TOOLS = (
    SHARE_GROUPS,
    CONSOLE_SHARE_CONSUMER,
    SHARE_CONSUMER_PERF,
    VERIFIABLE_SHARE_CONSUMER,
    STREAMS_GROUPS,
    STREAMS_RESET,
)
