"""The door to Kafka, and the only importer of aiokafka: a producer, a consumer, and the making of topics."""

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
