"""PROD: idempotent producers: sequences, epochs, duplicates (KIP-98)."""

from pykbroker.wire.messages.produce import ProduceRequest
from tests.compat.oracle.asking import batch, create, delete_records, fill, list_offset, produce
from tests.compat.oracle.node import Node
from tests.compat.oracle.statement import statement


@statement("PROD-38", "PROD-39", "PROD-47", api=ProduceRequest)
def sequences(at: Node) -> None:
    topic = create(at)
    assert produce(at, topic, batch(producer=50, sequence=17)).error_code == 0
    assert produce(at, topic, batch(b"a", b"b", producer=50, sequence=18)).error_code == 0
    assert produce(at, topic, batch(producer=50, sequence=20)).error_code == 0
    for wrong in (22, 0, 500):
        assert produce(at, topic, batch(producer=50, sequence=wrong)).error_code == 45
    assert produce(at, topic, batch(producer=50, sequence=21)).error_code == 0


@statement("PROD-40", api=ProduceRequest)
def sequences_wrap(at: Node) -> None:
    topic = create(at)
    last = 2**31 - 1
    assert produce(at, topic, batch(b"a", b"b", producer=51, sequence=last)).error_code == 0
    assert produce(at, topic, batch(producer=51, sequence=1)).error_code == 0
    other = create(at, "-b")
    assert produce(at, other, batch(producer=51, sequence=last)).error_code == 0
    assert produce(at, other, batch(producer=51, sequence=0)).error_code == 0
    assert produce(at, topic, batch(b"a", b"b", producer=51, sequence=last)).base_offset == 0


@statement("PROD-41", "PROD-42", api=ProduceRequest)
def duplicates(at: Node) -> None:
    topic = create(at)
    for sequence in range(6):
        assert produce(at, topic, batch(producer=52, sequence=sequence)).base_offset == sequence
    for sequence in range(1, 6):
        repeated = produce(at, topic, batch(producer=52, sequence=sequence))
        assert (repeated.error_code, repeated.base_offset) == (0, sequence)
    assert produce(at, topic, batch(producer=52, sequence=0)).error_code in (45, 46)
    assert produce(at, topic, batch(b"a", b"b", producer=52, sequence=4)).error_code == 45
    assert list_offset(at, topic, -1).offset == 6


@statement("PROD-43", "PROD-44", api=ProduceRequest)
def producer_epochs(at: Node) -> None:
    topic = create(at)
    assert produce(at, topic, batch(producer=53, epoch=2, sequence=9)).error_code == 0
    assert produce(at, topic, batch(producer=53, epoch=3, sequence=10)).error_code == 45
    assert produce(at, topic, batch(producer=53, epoch=3, sequence=0)).error_code == 0
    assert produce(at, topic, batch(producer=53, epoch=2, sequence=10)).error_code == 47
    assert produce(at, topic, batch(producer=53, epoch=3, sequence=1)).error_code == 0


@statement("PROD-45", api=ProduceRequest)
def producer_survives_deleted_records(at: Node) -> None:
    topic = create(at)
    assert produce(at, topic, batch(b"a", b"b", producer=54, sequence=0)).error_code == 0
    fill(at, topic, b"c")
    delete_records(at, topic, 3)
    assert produce(at, topic, batch(producer=54, sequence=9)).error_code == 45
    assert produce(at, topic, batch(producer=54, sequence=2)).error_code == 0
