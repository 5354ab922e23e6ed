"""Keys go where Kafka's clients send them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as kafka_pythons_murmur2

from pykbroker.testing.partitioner import murmur2, partition_for_key


@given(st.binary(max_size=40))
def test_the_hash_is_that_of_kafka_python(key: bytes) -> None:
    assert murmur2(key) == kafka_pythons_murmur2(key) & 0xFFFFFFFF


def test_the_hash_is_that_of_kafkas_own_tests() -> None:
    # org.apache.kafka.common.utils.UtilsTest.testMurmur2
    for key, code in ((b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536)):
        assert murmur2(key) == code & 0xFFFFFFFF


def test_partitions_are_in_range() -> None:
    assert {partition_for_key(str(n).encode(), 3) for n in range(100)} == {0, 1, 2}
