"""What the compiled codecs promise: null, absent and default, unknown tags, views, file slices, errors, tracebacks."""

import traceback

import pytest

from pykbroker.errors import Malformed
from pykbroker.wire.codegen import Cut, decode_message, decoder, encode_message, encoder, source_of
from pykbroker.wire.message import ZERO_UUID, Message, batches, int16, int32, int64, message, since, struct, uuid
from pykbroker.wire.messages.fetch import (
    FetchableTopicResponse,
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    LeaderIdAndEpoch,
    PartitionData,
    ReplicaState,
)
from pykbroker.wire.messages.group_records import ClassicMemberMetadata, ConsumerGroupMemberMetadataValue
from pykbroker.wire.messages.heartbeat import HeartbeatRequest
from pykbroker.wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from pykbroker.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData


@struct
class Point(Message):
    x: int32 = 0
    y: int32 = 0


@message(versions="0-2", flexible="1+")
class Sample(Message):
    id: uuid = ZERO_UUID
    name: str | None = since(nullable="0+", default=None)
    raw: bytes = b""
    numbers: list[int16] | None = since(nullable="0+", default=None)
    points: list[Point] = since(default_factory=list)
    late: int64 = since("1+", default=-1)
    point: Point | None = since("2+", nullable="2+", default=None)
    hint: Point | None = since("2+", tag=3, default=None)
    note: str = since("2+", tag=0, default="")


# FRM-18: compact lengths are one more than the length, as varints; 0 is null; UUIDs are 16 raw bytes, zero if absent.


def test_flexible_encoding_is_compact() -> None:
    value = Sample(id=bytes(range(16)), name="ab", raw=b"xyz", numbers=[1, -1], points=[Point(x=1, y=2)], late=5)
    expected = (
        bytes(range(16)) + b"\3ab" + b"\4xyz" + b"\3\0\1\xff\xff" + b"\2" + b"\0\0\0\1\0\0\0\2" + b"\0"
        + b"\0\0\0\0\0\0\0\5" + b"\0"
    )  # fmt: skip
    assert encode_message(value, 1) == expected
    assert decode_message(Sample, 1, expected) == value


def test_classic_encoding_has_fixed_lengths() -> None:
    value = Sample(name="ab", raw=b"xyz", numbers=[1, -1], points=[Point(x=1, y=2)])
    expected = (
        bytes(16) + b"\0\2ab" + b"\0\0\0\3xyz" + b"\0\0\0\2\0\1\xff\xff" + b"\0\0\0\1" + b"\0\0\0\1\0\0\0\2"
    )  # fmt: skip
    assert encode_message(value, 0) == expected
    assert decode_message(Sample, 0, expected) == value


def test_null_and_empty_differ() -> None:
    for version, null_name, empty_name in ((0, b"\xff\xff", b"\0\0"), (1, b"\0", b"\1")):
        assert encode_message(Sample(), version)[16:].startswith(null_name)
        assert encode_message(Sample(name=""), version)[16:].startswith(empty_name)
        for value in (Sample(), Sample(name="", numbers=[]), Sample(numbers=[])):
            assert decode_message(Sample, version, encode_message(value, version)) == value


def test_null_where_none_may_be_is_malformed() -> None:
    for version, null_bytes in ((0, b"\xff\xff\xff\xff"), (1, b"\0")):
        start = bytes(16) + (b"\xff\xff" if version == 0 else b"\0")
        with pytest.raises(Malformed):
            decode_message(Sample, version, start + null_bytes + bytes(30))


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 16382, 16383, 40000])
def test_lengths_around_the_steps_of_a_varint(size: int) -> None:
    value = Sample(raw=b"r" * size, numbers=[7] * size, points=[Point(x=n) for n in range(size % 500)])
    for version in (0, 1, 2):
        assert decode_message(Sample, version, encode_message(value, version)) == value
    value = Sample(name="é" * (size // 2))
    assert decode_message(Sample, 2, encode_message(value, 2)) == value


def test_nullable_structure_is_preceded_by_a_byte() -> None:
    start = encode_message(Sample(), 2)[:-2]
    assert encode_message(Sample(), 2) == start + b"\xff" + b"\0"
    assert encode_message(Sample(point=Point(y=1)), 2) == start + b"\1" + b"\0\0\0\0\0\0\0\1\0" + b"\0"


# FRM-17


def test_tagged_fields_are_in_ascending_order_and_left_out_at_their_default() -> None:
    start = encode_message(Sample(), 2)[:-1]
    both = Sample(hint=Point(x=1), note="n")
    assert encode_message(both, 2) == start + b"\2" + b"\0\2\2n" + b"\3\x09\0\0\0\1\0\0\0\0\0"
    assert decode_message(Sample, 2, encode_message(both, 2)) == both
    assert encode_message(Sample(hint=Point(), note=""), 2) == start + b"\0"
    assert decode_message(Sample, 2, start + b"\0").hint is None


def test_fetch_response_without_hints_has_no_tagged_fields() -> None:
    plain = PartitionData(partition_index=1, records=memoryview(b""))
    silly = PartitionData(partition_index=1, records=memoryview(b""), current_leader=LeaderIdAndEpoch())
    told = PartitionData(
        partition_index=1, records=memoryview(b""), current_leader=LeaderIdAndEpoch(leader_id=2, leader_epoch=3)
    )
    raw = [
        encode_message(FetchResponse(responses=[FetchableTopicResponse(topic="t", partitions=[one])]), 12)
        for one in (plain, silly, told)
    ]
    assert raw[0] == raw[1]
    assert raw[2] == raw[0][:-3] + b"\1" + b"\1\x09\0\0\0\2\0\0\0\3\0" + b"\0\0"


def test_a_null_tagged_structure_is_written_when_the_default_is_another() -> None:
    # Kafka reads an absent classic_member_metadata as an empty one, which is not null: it must say null. And null is
    # 0 in a tag section, -1 elsewhere: these bytes are those of Kafka 4.4.
    modern = ConsumerGroupMemberMetadataValue(classic_member_metadata=None)
    assert encode_message(modern, 0).endswith(b"\1" + b"\0\1\0")
    assert encode_message(ConsumerGroupMemberMetadataValue(), 0).endswith(b"\0")
    for value in (modern, ConsumerGroupMemberMetadataValue()):
        assert decode_message(ConsumerGroupMemberMetadataValue, 0, encode_message(value, 0)) == value
    assert ConsumerGroupMemberMetadataValue().classic_member_metadata == ClassicMemberMetadata()


# FRM-16


def with_tags(raw: bytes, section: bytes) -> bytes:
    """Replace the empty tag section at the end."""
    assert raw.endswith(b"\0")
    return raw[:-1] + section


def test_unknown_tagged_fields_are_skipped_in_a_message_and_in_its_structures() -> None:
    unknown = b"\2" + b"\x63\3abc" + b"\x80\x01\0"
    value = MetadataRequest(topics=[MetadataRequestTopic(name="t")])
    raw = encode_message(value, 9)
    assert raw == b"\2" + b"\2t\0" + b"\1\0\0" + b"\0"
    damaged = b"\2" + b"\2t" + unknown + b"\1\0\0" + unknown
    assert decoder(MetadataRequest, 9)(damaged, 0) == (value, len(damaged))


def test_unknown_tagged_fields_beside_known_ones_are_skipped() -> None:
    value = FetchRequest(cluster_id="c", replica_state=ReplicaState(replica_id=4, replica_epoch=5))
    raw = encode_message(value, 15)
    section = b"\2" + b"\0\2\2c" + b"\1\x0d\0\0\0\4\0\0\0\0\0\0\0\5\0"
    assert raw.endswith(section)
    more = b"\4" + section[1:] + b"\2\1?" + b"\x7f\0"
    assert decode_message(FetchRequest, 15, raw[: -len(section)] + more) == value


def test_unknown_tagged_fields_of_one_structure_in_a_fixed_width_array() -> None:
    partitions = [FetchPartition(partition=n, fetch_offset=n * 10) for n in range(3)]
    value = FetchRequest(topics=[FetchTopic(topic="t", partitions=partitions)])
    raw = encode_message(value, 12)
    end = raw.index(b"\2t\4") + 3 + 2 * 33  # after the second of three
    assert raw[end - 1] == 0
    assert decode_message(FetchRequest, 12, raw[: end - 1] + b"\1\x09\2??" + raw[end:]) == value


def test_tagged_field_of_another_size_than_it_says_is_malformed() -> None:
    start = encode_message(Sample(), 2)
    for section in (b"\1\0\3\2n", b"\1\0\1\2n", b"\1\3\x08\0\0\0\1\0\0\0\0\0", b"\1\x09\x09abc", b"\1\x09"):
        with pytest.raises(Malformed):
            decode_message(Sample, 2, with_tags(start, section))


# Views and file slices


def test_records_are_a_view_of_the_buffer() -> None:
    batch = bytes(range(61))
    value = ProduceRequest(
        topic_data=[TopicProduceData(name="t", partition_data=[PartitionProduceData(records=memoryview(batch))])]
    )
    buffer = bytearray(encode_message(value, 9))
    records = decode_message(ProduceRequest, 9, buffer).topic_data[0].partition_data[0].records
    assert type(records) is memoryview and records.obj is buffer and records == batch
    records[0] = 255
    assert buffer.count(255) == 1


def test_file_slices_are_noted_where_they_belong() -> None:
    class Slices:
        nbytes = 300

    value = FetchResponse(
        responses=[FetchableTopicResponse(topic="t", partitions=[PartitionData(records=Slices()) for _ in range(2)])]
    )
    out = bytearray(b"head")
    cuts: list[Cut] = []
    encoder(FetchResponse, 12)(value, out, cuts)
    assert len(cuts) == 2 and all(type(cut) is Slices for _, cut in cuts)
    whole = bytearray()
    at = 0
    for position, cut in cuts:
        whole += out[at:position] + b"s" * cut.nbytes
        at = position
    whole += out[at:]
    decoded, end = decoder(FetchResponse, 12)(whole, 4)
    assert end == len(whole)
    assert [bytes(p.records) for p in decoded.responses[0].partitions] == [b"s" * 300] * 2


def test_values_decoded_from_a_bytearray_are_immutable_bytes() -> None:
    value = Sample(id=bytes(range(16)), raw=b"abc")
    decoded = decode_message(Sample, 2, bytearray(encode_message(value, 2)))
    assert type(decoded.id) is bytes and type(decoded.raw) is bytes


# The rest


def test_what_follows_a_message_is_left_alone() -> None:
    raw = encode_message(Sample(name="x"), 2)
    assert decoder(Sample, 2)(b"??" + raw + b"more", 2) == (Sample(name="x"), len(raw) + 2)


def test_every_cut_of_a_message_is_malformed() -> None:
    value = Sample(name="x", raw=b"abc", numbers=[1], points=[Point()], point=Point(), hint=Point(x=1), note="n")
    for version in (0, 1, 2):
        raw = encode_message(value, version)
        for size in range(len(raw)):
            with pytest.raises(Malformed):
                decode_message(Sample, version, raw[:size])


def test_each_message_has_its_own_lists() -> None:
    assert Sample().points is not Sample().points
    raw = encode_message(HeartbeatRequest(), 0)
    assert decode_message(HeartbeatRequest, 0, raw).group_instance_id is None


def test_compiled_source_is_in_tracebacks() -> None:
    assert "def decode(buffer, at):" in source_of(Sample, 2) and "def encode(o, out, cuts):" in source_of(Sample, 2)
    try:
        encode_message(Sample(raw=None), 2)  # type: ignore[arg-type]
    except TypeError:
        text = traceback.format_exc()
    assert "<encode Sample v2>" in text and "len(v" in text


def test_records_need_not_be_nullable() -> None:
    @message(versions="0")
    class Holder(Message):
        body: batches = None

    raw = encode_message(Holder(body=memoryview(b"abc")), 0)
    assert raw == b"\0\0\0\3abc" and decode_message(Holder, 0, raw).body == b"abc"
