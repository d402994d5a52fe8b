"""The door to Kafka and the only importer of aiokafka: producer, consumers, replay and topic creation."""

from bridge.kafka.consumer import ConsumedRecord, Consumer
from bridge.kafka.group_reader import GroupReader, ReadLimits, TakenRecord
from bridge.kafka.producer import Message, MessageTooLarge, Producer
from bridge.kafka.replay import Replay
from bridge.kafka.topics import TopicSpec, effective_max_message_bytes, ensure_topics, reach

__all__ = [
    "ConsumedRecord",
    "Consumer",
    "GroupReader",
    "Message",
    "MessageTooLarge",
    "Producer",
    "ReadLimits",
    "Replay",
    "TakenRecord",
    "TopicSpec",
    "effective_max_message_bytes",
    "ensure_topics",
    "reach",
]
