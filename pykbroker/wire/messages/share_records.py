"""Keys and values of `__share_group_state`.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int8, int16, int32, int64, message, since, struct, uuid


@message(key=0, versions="0")
class ShareSnapshotKey(Message):
    group_id: str = ""
    topic_id: uuid = ZERO_UUID
    partition: int32 = 0


@struct
class ShareSnapshotValueStateBatch(Message):
    first_offset: int64 = 0
    last_offset: int64 = 0
    delivery_state: int8 = 0
    delivery_count: int16 = 0


@message(key=0, versions="0", flexible="0+")
class ShareSnapshotValue(Message):
    snapshot_epoch: int32 = 0
    state_epoch: int32 = 0
    leader_epoch: int32 = 0
    start_offset: int64 = 0
    delivery_complete_count: int32 = since(tag=0, default=-1)
    create_timestamp: int64 = 0
    write_timestamp: int64 = 0
    state_batches: list[ShareSnapshotValueStateBatch] = since(default_factory=list)


@message(key=1, versions="0")
class ShareUpdateKey(Message):
    group_id: str = ""
    topic_id: uuid = ZERO_UUID
    partition: int32 = 0


@struct
class ShareUpdateValueStateBatch(Message):
    first_offset: int64 = 0
    last_offset: int64 = 0
    delivery_state: int8 = 0
    delivery_count: int16 = 0


@message(key=1, versions="0", flexible="0+")
class ShareUpdateValue(Message):
    snapshot_epoch: int32 = 0
    leader_epoch: int32 = 0
    start_offset: int64 = 0
    delivery_complete_count: int32 = since(tag=0, default=-1)
    state_batches: list[ShareUpdateValueStateBatch] = since(default_factory=list)
