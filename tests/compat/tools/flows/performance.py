"""Tools that measure, and those that Kafka's system tests drive: that they run to the end, and what they count."""

from tests.compat.tools.before import Records, Topic
from tests.compat.tools.model import Flow, Run, Tool
from tests.compat.tools.normalise import DATES, TIMES, Rule

_MEASURED = (
    DATES,
    Rule(r"\d+(\.\d+)? (records/sec|MB/sec|ms)", r"N \2", "measured"),
    Rule(r"-?\d+\.\d+", "N", "measured"),
)
_COLUMNS = Rule(r"(?m)^(DATE, DATE, N, N, \d+), .*", r"\1, measured", "what follows the counts are rates and times")

PRODUCER = Tool(
    "kafka-producer-perf-test",
    "org.apache.kafka.tools.ProducerPerformance",
    [
        Flow(
            "records of a size",
            [
                Topic("$topic", 2),
                Run("--topic $topic --num-records 2000 --throughput -1 --record-size 100"),
                Run(
                    "--bootstrap-server $bootstrap --topic $topic --from-beginning"
                    " --timeout-ms 15000 --max-messages 2000"
                    " --formatter org.apache.kafka.tools.consumer.NoOpMessageFormatter",
                    tool="kafka-console-consumer",
                ),
            ],
        ),
        Flow(
            "codecs and acks",
            [
                Topic(),
                Run(
                    "--topic $topic --num-records 500 --throughput -1 --record-size 200"
                    " --command-property compression.type=zstd acks=1"
                ),
                Run(
                    "--topic $topic --num-records 500 --throughput 1000 --payload-monotonic"
                    " --command-property compression.type=lz4"
                ),
                Run(
                    "--topic $topic --num-records 300 --throughput -1 --record-size 9 --warmup-records 100",
                    any_order=True,
                ),
            ],
        ),
        Flow(
            "transactions",
            [
                Topic(),
                Run(
                    "--topic $topic --num-records 500 --throughput -1 --record-size 100"
                    " --transactional-id one --transaction-duration-ms 100"
                ),
            ],
            not_yet="transactions",
        ),
    ],
    rules=_MEASURED,
)

CONSUMER = Tool(
    "kafka-consumer-perf-test",
    "org.apache.kafka.tools.ConsumerPerformance",
    [
        Flow(
            "all of a topic",
            [
                Topic(),
                Records(500),
                Run("--topic $topic --num-records 500 --timeout 20000"),
                Run("--topic $topic --num-records 500 --timeout 20000 --group $group --hide-header"),
            ],
        ),
    ],
    rules=(*_MEASURED, _COLUMNS),
)

END_TO_END = Tool(
    "kafka-e2e-latency",
    "org.apache.kafka.tools.EndToEndLatency",
    [
        Flow(
            "latency",
            [
                Topic(),
                Run(
                    "--bootstrap-server $bootstrap --topic $topic --num-records 200 --producer-acks 1 --record-size 100"
                ),
            ],
        ),
    ],
    always="",
    rules=(*_MEASURED, Rule(r"= \d+", "= N", "a percentile")),
)

VERIFIABLE_PRODUCER = Tool(
    "kafka-verifiable-producer",
    "org.apache.kafka.tools.VerifiableProducer",
    [
        Flow(
            "acknowledged records",
            [
                Topic(),
                Run("--topic $topic --max-messages 20 --acks -1"),
                Run(
                    "--topic $topic --max-messages 3 --acks 1 --value-prefix 7"
                    " --repeating-keys 2 --message-create-time 1700000000000"
                ),
            ],
        ),
    ],
    rules=(TIMES, *_MEASURED),
)

VERIFIABLE_CONSUMER = Tool(
    "kafka-verifiable-consumer",
    "org.apache.kafka.tools.VerifiableConsumer",
    [
        Flow(
            "consumed records",
            [
                Topic("$topic", 2),
                Records(10, partitions=(0, 1)),
                Run(
                    "--topic $topic --group-id $group --max-messages 20 --reset-policy earliest --verbose",
                    any_order=True,
                ),
                Run("--bootstrap-server $bootstrap --describe --group $group --offsets", tool="kafka-consumer-groups"),
            ],
        ),
        Flow(
            "until it is stopped",
            [
                Topic(),
                Records(3),
                Run(
                    "--topic $topic --group-id $group --verbose",
                    status=130,
                    interrupt_at="offsets_committed",
                    any_order=True,
                ),
                Run("--bootstrap-server $bootstrap --describe --group $group --offsets", tool="kafka-consumer-groups"),
            ],
        ),
        Flow(
            "a static member",
            [
                Topic(),
                Records(3),
                Run(
                    "--topic $topic --group-id $group --max-messages 3 --group-instance-id one --enable-autocommit"
                    " --session-timeout 6000",
                    any_order=True,
                ),
            ],
        ),
        Flow(
            "consumer protocol",
            [
                Topic(),
                Records(3),
                Run("--topic $topic --group-id $group --max-messages 3 --group-protocol consumer", any_order=True),
            ],
            not_yet="KIP-848 consumer groups",
        ),
    ],
    rules=(TIMES, Rule(r'("count":|"minOffset":|"maxOffset":)\d+', r"\1N", "how records fall into polls is a race")),
)

TOOLS = (PRODUCER, CONSUMER, END_TO_END, VERIFIABLE_PRODUCER, VERIFIABLE_CONSUMER)
