"""Any other producer with Kafka's default partitioner agrees with ours on a key's partition."""

import confluent_kafka
import pytest
from aiokafka.partitioner import murmur2

from bridge import kafka
from bridge.config import KafkaConfig

# Apache Kafka's own vectors: clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java
VECTORS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "signed"), VECTORS.items())
def test_murmur2_is_kafkas(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed & 0xFFFFFFFF


async def test_librdkafka_puts_the_same_key_on_the_same_partition(kafka_config: KafkaConfig) -> None:
    topic = f"{kafka_config.topic_prefix}.keys"
    keys = [f"{number:024x}".encode() for number in range(200)]
    await kafka.ensure_topics(kafka_config, [kafka.TopicSpec(name=topic)])
    async with kafka.Producer(kafka_config) as producer:
        await producer.publish([kafka.Message(topic=topic, key=key, value=b"ours") for key in keys])
    other = confluent_kafka.Producer(
        {"bootstrap.servers": kafka_config.bootstrap_servers, "partitioner": "murmur2_random"}
    )
    for key in keys:
        other.produce(topic, key=key, value=b"theirs")
    assert other.flush(30) == 0
    async with kafka.Consumer(kafka_config, [topic]) as consumer:
        records = await consumer.read_to_end()
    partition = {
        value: {r.key: r.partition for r in records if r.value == value} for value in (b"ours", b"theirs")
    }
    assert partition[b"ours"] == partition[b"theirs"]
    assert len(partition[b"ours"]) == 200
    assert set(partition[b"ours"].values()) == {0, 1, 2}
