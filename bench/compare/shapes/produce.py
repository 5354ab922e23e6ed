"""Produce: sizes, depth, partitions in a request, acks, codecs, idempotence, connections, a fixed rate."""

from __future__ import annotations

from bench.compare.measuring import Command, Shape, Target
from bench.compare.rivals import FLOOR
from bench.compare.shapes.batches import batch_file
from bench.compare.shapes.loads import load
from pykbroker.wire.compression import NAMES

FAMILY = "produce"
KB = 1024
SMALL_RATE, LARGE_RATE = 2_000, 500  # requests per second: what each of the rivals keeps up with easily
_PIPELINED = ("--connections", 4, "--depth", 5)
_BATCH_16K = ("--batch-bytes", 16 * KB, "--records", 16)
_BATCH_1M = ("--batch-bytes", 1_000_000, "--records", 1000)
_SMALL = 40_000
_CODECS = (1, 2, 3, 4)


def _compressed(codec: int) -> Command:
    def command(target: Target) -> list[str]:
        return load(15_000, "produce", *_PIPELINED, "--batch-file", str(batch_file(codec)))(target)

    return command


SHAPES = (
    Shape("small", FAMILY, "100-byte batches, 4 connections × 5 in flight", load(_SMALL, "produce", *_PIPELINED)),
    Shape("rtt", FAMILY, "100-byte batches, one request at a time", load(10_000, "rtt")),
    Shape("16k", FAMILY, "16 KB batches, 4 connections × 5", load(15_000, "produce", *_PIPELINED, *_BATCH_16K)),
    Shape("1m", FAMILY, "1 MB batches, 1 connection × 2",
          load(400, "produce", "--connections", 1, "--depth", 2, *_BATCH_1M)),
    Shape("p10", FAMILY, "10 partitions in a request, 100 bytes each, 4 connections × 5",
          load(10_000, "produce", *_PIPELINED, "--per-request", 10, partitions=40), partitions=40),
    Shape("p1000", FAMILY, "1,000 partitions in a request, 100 bytes each, 1 connection × 2",
          load(120, "produce", "--connections", 1, "--depth", 2, "--per-request", 1000, partitions=1000),
          partitions=1000),
    Shape("acks0", FAMILY, "acks=0, 100-byte batches, 4 connections × 5 bursts of 16",
          load(2 * _SMALL, "produce", *_PIPELINED, "--acks", 0)),
    Shape("acks1", FAMILY, "acks=1, 100-byte batches, 4 connections × 5",
          load(_SMALL, "produce", *_PIPELINED, "--acks", 1)),
    Shape("idempotent", FAMILY, "idempotent, 100-byte batches, 4 connections × 5",
          load(_SMALL, "produce", *_PIPELINED, "--idempotent"), impossible={FLOOR: "has no producer ids"}),
    *(Shape(NAMES[codec], FAMILY, f"{NAMES[codec]}, 100 records of 16 KB in all, 4 connections × 5", _compressed(codec))
      for codec in _CODECS),
    Shape("c1", FAMILY, "100-byte batches, 1 connection × 5",
          load(_SMALL, "produce", "--connections", 1, "--depth", 5)),
    Shape("c50", FAMILY, "100-byte batches, 50 connections × 1",
          load(_SMALL, "produce", "--connections", 50, "--depth", 1)),
    Shape("c1000", FAMILY, "100-byte batches, 1,000 connections × 1",
          load(_SMALL, "produce", "--connections", 1000, "--depth", 1)),
    Shape("rate-small", FAMILY, f"100-byte batches at {SMALL_RATE:,} a second, 4 connections",
          load(SMALL_RATE, "produce", "--connections", 4, "--depth", 200, "--rate", SMALL_RATE)),
    Shape("rate-16k", FAMILY, f"16 KB batches at {LARGE_RATE:,} a second, 4 connections",
          load(LARGE_RATE, "produce", "--connections", 4, "--depth", 50, "--rate", LARGE_RATE, *_BATCH_16K)),
)
