"""Programs as people run them: Kafka's performance tools, librdkafka, franz-go."""

from __future__ import annotations

import sys

from bench.compare.measuring import Command, Shape, Target
from bench.compare.rivals import FLOOR
from bench.compare.shapes.loads import franz

FAMILY = "tools"
RECORDS = 300_000
_NO_BROKER = {FLOOR: "has too little of a broker"}


def _tool(family: str) -> Command:
    def command(target: Target) -> list[str]:
        return [sys.executable, "-m", "bench.compare.tool_loads", family, "--port", str(target.port),
                "--topic", target.topic, "--count", str(max(2_000, int(RECORDS * target.scale)))]

    return command


SHAPES = (
    Shape("kafka-tools", FAMILY, "Kafka's performance tools", _tool("kafka"), unit="record", rounds=2,
          phases={"produce": "kafka-producer-perf-test, 100-byte records", "consume": "kafka-consumer-perf-test",
                  "e2e": "kafka-e2e-latency, one record at a time"}, impossible=_NO_BROKER),
    Shape("librdkafka", FAMILY, "librdkafka", _tool("librdkafka"), unit="record", rounds=2,
          phases={"produce": "librdkafka's producer, 100-byte records", "consume": "librdkafka's consumer"},
          impossible=_NO_BROKER),
    Shape("franz-go", FAMILY, "franz-go", franz("client", RECORDS), unit="record", rounds=2,
          phases={"produce": "franz-go's producer, 100-byte records", "consume": "franz-go's consumer"},
          impossible=_NO_BROKER),
)
