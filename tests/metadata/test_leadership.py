"""Who leads: with images of several brokers, which one broker alone cannot show."""

from __future__ import annotations

import pytest

from pykbroker import errors
from pykbroker.errors import KafkaError
from pykbroker.metadata import leadership
from pykbroker.metadata.image import Image, PartitionState
from pykbroker.metadata.leadership import PREFERRED, UNCLEAN
from pykbroker.metadata.replay import apply
from pykbroker.wire.messages.metadata_records import (
    PartitionChangeRecord,
    PartitionRecord,
    RegisterBrokerRecord,
    TopicRecord,
)

TOPIC_ID = b"t" * 16


def an_image(*partitions: tuple[int, list[int], list[int]], alive: tuple[int, ...] = (1, 2, 3)) -> Image:
    """Return an image with a topic `t` whose partitions have these (leader, replicas, isr)."""
    image = Image("c")
    for node in (1, 2, 3):
        apply(image, RegisterBrokerRecord(broker_id=node, broker_epoch=node, fenced=node not in alive))
    apply(image, TopicRecord(name="t", topic_id=TOPIC_ID))
    for index, (leader, replicas, isr) in enumerate(partitions):
        apply(image, PartitionRecord(
            partition_id=index, topic_id=TOPIC_ID, leader=leader, replicas=replicas, isr=isr, leader_epoch=5,
            partition_epoch=7,
        ))  # fmt: skip
    return image


def elected(image: Image, kind: int) -> tuple[PartitionState, int, PartitionChangeRecord | None]:
    """Elect a leader of partition 0; return the partition afterwards, the error code, and the record if any."""
    records, ((_, ((_, error),)),) = leadership.elect(image, kind, [("t", [0])])
    for record in records:
        apply(image, record)
    record = records[0] if records else None
    assert record is None or isinstance(record, PartitionChangeRecord)
    return image.topics["t"].partitions[0], errors.NONE if error is None else error.code, record


def test_preferred_leader_takes_over_when_it_is_in_sync() -> None:
    # CLA-10
    state, code, _ = elected(an_image((2, [1, 2, 3], [1, 2])), PREFERRED)
    assert (code, state.leader, state.leader_epoch, state.isr) == (0, 1, 6, [1, 2])


@pytest.mark.parametrize(("isr", "alive"), [([2, 3], (1, 2, 3)), ([1, 2, 3], (2, 3))])
def test_leader_stays_when_the_preferred_one_cannot_lead(isr: list[int], alive: tuple[int, ...]) -> None:
    # CLA-10
    state, code, _ = elected(an_image((3, [1, 2, 3], isr), alive=alive), PREFERRED)
    assert (code, state.leader, state.leader_epoch) == (errors.PREFERRED_LEADER_NOT_AVAILABLE, 3, 5)


def test_another_leads_when_nobody_does_and_the_preferred_one_cannot() -> None:
    # CLA-10
    state, code, _ = elected(an_image((-1, [1, 2, 3], [2, 3]), alive=(1, 3)), PREFERRED)
    assert (code, state.leader) == (0, 3)


def test_unclean_election_prefers_a_clean_leader() -> None:
    # CLA-11
    state, code, record = elected(an_image((-1, [1, 2], [2])), UNCLEAN)
    assert (code, state.leader, state.isr) == (0, 2, [2])
    assert record is not None
    assert record.leader_recovery_state == -1


def test_unclean_election_takes_whoever_is_alive() -> None:
    # CLA-11
    state, code, record = elected(an_image((-1, [1, 2], [2]), alive=(1,)), UNCLEAN)
    assert (code, state.leader, state.isr) == (0, 1, [1])
    assert record is not None
    assert record.leader_recovery_state == 1


def test_nobody_is_there_to_lead() -> None:
    # CLA-11
    for kind, expected in (
        (PREFERRED, errors.PREFERRED_LEADER_NOT_AVAILABLE), (UNCLEAN, errors.ELIGIBLE_LEADERS_NOT_AVAILABLE),
    ):  # fmt: skip
        assert elected(an_image((-1, [1, 2], [1, 2]), alive=(3,)), kind)[1] == expected


def test_unclean_election_is_not_needed_where_somebody_leads() -> None:
    # CLA-11
    assert elected(an_image((2, [1, 2], [1, 2])), UNCLEAN)[1] == errors.ELECTION_NOT_NEEDED


def test_all_partitions_are_tried_and_only_the_needy_reported() -> None:
    # CLA-10
    image = an_image((1, [1, 2], [1, 2]), (2, [1, 2], [1, 2]), (-1, [2], [2]))
    records, results = leadership.elect(image, PREFERRED, None)
    assert results == [("t", [(1, None), (2, None)])]
    assert [record.leader for record in records if isinstance(record, PartitionChangeRecord)] == [1, 2]


def test_unregistered_broker_is_out_everywhere() -> None:
    image = an_image((1, [1, 2], [1, 2]), (2, [1, 2], [1, 2]), (1, [1], [1]), (2, [2], [2]), (1, [1, 2], [1, 2]))
    records, _ = leadership.unregister(image, 1)
    for record in records:
        apply(image, record)
    assert 1 not in image.brokers
    states = [(state.leader, state.isr) for state in image.topics["t"].partitions]
    assert states == [(2, [2]), (2, [2]), (-1, [1]), (2, [2]), (2, [2])]
    with pytest.raises(KafkaError) as raised:
        leadership.unregister(image, 1)
    assert raised.value.code == errors.BROKER_ID_NOT_REGISTERED


def test_fenced_broker_does_not_take_over() -> None:
    image = an_image((1, [1, 2, 3], [1, 2, 3]), alive=(1, 3))
    records, _ = leadership.unregister(image, 1)
    apply(image, records[0])
    assert image.topics["t"].partitions[0].leader == 3
