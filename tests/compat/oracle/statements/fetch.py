"""FET: Fetch, with and without sessions."""

from typing import Any

from pykbroker.wire.messages.fetch import FetchRequest, ReplicaState
from tests.compat.oracle.asking import (
    NOW_MS,
    await_topic,
    batch,
    create,
    delete,
    delete_records,
    fetch,
    fetch_one,
    fetch_request,
    fill,
    produce,
    timed,
)
from tests.compat.oracle.node import Node
from tests.compat.oracle.settings import STRICT
from tests.compat.oracle.statement import statement
from tests.compat.oracle.statements.produce import RECOMPRESSED


def sizes(answer: Any) -> list[int]:
    """Return how many bytes of records each partition has, in the answer's order."""
    return [len(part.records) for topic in answer.responses for part in topic.partitions]


@statement("FET-01", "FET-15", "FET-43", api=FetchRequest)
def whole_batches(at: Node) -> None:
    topic = create(at)
    for content in (batch(b"a", b"b", b"c"), batch(b"d", codec=1), batch(b"e")):
        produce(at, topic, content)
    assert sizes(fetch(at, (topic, 0, 1))) == sizes(fetch(at, (topic, 0, 0)))
    assert fetch_one(at, topic, 4).high_watermark == 5


@statement("FET-03", "FET-05", api=FetchRequest)
def at_the_end(at: Node) -> None:
    topic = create(at)
    empty = fetch_one(at, topic)
    assert (empty.error_code, empty.high_watermark, bytes(empty.records)) == (0, 0, b"")
    fill(at, topic, b"a")
    assert fetch_one(at, topic, 1).high_watermark == 1


@statement("FET-04", "FET-11", api=FetchRequest)
def out_of_range(at: Node) -> None:
    topic = create(at, partitions=2)
    fill(at, topic, b"a", b"b", b"c")
    delete_records(at, topic, 2)
    for wrong in (1, 9, -7):
        answer = fetch_one(at, topic, wrong, max_wait_ms=14000)
        assert (answer.error_code, answer.high_watermark) == (1, -1)
    fetch(at, (topic, 1, 0), (topic, 0, 9), max_wait_ms=14000)


@statement("FET-06", "FET-44", api=FetchRequest)
def first_batch_is_always_given(at: Node) -> None:
    topic = create(at)
    fill(at, topic, b"x" * 500, b"y" * 500)
    one = len(batch(b"x" * 500))
    assert sizes(fetch(at, (topic, 0, 0), max_bytes=1)) == [one]
    assert sizes(fetch(at, (topic, 0, 0), partition_max_bytes=1)) == [one]
    assert sizes(fetch(at, (topic, 0, 0), max_bytes=0)) == [one]
    assert sizes(fetch(at, (topic, 0, 0), partition_max_bytes=0)) == [one]


@statement("FET-07", "FET-08", api=FetchRequest)
def limits(at: Node) -> None:
    topic = create(at, partitions=3)
    for index in range(3):
        fill(at, topic, b"x" * 300, b"y" * 300, index=index)
    one = len(batch(b"x" * 300))
    everywhere = [(topic, index, 0) for index in range(3)]
    fetch(at, *everywhere, max_bytes=1)
    fetch(at, *everywhere, max_bytes=3 * one)
    fetch(at, *everywhere, partition_max_bytes=one + 50)
    assert sum(sizes(fetch(at, *everywhere))) == 6 * one


@statement("FET-10", "FET-12", api=FetchRequest)
def waits_for_bytes(at: Node) -> None:
    topic = create(at)
    assert sizes(fetch(at, (topic, 0, 0), max_wait_ms=300)) == [0]
    assert sizes(fetch(at, (topic, 0, 0), max_wait_ms=14000, min_bytes=0)) == [0]
    assert fetch(at, max_wait_ms=14000).responses == []
    assert sizes(fetch(at, (topic, 0, 0), max_wait_ms=0, min_bytes=100)) == [0]


@statement("FET-13", api=FetchRequest)
def woken_by_an_append(at: Node) -> None:
    topic = create(at, partitions=2)
    other = at.connect()
    version = at.version_of(FetchRequest)
    waiting = at.start(fetch_request(at, [(topic, 0, 0), (topic, 1, 0)], version, max_wait_ms=14000), on=other)
    fill(at, topic, b"a", index=1)
    assert sum(sizes(waiting.answer())) == len(batch(b"a"))


@statement("FET-13", api=FetchRequest)
def woken_by_deletion(at: Node) -> None:
    topic = create(at)
    other = at.connect()
    waiting = at.start(fetch_request(at, [(topic, 0, 0)], at.version_of(FetchRequest), max_wait_ms=14000), on=other)
    delete(at, topic)
    code = waiting.answer().responses[0].partitions[0].error_code
    del at.record[-1]  # which of the two it is, is a matter of time
    assert code in (3, 100)


@statement("FET-18", "FET-19", api=FetchRequest)
def isolation_without_transactions(at: Node) -> None:
    topic = create(at)
    fill(at, topic, b"a")
    assert fetch_one(at, topic, isolation_level=0).aborted_transactions is None
    committed = fetch_one(at, topic, isolation_level=1)
    assert committed.last_stable_offset == 1
    assert committed.aborted_transactions == []


@statement("FET-21", api=FetchRequest, since=7)
def no_session(at: Node) -> None:
    topic = create(at)
    fill(at, topic, b"a")
    assert fetch(at, (topic, 0, 0)).session_id == 0


@statement("FET-22", "FET-23", "FET-24", api=FetchRequest, since=7)
def sessions(at: Node) -> None:
    topic = create(at, partitions=3)
    fill(at, topic, b"a")
    opened = fetch(at, (topic, 0, 0), (topic, 1, 0), session_epoch=0)
    assert opened.session_id
    session = {"session_id": opened.session_id}
    assert fetch(at, (topic, 0, 1), session_epoch=1, **session).responses == []
    fill(at, topic, b"b", index=1)
    assert sizes(fetch(at, session_epoch=2, **session)) == [len(batch(b"b"))]
    fetch(at, (topic, 1, 1), (topic, 2, 0), session_epoch=3, forget=[(topic, 0)], **session)
    fill(at, topic, b"c")
    fill(at, topic, b"d", index=2)
    assert sizes(fetch(at, session_epoch=4, **session)) == [len(batch(b"d"))]
    delete_records(at, topic, 1, index=1)
    fetch(at, (topic, 2, 1), session_epoch=5, **session)


@statement("FET-25", "FET-26", api=FetchRequest, since=7)
def session_errors(at: Node) -> None:
    topic = create(at)
    fill(at, topic, b"a")
    assert fetch(at, (topic, 0, 0), session_id=123456, session_epoch=4).error_code == 70
    opened = fetch(at, (topic, 0, 0), session_epoch=0).session_id
    wrong = fetch(at, session_id=opened, session_epoch=7)
    assert (wrong.error_code, wrong.responses) == (71, [])
    assert fetch(at, (topic, 0, 0), session_id=opened, session_epoch=-1).session_id == 0
    assert fetch(at, session_id=opened, session_epoch=1).error_code == 70


@statement("FET-22", api=FetchRequest, since=7)
def session_is_replaced(at: Node) -> None:
    topic = create(at)
    first = fetch(at, (topic, 0, 0), session_epoch=0).session_id
    second = fetch(at, (topic, 0, 0), session_id=first, session_epoch=0).session_id
    assert second not in (0, first)
    assert fetch(at, session_id=first, session_epoch=1).error_code == 70


@statement("FET-27", "FET-04", api=FetchRequest, since=7)
def error_in_a_session(at: Node) -> None:
    topic = create(at, partitions=2)
    fill(at, topic, b"a")
    opened = fetch(at, (topic, 0, 9), (topic, 1, 0), session_epoch=0)
    session = {"session_id": opened.session_id}
    fetch(at, session_epoch=1, **session)
    assert fetch(at, (topic, 0, 1), session_epoch=2, **session).responses
    assert fetch(at, session_epoch=3, **session).responses == []


@statement("FET-29", api=FetchRequest, since=7)
def everything_is_forgotten(at: Node) -> None:
    topic = create(at)
    opened = fetch(at, (topic, 0, 0), session_epoch=0).session_id
    answer = fetch(at, session_id=opened, session_epoch=1, forget=[(topic, 0)])
    assert (answer.error_code, answer.session_id) == (0, 0)
    assert fetch(at, session_id=opened, session_epoch=2).error_code == 70


@statement("FET-30")
def session_between_names_and_ids(at: Node) -> None:
    topic = create(at)
    low, high = 12, at.versions[1][1]
    by_name = at.send(fetch_request(at, [(topic, 0, 0)], low, session_epoch=0), low).session_id
    assert at.send(fetch_request(at, [], high, session_id=by_name, session_epoch=1), high).error_code == 106
    by_id = at.send(fetch_request(at, [(topic, 0, 0)], high, session_epoch=0), high).session_id
    assert at.send(fetch_request(at, [], low, session_id=by_id, session_epoch=1), low).error_code == 106


@statement(
    "FET-28",
    api=FetchRequest,
    since=7,
    settings=STRICT,
    may_differ={
        "Fetch.session_id": "Kafka divides the slots among eight caches: so few leave each without any",
    },
)
def session_cache_is_full(at: Node) -> None:
    topic = create(at)
    for _ in range(12):
        assert fetch(at, (topic, 0, 0), session_epoch=0).error_code == 0


@statement("FET-31", api=FetchRequest, since=13)
def unknown_topic_id(at: Node) -> None:
    topic = create(at)
    assert fetch_one(at, "none").error_code == 100
    assert fetch_one(at, topic, index=7).error_code == 3
    opened = fetch(at, (topic, 0, 0), ("none", 0, 0), session_epoch=0)
    fetch(at, session_id=opened.session_id, session_epoch=1)


@statement("FET-32", api=FetchRequest, until=12)
def unknown_topic(at: Node) -> None:
    topic = create(at)
    assert fetch_one(at, f"{topic}-none").error_code == 3
    assert fetch_one(at, topic, index=7).error_code == 3


@statement("FET-33", "FET-35", api=FetchRequest, since=9)
def leader_epochs(at: Node) -> None:
    topic = create(at)
    fill(at, topic, b"a")
    assert fetch_one(at, topic, leader_epoch=0).error_code == 0
    assert fetch_one(at, topic, leader_epoch=5).error_code == 75
    assert fetch_one(at, topic, leader_epoch=-1).error_code == 0


@statement("FET-34", api=FetchRequest, since=12)
def diverging_epoch(at: Node) -> None:
    topic = create(at)
    fill(at, topic, b"a", b"b")
    assert fetch_one(at, topic, 1, last_fetched_epoch=0).diverging_epoch is None
    fetch_one(at, topic, 1, last_fetched_epoch=7)


@statement("FET-36", api=FetchRequest, since=5)
def log_start_offset(at: Node) -> None:
    topic = create(at)
    fill(at, topic, b"a", b"b", b"c")
    delete_records(at, topic, 2)
    assert fetch_one(at, topic, 2).log_start_offset == 2


@statement("FET-37", api=FetchRequest, since=11)
def no_preferred_replica(at: Node) -> None:
    topic = create(at)
    fill(at, topic, b"a")
    assert fetch_one(at, topic, rack_id="r1").preferred_read_replica == -1


@statement("FET-38", api=FetchRequest)
def debugging_consumer(at: Node) -> None:
    topic = create(at)
    fill(at, topic, b"a")
    replica = {"replica_id": -2} if at.version < 15 else {"replica_state": ReplicaState(replica_id=-2)}
    assert fetch_one(at, topic, **replica).records


@statement("FET-39", api=FetchRequest, until=9, may_differ=RECOMPRESSED)
def zstd_for_old_clients(at: Node) -> None:
    topic = create(at, compression_type="zstd")
    fill(at, topic, b"a")
    assert fetch_one(at, topic).error_code == 0  # Kafka 4 does not refuse it any more


@statement("FET-42", api=FetchRequest)
def partition_twice(at: Node) -> None:
    topic = create(at)
    fill(at, topic, b"a")
    assert len(sizes(fetch(at, (topic, 0, 0), (topic, 0, 0)))) == 1


@statement("FET-09", api=FetchRequest, since=7)
def order_in_a_session(at: Node) -> None:
    topic = create(at, partitions=3)
    for index in range(3):
        fill(at, topic, b"x" * 300, b"y" * 300, b"z" * 300, index=index)
    everywhere = [(topic, index, 0) for index in range(3)]
    opened = fetch(at, *everywhere, max_bytes=1, session_epoch=0).session_id
    for epoch in range(1, 5):
        fetch(at, max_bytes=1, session_id=opened, session_epoch=epoch)


@statement("FET-02", api=FetchRequest)
def across_segments(at: Node) -> None:
    topic = create(at, segment_bytes="1048576", max_message_bytes="900000")
    for value in (b"a", b"b", b"c"):
        fill(at, topic, value * 800000)
    for offset in range(4):
        fetch_one(at, topic, offset, partition_max_bytes=1000)


@statement("FET-43", api=FetchRequest)
def timestamps_as_sent(at: Node) -> None:
    topic = create(at)
    produce(at, topic, timed(NOW_MS, NOW_MS - 7, NOW_MS + 9, codec=1))
    assert fetch_one(at, topic).records


@statement("INT-07", api=FetchRequest)
def internal_topic_can_be_read(at: Node) -> None:
    await_topic(at, "__consumer_offsets", 50)
    assert fetch(at, ("__consumer_offsets", 3, 10**9)).responses[0].partitions[0].error_code == 1
