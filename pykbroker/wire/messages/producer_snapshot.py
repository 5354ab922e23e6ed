"""The producers of a partition (`.snapshot`).

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import Message, int16, int32, int64, message, since, struct, uint32


@struct
class ProducerEntry(Message):
    producer_id: int64 = 0
    epoch: int16 = 0
    last_sequence: int32 = 0
    last_offset: int64 = 0
    offset_delta: int32 = 0
    timestamp: int64 = 0
    coordinator_epoch: int32 = 0
    current_txn_first_offset: int64 = 0


@message(versions="1")
class ProducerSnapshot(Message):
    crc: uint32 = 0
    producer_entries: list[ProducerEntry] = since(default_factory=list)
