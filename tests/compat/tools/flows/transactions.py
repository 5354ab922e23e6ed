"""kafka-transactions, and what produces in transactions."""

from tests.compat.tools.before import Records, Topic
from tests.compat.tools.model import Flow, Run, Tool
from tests.compat.tools.normalise import PRODUCER_IDS, TIMES, Rule

_NOT_YET = "transactions"
_PRODUCED = (
    "--bootstrap-server $bootstrap --topic $topic --num-records 5 --throughput -1 --record-size 10"
    " --transactional-id one"
)

TRANSACTIONS = Tool(
    "kafka-transactions",
    "org.apache.kafka.tools.TransactionsCommand",
    [
        Flow(
            "list",
            [
                Topic(),
                Run(
                    _PRODUCED,
                    tool="kafka-producer-perf-test",
                ),
                Run("list", until="CompleteCommit"),
            ],
            not_yet=_NOT_YET,
        ),
        Flow(
            "describe",
            [
                Topic(),
                Run(
                    _PRODUCED,
                    tool="kafka-producer-perf-test",
                ),
                Run("describe --transactional-id one"),
            ],
            not_yet=_NOT_YET,
        ),
        Flow(
            "producers of a partition",
            [
                Topic(),
                Records(1),
                Run("describe-producers --topic $topic --partition 0"),
                Run(
                    "--bootstrap-server $bootstrap --topic $topic",
                    stdin="a\nb\n",
                    tool="kafka-console-producer",
                    silent=True,
                ),
                Run("describe-producers --topic $topic --partition 0"),
            ],
        ),
        Flow("find hanging ones", [Topic(), Run("find-hanging --broker-id 1")], not_yet=_NOT_YET),
        Flow(
            "abort: refusals",
            [
                Topic(),
                Run("abort --topic $topic --partition 0 --start-offset 5", status=1, refused="Could not find"),
            ],
            not_yet=_NOT_YET,
        ),
        Flow(
            "terminate: nobody's",
            [
                Run("forceTerminateTransaction --transactionalId nobody", silent=True),
            ],
            not_yet=_NOT_YET,
        ),
        Flow("usage", [Run("", status=1, refused="too few arguments")]),
    ],
    rules=(PRODUCER_IDS, TIMES, Rule(r"(?m)^\d+(?= *\t)", "PID", "how many producers there were before")),
)

TOOLS = (TRANSACTIONS,)
