"""kafka-console-producer and kafka-console-consumer."""

from tests.compat.tools.before import File, Records, Topic
from tests.compat.tools.model import Flow, Run, Tool
from tests.compat.tools.normalise import OWN_WORDS, Rule

_READ = "--bootstrap-server $bootstrap --topic $topic --from-beginning --timeout-ms 20000 --max-messages"
_ALL = " ".join(f"--formatter-property print.{what}=true" for what in ("key", "headers", "partition"))
_FROM_START = "--topic $topic --from-beginning --timeout-ms 20000"

_COUNTED = "Processed a total of"


def _codec(codec: str) -> list[Run]:
    return [
        Run(f"--topic $topic --compression-codec {codec}", stdin=f"one {codec}\ntwo {codec}\n", silent=True),
    ]


PRODUCER = Tool(
    "kafka-console-producer",
    "org.apache.kafka.tools.ConsoleProducer",
    [
        Flow(
            "lines",
            [
                Topic(),
                Run("--topic $topic", stdin="one\ntwo\n\nthree\n", silent=True),
                Run(f"{_READ} 4", tool="kafka-console-consumer"),
            ],
        ),
        Flow(
            "keys, headers, null",
            [
                Topic(),
                Run(
                    "--topic $topic --reader-property parse.key=true --reader-property parse.headers=true"
                    " --reader-property null.marker=NULL",
                    stdin="h1:a,h2:b\tkey\tvalue\nh:\tk\tNULL\nNULL\tNULL\tNULL\n",
                    silent=True,
                ),
                Run(f"{_READ} 3 {_ALL}", tool="kafka-console-consumer"),
            ],
        ),
        Flow(
            "codecs",
            [
                Topic(),
                *(run for codec in ("none", "gzip", "snappy", "lz4", "zstd") for run in _codec(codec)),
                Run(f"{_READ} 10", tool="kafka-console-consumer"),
            ],
        ),
        Flow(
            "acks",
            [
                Topic(),
                *(
                    Run(
                        f"--topic $topic --command-property acks={acks} --command-property enable.idempotence=false",
                        stdin="x\n",
                        silent=True,
                    )
                    for acks in ("0", "1", "all")
                ),
                Run("--topic $topic --sync", stdin="y\n", silent=True),
                Run(f"{_READ} 4", tool="kafka-console-consumer"),
            ],
        ),
        Flow(
            "too large a record",
            [
                Topic(configs={"max.message.bytes": "1000"}),
                Run("--topic $topic", stdin="x" * 2000 + "\n", refused="RecordTooLargeException", rules=OWN_WORDS),
            ],
        ),
        Flow(
            "a topic that is created by it",
            [
                Run("--topic $other", stdin="one\n", silent=True),
                Run("--bootstrap-server $bootstrap --list", tool="kafka-topics"),
            ],
        ),
        Flow(
            "transactional",
            [
                Topic(),
                Run(
                    "--topic $topic --command-property transactional.id=one",
                    stdin="x\n",
                    refused="IllegalStateException",
                    status=1,
                ),
            ],
            not_yet="transactions",
        ),
        Flow(
            "usage",
            [
                Run("", status=1, refused="Missing required argument"),
                Run("--topic 'no good'", stdin="x\n", refused="InvalidTopicException"),
            ],
        ),
    ],
)

CONSUMER = Tool(
    "kafka-console-consumer",
    "org.apache.kafka.tools.consumer.ConsoleConsumer",
    [
        Flow(
            "from the beginning",
            [
                Topic(),
                Records(5, headers=[("h", b"1")]),
                Run("--topic $topic --from-beginning --max-messages 5 --timeout-ms 20000"),
                Run(
                    f"{_FROM_START} --max-messages 2 {_ALL} --formatter-property print.timestamp=true"
                    " --formatter-property print.offset=true --formatter-property print.epoch=true"
                ),
            ],
        ),
        Flow(
            "one partition, from an offset",
            [
                Topic("$topic", 2),
                Records(5, partitions=(0, 1)),
                Run("--topic $topic --partition 1 --offset 3 --max-messages 2 --timeout-ms 20000"),
                Run("--topic $topic --partition 0 --offset earliest --max-messages 1 --timeout-ms 20000"),
                Run("--topic $topic --partition 0 --offset latest --timeout-ms 1500", refused="TimeoutException"),
            ],
        ),
        Flow(
            "a group goes on where it was",
            [
                Topic(),
                Records(5),
                Run("--topic $topic --group $group --from-beginning --max-messages 2 --timeout-ms 20000"),
                Run("--topic $topic --group $group --from-beginning --max-messages 3 --timeout-ms 20000"),
                Run("--bootstrap-server $bootstrap --describe --group $group --offsets", tool="kafka-consumer-groups"),
            ],
        ),
        Flow(
            "topics by a pattern",
            [
                Topic("$topic"),
                Topic("$other"),
                Records(2),
                Records(2, topic="$other"),
                Run("--include '.*patter[n].*' --from-beginning --max-messages 4 --timeout-ms 20000", any_order=True),
            ],
        ),
        Flow(
            "no records in time",
            [
                Topic(),
                Run("--topic $topic --timeout-ms 1000", refused=_COUNTED),
            ],
        ),
        Flow(
            "formatters",
            [
                Topic(),
                Records(2),
                Run(
                    f"{_FROM_START} --max-messages 2"
                    " --formatter org.apache.kafka.tools.consumer.LoggingMessageFormatter"
                ),
                Run(
                    f"{_FROM_START} --max-messages 2"
                    " --key-deserializer org.apache.kafka.common.serialization.BytesDeserializer"
                    " --formatter-property print.key=true"
                ),
                Run(f"{_FROM_START} --max-messages 2 --formatter org.apache.kafka.tools.consumer.NoOpMessageFormatter"),
            ],
        ),
        Flow(
            "committed offsets, as records",
            [
                Topic(),
                Records(3),
                Run("--topic $topic --group $group --from-beginning --max-messages 3 --timeout-ms 20000"),
                File("internal.properties", "exclude.internal.topics=false\n"),
                # The hash of this flow's group: no other flow's group is there.
                Run(
                    "--topic __consumer_offsets --partition 41 --offset earliest --timeout-ms 3000"
                    " --command-config $dir/internal.properties"
                    " --formatter org.apache.kafka.tools.consumer.OffsetsMessageFormatter",
                    refused="Processed a total of",
                    rules=(
                        Rule(r'"commitTimestamp":\d+', '"commitTimestamp":TIME', "when it was committed"),
                        Rule(r'"topicId":"[\w-]{22}"', '"topicId":ID', "every topic has a random id"),
                        Rule(
                            r"(Processed a total of) \d+",
                            r"\1 N",
                            "Kafka also writes the record of a group without members first",
                        ),
                    ),
                ),
            ],
        ),
        Flow(
            "isolation level",
            [
                Topic(),
                Records(2),
                Run(f"{_FROM_START} --max-messages 2 --isolation-level read_committed"),
            ],
        ),
        Flow(
            "usage",
            [
                Run("--topic $topic --offset 1", status=1, refused="partition"),
                Run("--version"),
            ],
        ),
    ],
)

TOOLS = (PRODUCER, CONSUMER)
