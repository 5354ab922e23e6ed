"""The layout of `__consumer_offsets`."""

import pytest

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.groups.records import MetadataRecord, OffsetRecord, decode, encode
from pykbroker.wire.messages.group_records import GroupMetadataValue, MemberMetadata, OffsetCommitValue

TOPIC_ID = bytes(range(16))


def test_offset_record() -> None:  # INT-02
    value = OffsetCommitValue(offset=7, leader_epoch=2, metadata="m", commit_timestamp=9, topic_id=TOPIC_ID)
    key, stored = encode(OffsetRecord("g", "t", 3, value))
    assert key == b"\0\1" b"\0\1g" b"\0\1t" b"\0\0\0\3"
    assert stored == (
        b"\0\4" b"\0\0\0\0\0\0\0\7" b"\0\0\0\2" b"\2m" b"\0\0\0\0\0\0\0\t" b"\1\0\x10" + TOPIC_ID
    )
    again = decode(key, stored)
    assert isinstance(again, OffsetRecord)
    assert (again.group_id, again.topic, again.partition, again.value) == ("g", "t", 3, value)


def test_offset_record_with_an_expiry() -> None:  # INT-02, OFF-12
    key, stored = encode(OffsetRecord("g", "t", 3, OffsetCommitValue(offset=7, commit_timestamp=1, expire_timestamp=9)))
    assert stored == b"\0\1" b"\0\0\0\0\0\0\0\7" b"\0\0" b"\0\0\0\0\0\0\0\1" b"\0\0\0\0\0\0\0\t"
    again = decode(key, stored)
    assert isinstance(again, OffsetRecord) and again.value is not None
    assert again.value.expire_timestamp == 9


def test_group_record() -> None:  # INT-03
    member = MemberMetadata(
        member_id="m", group_instance_id="i", client_id="c", client_host="/h", rebalance_timeout=2, session_timeout=1,
        subscription=b"s", assignment=b"a",
    )
    value = GroupMetadataValue(
        protocol_type="consumer", generation=4, protocol="range", leader="m", current_state_timestamp=5,
        members=[member],
    )
    key, stored = encode(MetadataRecord("g", value))
    assert key == b"\0\2" b"\0\1g"
    assert stored == (
        b"\0\3" b"\0\x08consumer" b"\0\0\0\4" b"\0\5range" b"\0\1m" b"\0\0\0\0\0\0\0\5" b"\0\0\0\1"
        b"\0\1m" b"\0\1i" b"\0\1c" b"\0\2/h" b"\0\0\0\2" b"\0\0\0\1" b"\0\0\0\1s" b"\0\0\0\1a"
    )
    again = decode(key, stored)
    assert isinstance(again, MetadataRecord)
    assert again.value == value


@pytest.mark.parametrize("record", [OffsetRecord("g", "t", 0, None), MetadataRecord("g", None)])
def test_removal_has_no_value(record: OffsetRecord | MetadataRecord) -> None:  # INT-02, INT-03
    key, stored = encode(record)
    assert stored is None
    again = decode(key, stored)
    assert type(again) is type(record)
    assert again is not None and again.value is None


def test_legacy_offset_record_is_read() -> None:  # INT-02
    again = decode(b"\0\0" b"\0\1g" b"\0\1t" b"\0\0\0\3", b"\0\0" b"\0\0\0\0\0\0\0\7" b"\0\1m" b"\0\0\0\0\0\0\0\t")
    assert isinstance(again, OffsetRecord) and again.value is not None
    assert (again.value.offset, again.value.metadata, again.value.commit_timestamp) == (7, "m", 9)


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_older_group_records_are_read(version: int) -> None:  # INT-03
    head = b"\0\x08consumer" b"\0\0\0\4" b"\0\5range" b"\0\1m"
    timestamp = b"\0\0\0\0\0\0\0\5" if version >= 2 else b""
    instance = b"\xff\xff" if version >= 3 else b""
    rebalance = b"\0\0\0\2" if version >= 1 else b""
    member = b"\0\1m" + instance + b"\0\1c" b"\0\2/h" + rebalance + b"\0\0\0\1" b"\0\0\0\1s" b"\0\0\0\1a"
    again = decode(b"\0\2\0\1g", bytes((0, version)) + head + timestamp + b"\0\0\0\1" + member)
    assert isinstance(again, MetadataRecord) and again.value is not None
    assert (again.value.generation, again.value.members[0].subscription) == (4, b"s")
    assert again.value.members[0].rebalance_timeout == (2 if version >= 1 else -1)


@pytest.mark.parametrize("kind", [3, 5, 8, 16, 999])
def test_other_kinds_of_records_are_skipped(kind: int) -> None:  # INT-04
    assert decode(kind.to_bytes(2, "big") + b"whatever", b"") is None


@pytest.mark.parametrize(("key", "value", "code"), [
    (None, b"", errors.CORRUPT_MESSAGE),
    (b"\0", b"", errors.CORRUPT_MESSAGE),
    (b"\0\2\0\5g", None, errors.CORRUPT_MESSAGE),
    (b"\0\2\0\1g", b"\0", errors.CORRUPT_MESSAGE),
    (b"\0\2\0\1g", b"\0\3\0\x08", errors.CORRUPT_MESSAGE),
    (b"\0\2\0\1g", b"\0\5\0\x08", errors.UNSUPPORTED_VERSION),
])
def test_damaged_records_are_not_ignored(key: bytes | None, value: bytes | None, code: int) -> None:
    with pytest.raises(KafkaError) as raised:
        decode(key, value)
    assert raised.value.code == code
