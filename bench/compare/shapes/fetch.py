"""Fetch: large and small, many partitions, from the tail, in sessions, and a catch-up from the disk."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from bench.compare.measuring import Shape
from bench.compare.rivals import FLOOR, KFAKE
from bench.compare.shapes.loads import MB, fill, load, tail
from bench.servers import Running

FAMILY = "fetch"
KB = 1024
CATCH_UP_MB = 1024
_BATCH_16K = ("--batch-bytes", 16 * KB, "--records", 16, "--connections", 4)
_FILES_MB = 128
_NOBODY_WAITS = "answers a fetch from the end at once"


def _forget_pages(server: Running) -> None:
    """Drop the server's log files from the page cache, once they are on the disk."""
    logs = [Path(directory, name) for directory, _, names in os.walk(server.data) for name in names
            if name.endswith(".log")]
    for path in logs:
        with suppress(FileNotFoundError), path.open("rb") as file:  # Kafka is still deleting what was there before
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


ONE_16K = Shape("fetch-16k", FAMILY, "one 16 KB batch at a time, 4 connections",
                load(10_000, "fetch", "--connections", 4, "--max-bytes", 16 * KB), before=(fill(2_000, *_BATCH_16K),))

SHAPES = (
    Shape("fetch", FAMILY, "1 MB at a time from the page cache, 4 connections",
          load(1_200, "fetch", "--connections", 4, "--max-bytes", MB), before=(fill(_FILES_MB * 64, *_BATCH_16K),)),
    ONE_16K,
    Shape("fetch-small", FAMILY, "one 100-byte batch at a time, 4 connections",
          load(10_000, "fetch", "--connections", 4, "--max-bytes", 100), before=(fill(4_000, "--connections", 4),)),
    Shape("fetch-p10", FAMILY, "10 partitions in a request, one 1 KB batch of each, 4 connections",
          load(4_000, "fetch", "--connections", 4, "--per-request", 10, "--max-bytes", 10 * KB, partitions=40),
          before=(fill(400, "--connections", 4, "--per-request", 10, "--batch-bytes", KB, partitions=40),),
          partitions=40),
    Shape("fetch-p1000", FAMILY, "1,000 partitions in a request, one 1 KB batch of each, 1 connection",
          load(60, "fetch", "--connections", 1, "--per-request", 1000, "--max-bytes", 1000 * KB, partitions=1000),
          before=(fill(20, "--connections", 1, "--per-request", 1000, "--batch-bytes", KB, partitions=1000),),
          partitions=1000),
    Shape("tail", FAMILY, "from the tail: a message to a consumer that waits for it",
          tail(5_000, "--consumers", 1), unit="message", impossible={FLOOR: _NOBODY_WAITS}),
    Shape("tail-50", FAMILY, "from the tail: a message to 50 consumers that wait for it",
          tail(400, "--consumers", 50), unit="message", impossible={FLOOR: _NOBODY_WAITS}),
    Shape("session", FAMILY, "a session of 1,000 partitions, of which one has data",
          tail(3_000, "--consumers", 1, "--session", partitions=1000), unit="message", partitions=1000,
          impossible={FLOOR: "has no sessions"}),
    Shape("catch-up", FAMILY, f"{CATCH_UP_MB:,} MB once from the disk, 1 MB at a time, 4 connections",
          load(CATCH_UP_MB, "fetch", "--connections", 4, "--max-bytes", MB),
          before=(fill(CATCH_UP_MB * 64, *_BATCH_16K),),
          after_fill=_forget_pages, rounds=1, warmup=False, impossible={KFAKE: "keeps its data in memory"}),
)
