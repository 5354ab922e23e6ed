"""Time the compiled codecs of the hot messages, beside kio (whose decoder is native code, its encoder Python).

    python bench/bench_codec.py [--seconds 0.2]

Each number is the best of several runs, in microseconds per message. Compare them within one run only.
"""

import argparse
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pykbroker.wire.codegen import decoder, encode_message, encoder
from pykbroker.wire.message import Message
from pykbroker.wire.messages import fetch, metadata, produce

Calls = tuple[Callable[[], object], Callable[[], object]]


def produce_request() -> Message:
    """One topic, one partition, a small batch."""
    partition = produce.PartitionProduceData(index=3, records=memoryview(bytes(100)))
    topic = produce.TopicProduceData(name="orders", partition_data=[partition])
    return produce.ProduceRequest(acks=-1, timeout_ms=30_000, topic_data=[topic])


def produce_response() -> Message:
    """One topic, one partition."""
    partition = produce.PartitionProduceResponse(index=3, base_offset=123_456, log_start_offset=0)
    topic = produce.TopicProduceResponse(name="orders", partition_responses=[partition])
    return produce.ProduceResponse(responses=[topic])


def fetch_request() -> Message:
    """One topic, 100 partitions."""
    partitions = [fetch.FetchPartition(partition=n, fetch_offset=1000 + n, partition_max_bytes=1 << 20)
                  for n in range(100)]  # fmt: skip
    topic = fetch.FetchTopic(topic="orders", partitions=partitions)
    return fetch.FetchRequest(max_wait_ms=500, min_bytes=1, session_epoch=0, topics=[topic])


def fetch_response() -> Message:
    """One topic, 100 partitions without records."""
    partitions = [
        fetch.PartitionData(partition_index=n, high_watermark=5000, last_stable_offset=5000, log_start_offset=0,
                            aborted_transactions=None, records=memoryview(b""))
        for n in range(100)
    ]  # fmt: skip
    return fetch.FetchResponse(responses=[fetch.FetchableTopicResponse(topic="orders", partitions=partitions)])


def metadata_response() -> Message:
    """Three brokers, ten topics of ten partitions."""
    brokers = [metadata.MetadataResponseBroker(node_id=n, host=f"host-{n}", port=9092) for n in range(3)]
    topics = [
        metadata.MetadataResponseTopic(
            name=f"topic-{t}",
            topic_id=bytes(15) + b"\1",
            partitions=[
                metadata.MetadataResponsePartition(
                    partition_index=n, leader_id=1, leader_epoch=5, replica_nodes=[1, 2, 3], isr_nodes=[1, 2, 3]
                )
                for n in range(10)
            ],
        )
        for t in range(10)
    ]
    return metadata.MetadataResponse(brokers=brokers, cluster_id="x" * 22, controller_id=1, topics=topics)


CASES: list[tuple[str, Callable[[], Message], int, str]] = [
    ("produce", produce_request, 9, "request"),
    ("produce", produce_response, 9, "response"),
    ("fetch", fetch_request, 12, "request"),
    ("fetch", fetch_response, 12, "response"),
    ("metadata", metadata_response, 12, "response"),
]


def microseconds(call: Callable[[], object], seconds: float) -> float:
    """Return the best time of one call."""
    start = perf_counter()
    call()
    rounds = max(1, int(seconds / 5 / max(perf_counter() - start, 1e-7) / 4))
    best = float("inf")
    for _ in range(7):
        start = perf_counter()
        for _ in range(rounds):
            call()
        best = min(best, (perf_counter() - start) / rounds)
    return best * 1e6


def our_calls(value: Message, version: int) -> Calls:
    """Return our decoding and encoding."""
    raw = encode_message(value, version)
    decode, encode = decoder(type(value), version), encoder(type(value), version)
    cuts: list[Any] = []
    return (lambda: decode(raw, 0)), (lambda: encode(value, bytearray(), cuts))


def kio_calls(name: str, version: int, which: str, raw: bytes) -> Calls | None:
    """Return kio's decoding and encoding of the same bytes, if kio is installed."""
    try:
        from kio.index import load_entity_schema
        from kio.serial import entity_reader, entity_writer
        from kio.static.constants import EntityType
    except ImportError:
        return None
    kind: Any = EntityType[which]
    schema: Any = load_entity_schema(name, version, kind)
    read, write = entity_reader(schema), entity_writer(schema)
    value = read(raw, 0)[0]
    return (lambda: read(raw, 0)), (lambda: write(BytesIO(), value))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=0.2, help="roughly, for each number")
    seconds = parser.parse_args().seconds
    print(f"{'µs per message':28}{'decode':>9}{'kio':>9}{'encode':>9}{'kio':>9}")
    for name, build, version, which in CASES:
        value = build()
        ours = our_calls(value, version)
        theirs = kio_calls(name, version, which, encode_message(value, version)) or (None, None)
        calls = (ours[0], theirs[0], ours[1], theirs[1])
        row = "".join(f"{microseconds(call, seconds):9.2f}" if call else f"{'-':>9}" for call in calls)
        print(f"{type(value).__name__ + f' v{version}':28}{row}")


if __name__ == "__main__":
    main()
