"""Ready-made batches for the loads, as files: the same records in each codec."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random

from bench.build import BUILD
from bench.directories import now_ms
from pykbroker.wire.compression import NAMES
from pykbroker.wire.records import build_batch

RECORDS = 100
_BYTES_OF_EACH = 160


@cache
def batch_file(codec: int) -> Path:
    """Return a file with one batch of 100 records, 16 KB before compression, which about halves it.

    The values are JSON with numbers, names and a random token, as logs and events have.
    """
    path = BUILD / f"batch-{NAMES[codec]}"
    BUILD.mkdir(exist_ok=True)
    path.write_bytes(build_batch([(b"%08d" % n, _value(n)) for n in range(RECORDS)], timestamp_ms=now_ms(),
                                 codec=codec))
    return path


def _value(number: int) -> bytes:
    random = Random(number)
    event = {"id": number, "kind": random.choice(["view", "click", "order"]), "price": random.random(),
             "session": random.randbytes(16).hex()}
    return json.dumps(event).encode().ljust(_BYTES_OF_EACH - 25)
