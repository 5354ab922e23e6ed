"""kafka-dump-log, on what each broker has written; tests/oracle looks at all kinds of files with it."""

from tests.compat.tools.before import Records, Topic
from tests.compat.tools.model import Flow, Run, Tool
from tests.compat.tools.normalise import PRODUCER_IDS, TIMES, Rule

_FIRST = "00000000000000000000"

DUMP_LOG = Tool(
    "kafka-dump-log",
    "org.apache.kafka.tools.DumpLogSegments",
    [
        Flow(
            "records",
            [
                Topic(),
                Records(3, headers=[("h", b"1")]),
                Run(f"--files $data/$topic-0/{_FIRST}.log"),
                Run(f"--files $data/$topic-0/{_FIRST}.log --print-data-log"),
                Run(f"--files $data/$topic-0/{_FIRST}.log --print-data-log --skip-record-metadata"),
                Run(f"--files $data/$topic-0/{_FIRST}.log --deep-iteration --max-bytes 100"),
            ],
        ),
        Flow(
            "compressed records of a producer with an id",
            [
                Topic(),
                Run(
                    "--bootstrap-server $bootstrap --topic $topic --compression-codec zstd",
                    stdin="a\nb\n",
                    tool="kafka-console-producer",
                    silent=True,
                ),
                Run(
                    f"--files $data/$topic-0/{_FIRST}.log --print-data-log",
                    rules=(TIMES, PRODUCER_IDS, Rule(r"crc: \d+", "crc: N", "of different times")),
                ),
            ],
        ),
        Flow(
            "indexes of a closed segment",
            [
                Topic(configs={"index.interval.bytes": "0", "internal.segment.bytes": "250"}),
                Records(7),
                Run(f"--files $data/$topic-0/{_FIRST}.index", until="position: "),
                Run(f"--files $data/$topic-0/{_FIRST}.index --index-sanity-check"),
                Run(f"--files $data/$topic-0/{_FIRST}.timeindex --verify-index-only"),
                Run(f"--files $data/$topic-0/{_FIRST}.timeindex", until="timestamp: "),
            ],
        ),
        Flow("usage", [Run("--version")]),
    ],
    always="",
)

TOOLS = (DUMP_LOG,)
