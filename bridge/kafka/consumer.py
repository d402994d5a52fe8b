"""Reading: records in partition order, offsets committed by hand, only what was committed to the topic."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition, errors
from msgspec import Struct

from bridge import heartbeat
from bridge.clock import from_milliseconds
from bridge.config import KafkaConfig
from bridge.kafka import connection

# aiokafka throws away what it has read ahead of a partition that is paused. So a hold pauses only when it
# lasts; a member that neither reads nor pauses for five minutes would lose its membership.
_PAUSE_AFTER_SECONDS = 30.0
_HELD_SECONDS = 0.02


class ConsumedRecord(Struct, frozen=True, kw_only=True, gc=False):
    """One record read. ``timestamp_ms`` counts from 1970 in UTC; ``value`` None is a tombstone."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def at(self) -> datetime:
        """Return when it was published, by its producer's clock; 1970 for a record without a time."""
        return from_milliseconds(self.timestamp_ms)


OnLost = Callable[[Collection[tuple[str, int]]], Awaitable[None]]
"""Told, as (topic, partition), what this member of a group no longer reads."""


class Consumer:
    """Reads ``topics`` from the ``beginning`` or the ``end``, or, in a group, from what the group committed.

    Without a ``group_id`` it reads every partition and commits nothing. Records of open or aborted
    transactions are not seen. While the broker is away reading yields nothing, and goes on when it is back.
    """

    def __init__(
        self,
        config: KafkaConfig,
        topics: Iterable[str],
        *,
        group_id: str | None = None,
        start: Literal["beginning", "end"] = "beginning",
        timeout_seconds: float = 30.0,
        on_lost: OnLost | None = None,
    ) -> None:
        self._config = config
        self._on_lost = on_lost
        self._timeout = timeout_seconds
        self._topics = tuple(topics)
        self._settings: dict[str, Any] = {
            **connection.options(config, timeout_seconds),
            "group_id": group_id,
            "auto_offset_reset": "earliest" if start == "beginning" else "latest",
            "enable_auto_commit": False,
            "isolation_level": "read_committed",
            "max_partition_fetch_bytes": config.max_message_bytes,
        }
        if group_id is not None and config.group_instance_id:
            self._settings["group_instance_id"] = config.group_instance_id
        self._client: Any = None
        self._held_since: float | None = None

    async def __aenter__(self) -> Self:
        """Connect. Raises ``Transient`` or ``EnvironmentFault``."""
        client = AIOKafkaConsumer(**self._settings)
        client.subscribe(self._topics, listener=_Listener(self._on_lost))
        try:
            await connection.begun(client.start())
        except BaseException as error:
            await _stop(client)
            if isinstance(error, connection.FAILURES):
                raise await connection.unstarted(self._config, self._timeout, error, "reading") from error
            raise
        self._client = client
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await _stop(self._client)

    async def getmany(self, timeout_seconds: float, max_records: int | None = None) -> list[ConsumedRecord]:
        """What has arrived, waiting up to ``timeout_seconds`` for the first of it; in order per partition."""
        if self._held_since is not None:
            if time.monotonic() - self._held_since < _PAUSE_AFTER_SECONDS:
                # There may be room again in a moment.
                await asyncio.sleep(min(timeout_seconds, _HELD_SECONDS))
                return []
            self._client.pause(*self._client.assignment())
        try:
            found = await self._client.getmany(
                timeout_ms=int(timeout_seconds * 1000), max_records=max_records
            )
        except connection.FAILURES as error:
            raise connection.translate(self._config, error, "reading") from error
        return [record_of(raw) for records in found.values() for raw in records]

    def hold(self, wanted: bool) -> None:
        """Read nothing more from any partition, or go on; membership is kept meanwhile."""
        if not wanted:
            if self._held_since is None:
                return
            self._held_since = None
            self._client.resume(*(self._client.paused() & self._client.assignment()))
        elif self._held_since is None:
            self._held_since = time.monotonic()

    async def commit(self, next_offsets: Mapping[tuple[str, int], int]) -> None:
        """Commit for the group, by (topic, partition), the offset to read next: the last one done plus 1.

        Only after the effect of what lies before it is durable (invariant 5). What another member reads by
        now is left to it: it will read these records again. While the broker is away it waits for it, however
        long, and gives signs of life.
        """
        assigned = self._client.assignment()
        offsets = {TopicPartition(*where): offset for where, offset in next_offsets.items()}
        wanted = {where: at for where, at in offsets.items() if where in assigned}
        try:
            await heartbeat.beating(self._client.commit(wanted))
        except errors.CommitFailedError:
            return
        except connection.FAILURES as error:
            raise connection.translate(self._config, error, "committing offsets") from error

    async def end_offsets(self) -> dict[tuple[str, int], int]:
        """By (topic, partition) of the assignment: the offset that the next record will get."""
        try:
            ends = await self._client.end_offsets(list(self._client.assignment()))
        except connection.FAILURES as error:
            raise connection.translate(self._config, error, "reading end offsets") from error
        return {(where.topic, where.partition): offset for where, offset in ends.items()}

    async def read_to_end(self) -> list[ConsumedRecord]:
        """Everything from the current position to the end as it is now."""
        ends = await self.end_offsets()
        records: list[ConsumedRecord] = []
        try:
            records += await self._read_up_to(ends)
            # Tansu counts one record of the last batch towards the end; what it says on a fetch is right.
            for (topic, partition), end in ends.items():
                fetched = self._client.last_stable_offset(TopicPartition(topic, partition))
                ends[topic, partition] = max(end, fetched or 0)
            records += await self._read_up_to(ends)
        except connection.FAILURES as error:
            raise connection.translate(self._config, error, "reading") from error
        return [record for record in records if record.offset < ends[record.topic, record.partition]]

    async def _read_up_to(self, ends: Mapping[tuple[str, int], int]) -> list[ConsumedRecord]:
        records: list[ConsumedRecord] = []
        while await self._is_behind(ends):
            records += await self.getmany(0.2)
        return records

    async def _is_behind(self, ends: Mapping[tuple[str, int], int]) -> bool:
        """Whether a partition's position is before its end; a transaction's markers move it as records do."""
        for (topic, partition), end in ends.items():
            if await self._client.position(TopicPartition(topic, partition)) < end:
                return True
        return False


async def _stop(client: Any) -> None:
    """Leave the group and close the connections."""
    try:
        await client.stop()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # While the broker is away aiokafka cancels a fetch of its own here and takes that for our own end,
        # before it has closed its connections.
        await client._client.close()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, on_lost: OnLost | None) -> None:
        self._on_lost = on_lost

    async def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
        if self._on_lost is not None:
            await self._on_lost([(where.topic, where.partition) for where in revoked])

    async def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
        """Nothing to do: reading begins at what the group committed."""


def record_of(raw: Any) -> ConsumedRecord:
    """One of ours for one of aiokafka's."""
    return ConsumedRecord(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        timestamp_ms=raw.timestamp,
        key=raw.key,
        value=raw.value,
        headers=tuple(raw.headers),
    )
