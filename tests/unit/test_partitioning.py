"""A key's partition is the one that Kafka's own clients choose."""

from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as theirs
from hypothesis import given
from hypothesis import strategies as st

from bridge.kafka.partitioning import murmur2, partition_of


@given(st.binary(max_size=40))
def test_the_hash_is_that_of_aiokafka(key: bytes) -> None:
    assert murmur2(key) == theirs(key)


@given(st.binary(min_size=24, max_size=24), st.integers(min_value=1, max_value=100))
def test_the_partition_is_that_of_aiokafka(key: bytes, count: int) -> None:
    partitions = list(range(count))
    assert partition_of(key, count) == DefaultPartitioner()(key, partitions, partitions)
