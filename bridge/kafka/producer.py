"""Publishing: all messages acknowledged by all in-sync replicas, in order, or an error.

aiokafka retries a batch on its own. Without idempotence it drops a batch that gets old and sends the next.
With idempotence a failed batch leaves a gap in the sequence that no later batch can cross. So:

- a partition's next batch is handed over only when the previous one is acknowledged (aiokafka keeps one in
  flight per partition anyway, so this costs nothing); partitions are sent in parallel;
- every batch's future is awaited;
- after any error except a clean refusal the outcome is unknown: the client is discarded without a flush, and
  the next ``publish`` builds a new one, with a new producer id and sequence.

Exactly-once publishing (transactions) would go around ``_send`` in ``Producer._publish``.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition, errors
from msgspec import Struct

from bridge.config import KafkaConfig
from bridge.errors import Permanent
from bridge.kafka import connection, topics
from bridge.kafka.partitioning import partition_of
from bridge.tasks import cancel_and_wait

log = structlog.get_logger(__name__)

_BATCH_BYTES = 512 * 1024
# One produce request carries a batch of each partition. This limit keeps it well under the broker's
# socket.request.max.bytes (100 MiB by default).
_PARTITIONS_AT_ONCE = 64
# The header of a batch (61 bytes) and the largest header of its one record: magic 2 of Kafka's protocol.
_OVERHEAD_BYTES = 61 + 31
_HEADER_OVERHEAD_BYTES = 10
_ROUTED_AT_ONCE = 1_000

_NO_IDEMPOTENCE = (
    errors.UnknownError,  # Tansu's answer to InitProducerId v0
    errors.IncompatibleBrokerVersion,
    errors.UnsupportedVersionError,
    errors.ClusterAuthorizationFailedError,  # brokers before 2.8 require IdempotentWrite for it
)
_TOO_LARGE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)


class Message(Struct, frozen=True, kw_only=True, gc=False):
    """A record to publish. ``value`` None is a tombstone. ``headers``: name and value pairs."""

    topic: str
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class MessageTooLarge(Permanent):
    """``message`` by itself exceeds its topic's limit: park it, publish the others."""

    def __init__(self, message: Message, limit: int) -> None:
        super().__init__(
            f"a message of {_size(message)} bytes exceeds the limit of {limit} bytes of topic "
            f"{message.topic}; raise kafka.max_message_bytes and the topic's max.message.bytes"
        )
        self.message = message


class _Refused(Struct, frozen=True, kw_only=True):
    """A batch that the broker rejected as a whole because of its size."""

    topic: str
    bytes: int
    only: Message | None


class Producer:
    """Publishes messages. Connects on first use and again after each failure.

    Uses the idempotent producer if the broker supports it. ``timeout_seconds`` limits connecting, and the
    time of each batch to its acknowledgement.
    """

    def __init__(self, config: KafkaConfig, *, timeout_seconds: float = 30.0) -> None:
        self._config = config
        self._timeout = timeout_seconds
        self._options = connection.options(config, timeout_seconds)
        self._client: Any = None
        self._limits: dict[str, int] = {}
        self._one_publish = asyncio.Lock()
        self._partitions = asyncio.Semaphore(_PARTITIONS_AT_ONCE)
        self._large_batch = asyncio.Lock()
        self._plain_was_logged = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._discard()

    async def publish(self, messages: Sequence[Message]) -> None:
        """Send in order per topic and partition. Return once the broker has acknowledged all messages.

        Raises ``MessageTooLarge`` (``Permanent``), usually before anything is sent. Raises ``Transient`` if
        the broker is unreachable or silent; then any part of ``messages`` may have arrived. Raises
        ``EnvironmentFault`` if the broker refuses the bridge. Concurrent calls take turns.
        """
        if not messages:
            return
        async with self._one_publish:
            try:
                await self._publish(messages)
            except connection.FAILURES as error:
                await self._discard()
                raise connection.translate(self._config, error, "publishing") from error
            except MessageTooLarge:
                raise
            except BaseException:  # a canceled publish leaves batches in flight too
                await self._discard()
                raise

    async def _publish(self, messages: Sequence[Message]) -> None:
        self._refuse_too_large(messages)
        queues = await self._route(await self._connected(), messages)
        while refusals := await self._send(await self._connected(), queues):
            # A refused batch has spent its sequence numbers: only a new producer id may send the rest.
            await self._discard()
            for refused in refusals:
                await self._lower_limit(refused)
            queues = {partition: queue for partition, queue in queues.items() if queue}
            for queue in queues.values():
                self._refuse_too_large(queue)

    # --- the client ---

    async def _connected(self) -> Any:
        if self._client is None:
            try:
                async with asyncio.timeout(self._timeout):
                    self._client = await self._start()
            except connection.FAILURES as error:
                raise await connection.unstarted(self._config, self._timeout, error, "publishing") from error
        return self._client

    async def _start(self) -> Any:
        """Start a client: idempotent, or plain with acks=all if the broker has no producer ids."""
        settings = {**self._options, "acks": "all", "max_batch_size": _BATCH_BYTES}
        try:
            return await self._started(AIOKafkaProducer(**settings, enable_idempotence=True))
        except _NO_IDEMPOTENCE as error:
            if not self._plain_was_logged:
                self._plain_was_logged = True
                log.warning("producer.idempotence_unavailable", reason=type(error).__name__)
            return await self._started(AIOKafkaProducer(**settings))

    async def _started(self, client: Any) -> Any:
        try:
            await connection.begun(client.start())
        except BaseException:
            await client.stop()
            raise
        return client

    async def _discard(self) -> None:
        """Close the client at once. Its ``stop`` would first wait for queued messages: forever if the broker
        is gone."""
        client, self._client = self._client, None
        if client is None:
            return
        sender = client._sender
        await cancel_and_wait(*(task for task in asyncio.all_tasks() if _belongs_to(task, sender)))
        client._closed = True
        await client.client.close()

    # --- the messages ---

    async def _route(self, client: Any, messages: Sequence[Message]) -> dict[TopicPartition, deque[Message]]:
        topic_queues: dict[str, list[tuple[TopicPartition, deque[Message]]]] = {}
        for number, message in enumerate(messages, 1):
            queues = topic_queues.get(message.topic)
            if queues is None:
                known = sorted(await client.partitions_for(message.topic))
                queues = [(TopicPartition(message.topic, partition), deque()) for partition in known]
                topic_queues[message.topic] = queues
            queues[partition_of(message.key, len(queues))][1].append(message)
            if number % _ROUTED_AT_ONCE == 0:
                await asyncio.sleep(0)  # hashing is slow in Python, and heartbeats share the event loop
        return {where: queue for queues in topic_queues.values() for where, queue in queues if queue}

    async def _send(self, client: Any, queues: dict[TopicPartition, deque[Message]]) -> list[_Refused]:
        """Send the queues in parallel, removing acknowledged messages from each. Return the refusals."""
        try:
            async with asyncio.TaskGroup() as group:
                sent = [
                    group.create_task(self._send_queue(client, where, queue))
                    for where, queue in queues.items()
                ]
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [refused for task in sent if (refused := task.result())]

    async def _send_queue(self, client: Any, where: TopicPartition, queue: deque[Message]) -> _Refused | None:
        async with self._partitions:
            while queue:
                batch = self._fill(client, where.topic, queue)
                size, count = batch.size(), batch.record_count()
                try:
                    if size > _BATCH_BYTES:
                        async with self._large_batch:
                            await self._deliver(client, batch, where)
                    else:
                        await self._deliver(client, batch, where)
                except _TOO_LARGE:
                    return _Refused(topic=where.topic, bytes=size, only=queue[0] if count == 1 else None)
                for _ in range(count):
                    queue.popleft()
        return None

    async def _deliver(self, client: Any, batch: Any, where: TopicPartition) -> None:
        async with asyncio.timeout(self._timeout):
            acknowledged = await client.send_batch(batch, where.topic, partition=where.partition)
            await acknowledged

    def _fill(self, client: Any, topic: str, queue: deque[Message]) -> Any:
        """Fill a batch with the first messages of ``queue``: at least one, no more than the topic's limit."""
        batch = client.create_batch()
        limit = self._limit(topic)
        # aiokafka fills a batch up to _BATCH_BYTES and accepts a first message of any size.
        tight = limit < _BATCH_BYTES
        for message in queue:
            if tight and batch.record_count() and batch.size() + _size(message) > limit:
                break
            headers = list(message.headers)
            if batch.append(key=message.key, value=message.value, headers=headers, timestamp=None) is None:
                break
        batch.close()
        return batch

    # --- sizes ---

    def _limit(self, topic: str) -> int:
        return self._limits.get(topic, self._config.max_message_bytes)

    def _refuse_too_large(self, messages: Sequence[Message] | deque[Message]) -> None:
        for message in messages:
            if _size(message) > self._limit(message.topic):
                raise MessageTooLarge(message, self._limit(message.topic))

    async def _lower_limit(self, refused: _Refused) -> None:
        """Lower the limit to what the topic accepts, which is less than the configuration says."""
        said = (await topics.effective_max_message_bytes(self._config, [refused.topic]))[refused.topic]
        limit = said if said < refused.bytes else refused.bytes // 2
        self._limits[refused.topic] = limit
        log.warning("topic.limit_lowered", topic=refused.topic, bytes=limit)
        if refused.only is not None:
            raise MessageTooLarge(refused.only, limit)


def _size(message: Message) -> int:
    """Return an upper bound on the bytes of a batch that holds only this message."""
    size = _OVERHEAD_BYTES + len(message.key) + len(message.value or b"")
    for name, value in message.headers:
        size += _HEADER_OVERHEAD_BYTES + len(name.encode()) + len(value)
    return size


def _belongs_to(task: asyncio.Task[Any], sender: Any) -> bool:
    """Report whether a task runs a method of aiokafka's ``sender``: its loop, or a produce request in
    flight."""
    frame = getattr(task.get_coro(), "cr_frame", None)
    return frame is not None and frame.f_locals.get("self") is sender
