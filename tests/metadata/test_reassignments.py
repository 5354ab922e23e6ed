"""Moving partitions: with images of several brokers, as a directory from another cluster may have them."""

from __future__ import annotations

from pykbroker import errors
from pykbroker.metadata import reassignments
from pykbroker.metadata.image import Image
from pykbroker.metadata.replay import apply
from pykbroker.wire.messages.metadata_records import PartitionRecord
from tests.metadata.test_leadership import TOPIC_ID, an_image


def moved(image: Image, replicas: list[int], may_change_factor: bool = True) -> int:
    records, ((_, ((_, error),)),) = reassignments.alter(
        image, [("t", [(0, replicas)])], may_change_factor=may_change_factor
    )
    for record in records:
        apply(image, record)
    return errors.NONE if error is None else error.code


def test_partition_is_reduced_to_replicas_in_sync() -> None:
    # CLA-12: at once, with the leader among them
    image = an_image((2, [1, 2, 3], [1, 2]))
    assert moved(image, [1]) == 0
    state = image.topics["t"].partitions[0]
    assert (state.replicas, state.isr, state.leader, state.leader_epoch) == ([1], [1], 1, 6)


def test_order_of_replicas_may_change() -> None:
    image = an_image((2, [1, 2], [1, 2]))
    apply(image, PartitionRecord(
        partition_id=0, topic_id=TOPIC_ID, leader=2, replicas=[1, 2], isr=[1, 2], leader_epoch=5, partition_epoch=7,
        directories=[b"1" * 16, b"2" * 16],
    ))  # fmt: skip
    assert moved(image, [2, 1]) == 0
    state = image.topics["t"].partitions[0]
    assert (state.replicas, state.leader, state.leader_epoch) == ([2, 1], 2, 5)
    assert state.directories == [b"2" * 16, b"1" * 16]


def test_replica_that_is_not_in_sync_cannot_become_so() -> None:
    # CLA-12: it is not there to fetch
    image = an_image((1, [1], [1]))
    for wanted in ([2], [1, 2], [2, 1]):
        assert moved(image, wanted) == errors.INVALID_REPLICA_ASSIGNMENT
    assert image.topics["t"].partitions[0].replicas == [1]


def test_number_of_replicas_stays_unless_it_may_change() -> None:
    # CLA-14
    image = an_image((1, [1, 2], [1, 2]))
    assert moved(image, [1], may_change_factor=False) == errors.INVALID_REPLICATION_FACTOR
    assert moved(image, [2, 1], may_change_factor=False) == 0
