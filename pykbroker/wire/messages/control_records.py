"""Control records: what is in control batches.

Written by `tools/generate_messages.py`.
"""

from pykbroker.wire.message import ZERO_UUID, Message, int16, int32, int64, message, since, struct, uint16, uuid


@message(versions="0")
class ControlRecordTypeSchema(Message):
    type: int16 = 0


@message(versions="0")
class EndTxnMarker(Message):
    coordinator_epoch: int32 = 0


@message(versions="0", flexible="0+")
class KRaftVersionRecord(Message):
    version: int16 = 0
    kraft_version: int16 = 0


@struct
class LeaderChangeMessageVoter(Message):
    voter_id: int32 = 0
    voter_directory_id: uuid = since("1+", default=ZERO_UUID)


@message(versions="0-1", flexible="0+")
class LeaderChangeMessage(Message):
    version: int16 = 0
    leader_id: int32 = 0
    voters: list[LeaderChangeMessageVoter] = since(default_factory=list)
    granting_voters: list[LeaderChangeMessageVoter] = since(default_factory=list)


@message(versions="0", flexible="0+")
class SnapshotFooterRecord(Message):
    version: int16 = 0


@message(versions="0", flexible="0+")
class SnapshotHeaderRecord(Message):
    version: int16 = 0
    last_contained_log_timestamp: int64 = 0


@struct
class Endpoint(Message):
    name: str = ""
    host: str = ""
    port: uint16 = 0


@struct
class KRaftVersionFeature(Message):
    min_supported_version: int16 = 0
    max_supported_version: int16 = 0


@struct
class VotersRecordVoter(Message):
    voter_id: int32 = 0
    voter_directory_id: uuid = ZERO_UUID
    endpoints: list[Endpoint] = since(default_factory=list)
    kraft_version_feature: KRaftVersionFeature = since(default_factory=KRaftVersionFeature)


@message(versions="0", flexible="0+")
class VotersRecord(Message):
    version: int16 = 0
    voters: list[VotersRecordVoter] = since(default_factory=list)
