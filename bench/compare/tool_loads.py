"""Real tools as loads: a wrapper that keeps to the loads' protocol, and reads from their output what they measured.

    python -m bench.compare.tool_loads kafka|librdkafka --port P --topic T --count N

Each tool is one phase, or two: it writes, and then reads the same topic. A JVM tool's own start counts as nothing: the
seconds and latencies are those that the tool reports; the broker's CPU time is that of the tool's whole life.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from bench.asking import Asking
from bench.compare.programs import kafka_class

RECORD_BYTES = 100
PARTITIONS = 4
_PATIENCE_S = 150
_TOOL_FLAGS = ("-Xmx512M",)  # as bin/kafka-*-perf-test.sh

Report = dict[str, Any]


def main() -> int:
    """Run one family of tools, phase by phase."""
    parser = argparse.ArgumentParser()
    parser.add_argument("family", choices=list(_FAMILIES))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--count", type=int, required=True)
    options = parser.parse_args()
    with Asking(options.port) as asking:
        asking.create_topic(options.topic, PARTITIONS)
        asking.create_topic(f"{options.topic}-e2e", 1)
    for phase, run in _FAMILIES[options.family].items():
        print("ready", flush=True)
        if not sys.stdin.readline():
            return 1
        report = run(f"127.0.0.1:{options.port}", options.topic, options.count)
        print(json.dumps({"phase": phase, **report}), flush=True)
    return 0


def _producer_perf(bootstrap: str, topic: str, count: int) -> Report:
    output = _tool("org.apache.kafka.tools.ProducerPerformance", "--topic", topic, "--num-records", str(count),
                   "--record-size", str(RECORD_BYTES), "--throughput", "-1", "--producer-props",
                   f"bootstrap.servers={bootstrap}")
    last = output.strip().splitlines()[-1]
    sent, rate = int(_number(r"^(\d+) records sent", last)), _number(r"([\d.]+) records/sec", last)
    return {"requests": sent, "bytes": sent * RECORD_BYTES, "seconds": sent / rate,
            **{f"p{name}_us": _number(rf"([\d.]+) ms {quantile}th", last) * 1000
               for name, quantile in (("50", "50"), ("99", "99"), ("999", "99.9"))}}


def _consumer_perf(bootstrap: str, topic: str, count: int) -> Report:
    output = _tool("org.apache.kafka.tools.ConsumerPerformance", "--bootstrap-server", bootstrap, "--topic", topic,
                   "--num-records", str(count), "--hide-header")
    fields = [field.strip() for field in output.strip().splitlines()[-1].split(",")]
    read, fetch_ms = int(fields[4]), float(fields[7])  # data.consumed.in.nMsg, fetch.time.ms
    return {"requests": read, "bytes": read * RECORD_BYTES, "seconds": max(fetch_ms, 1) / 1000}


def _end_to_end(bootstrap: str, topic: str, count: int) -> Report:
    records = max(50, count // 100)
    begun = time.perf_counter()
    output = _tool("org.apache.kafka.tools.EndToEndLatency", "--bootstrap-server", bootstrap, "--topic", f"{topic}-e2e",
                   "--num-records", str(records), "--producer-acks", "1", "--record-size", str(RECORD_BYTES))
    latencies = {name: _number(rf"{quantile}th = ([\d.]+)", output) * 1000
                 for name, quantile in (("p50_us", "50"), ("p99_us", "99"), ("p999_us", r"99\.9"))}
    return {"requests": records, "bytes": records * RECORD_BYTES, "seconds": time.perf_counter() - begun, **latencies}


def _rdkafka_produce(bootstrap: str, topic: str, count: int) -> Report:
    from confluent_kafka import Producer

    failures: list[object] = []
    producer = Producer({"bootstrap.servers": bootstrap, "queue.buffering.max.messages": 1_000_000})
    value = bytes(97 + at % 26 for at in range(RECORD_BYTES))
    begun = time.perf_counter()
    for number in range(count):
        producer.produce(topic, value, on_delivery=lambda error, _: error and failures.append(error))
        if number % 1000 == 0:
            producer.poll(0)
    left = producer.flush(_PATIENCE_S)
    if left or failures:
        raise SystemExit(f"librdkafka: {left} records left, {failures[:1]}")
    return {"requests": count, "bytes": count * RECORD_BYTES, "seconds": time.perf_counter() - begun}


def _rdkafka_consume(bootstrap: str, topic: str, count: int) -> Report:
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "enable.auto.commit": False,
                         "auto.offset.reset": "earliest"})
    begun, read = time.perf_counter(), 0
    consumer.assign([TopicPartition(topic, index, 0) for index in range(PARTITIONS)])
    while read < count:
        messages = consumer.consume(10_000, timeout=1)
        failed = [message.error() for message in messages if message.error()]
        if failed or time.perf_counter() - begun > _PATIENCE_S:
            raise SystemExit(f"librdkafka: {read} of {count} records, {failed[:1]}")
        read += len(messages)
    seconds = time.perf_counter() - begun
    consumer.close()
    return {"requests": read, "bytes": read * RECORD_BYTES, "seconds": seconds}


def _tool(main_class: str, *arguments: str) -> str:
    done = subprocess.run(kafka_class(main_class, *arguments, flags=_TOOL_FLAGS), capture_output=True, text=True,
                          timeout=_PATIENCE_S, stdin=subprocess.DEVNULL)
    if done.returncode != 0 or not done.stdout.strip():
        raise SystemExit(f"{main_class}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"no {pattern} in {text[-300:]}")
    return float(found[1])


_FAMILIES: dict[str, dict[str, Callable[[str, str, int], Report]]] = {
    "kafka": {"produce": _producer_perf, "consume": _consumer_perf, "e2e": _end_to_end},
    "librdkafka": {"produce": _rdkafka_produce, "consume": _rdkafka_consume},
}


if __name__ == "__main__":
    raise SystemExit(main())
