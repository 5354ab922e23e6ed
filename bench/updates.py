"""Batches of updates to random keys: what a compacted topic is for, and what its cleaner has to work on."""

from __future__ import annotations

from random import Random
from struct import pack_into

from bench.directories import now_ms
from pykbroker.wire.batch import CRC_START, HEADER_BYTES, LENGTH_END, crc32c
from pykbroker.wire.compression import compress
from pykbroker.wire.records import build_batch

BATCH_BYTES = 16 * 1024
_KEY_BYTES = 16
_LENGTH_AT, _CRC_AT = 8, 17
_BESIDE_KEY_AND_VALUE = 9  # of a record's bytes, about


class Updates:
    """A stream of batches of 16 KB, before compression, with records of one size; the same for the same arguments.

    Each record is for one of `keys` keys, at random. Values are hexadecimal digits: compression halves them.
    """

    def __init__(self, record_bytes: int, keys: int, codec: int) -> None:
        self.records = BATCH_BYTES // record_bytes
        self._codec = codec
        self._random = Random(0)
        self._keys = [b"%0*d" % (_KEY_BYTES, key) for key in range(keys)]
        places = [b"%0*d" % (_KEY_BYTES, -place) for place in range(1, self.records + 1)]
        half = (record_bytes - _KEY_BYTES - _BESIDE_KEY_AND_VALUE) // 2
        batch = build_batch([(place, self._random.randbytes(half).hex().encode()) for place in places],
                            timestamp_ms=now_ms())
        self._header, self._body = batch[:HEADER_BYTES], batch[HEADER_BYTES:]
        self._header[CRC_START + 1] = codec
        self._key_positions = [self._body.index(place) for place in places]
        self.batch_bytes = len(batch)

    def next_batch(self) -> bytearray:
        """Return the next one."""
        body = self._body
        for position, key in zip(self._key_positions, self._random.choices(self._keys, k=self.records), strict=True):
            body[position : position + _KEY_BYTES] = key
        batch = self._header + (compress(self._codec, body, None) if self._codec else body)
        pack_into(">i", batch, _LENGTH_AT, len(batch) - LENGTH_END)
        pack_into(">I", batch, _CRC_AT, crc32c(memoryview(batch)[CRC_START:], 0))
        return batch
