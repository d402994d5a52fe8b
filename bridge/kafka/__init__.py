"""The door to Kafka, and the only importer of aiokafka: a producer, consumers, and the making of topics."""

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
