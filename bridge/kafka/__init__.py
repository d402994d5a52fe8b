"""The door to Kafka and the only importer of aiokafka: producer, consumer, replay and topic creation."""

from bridge.kafka.consumer import ConsumedRecord, Consumer
from bridge.kafka.offsets import Offsets, Where
from bridge.kafka.producer import Message, MessageTooLarge, Producer
from bridge.kafka.replay import Replay
from bridge.kafka.topics import TopicSpec, effective_max_message_bytes, ensure_topics, reach

__all__ = [
    "ConsumedRecord",
    "Consumer",
    "Message",
    "MessageTooLarge",
    "Offsets",
    "Producer",
    "Replay",
    "TopicSpec",
    "Where",
    "effective_max_message_bytes",
    "ensure_topics",
    "reach",
]
