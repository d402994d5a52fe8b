"""Reads records in partition order, with manual commits. It reads only committed transactions."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition, errors
from msgspec import Struct

from bridge.clock import from_milliseconds
from bridge.config import KafkaConfig
from bridge.kafka import connection
from bridge.runtime import heartbeat

# aiokafka discards the prefetched records of a paused partition. So a hold pauses only when it lasts; a
# member that neither reads nor pauses for five minutes would lose its membership.
_PAUSE_AFTER_SECONDS = 30.0
_HELD_SECONDS = 0.02


class ConsumedRecord(Struct, frozen=True, kw_only=True, gc=False):
    """A record read from a topic. ``timestamp_ms`` is UTC since 1970; ``value`` is None for a tombstone."""

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
"""Called with the (topic, partition) pairs that this member of a group no longer reads."""


class Consumer:
    """Reads ``topics`` from the ``beginning`` or the ``end``, or, in a group, from the group's committed
    offsets.

    Without a ``group_id`` it reads every partition and commits nothing. Records of open or aborted
    transactions are not returned. While the broker is unreachable, reads return nothing; they continue when
    it is back.
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
        """Return the records that have arrived, in order per partition; wait up to ``timeout_seconds`` for
        the first."""
        if self._held_since is not None:
            if time.monotonic() - self._held_since < _PAUSE_AFTER_SECONDS:
                # The caller may have capacity again soon.
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
        """Stop reading from all partitions, or continue. Membership of the group is kept."""
        if not wanted:
            if self._held_since is None:
                return
            self._held_since = None
            self._client.resume(*(self._client.paused() & self._client.assignment()))
        elif self._held_since is None:
            self._held_since = time.monotonic()

    async def commit(self, next_offsets: Mapping[tuple[str, int], int]) -> None:
        """Commit for the group the offset to read next by (topic, partition): the last finished one plus 1.

        Commit only after the effect of all earlier records is durable (invariant 5). Partitions that another
        member reads by now are skipped: it will read these records again. While the broker is unreachable,
        this waits without a limit and beats.
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
        """Return, by assigned (topic, partition), the offset that the next record will get."""
        try:
            ends = await self._client.end_offsets(list(self._client.assignment()))
        except connection.FAILURES as error:
            raise connection.translate(self._config, error, "reading end offsets") from error
        return {(where.topic, where.partition): offset for where, offset in ends.items()}

    async def read_to_end(self) -> list[ConsumedRecord]:
        """Read everything from the current position to the present end."""
        ends = await self.end_offsets()
        records: list[ConsumedRecord] = []
        try:
            records += await self._read_up_to(ends)
            # Tansu's end offset misses part of the last batch; the offset in its fetch response is right.
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
        """Report whether a partition's position is before its end. Transaction markers move it as records
        do."""
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
        # While the broker is unreachable, aiokafka cancels one of its own fetches here and mistakes that for
        # our cancellation, before it has closed its connections.
        await client._client.close()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, on_lost: OnLost | None) -> None:
        self._on_lost = on_lost

    async def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
        if self._on_lost is not None:
            await self._on_lost([(where.topic, where.partition) for where in revoked])

    async def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
        """Do nothing: reading begins at the group's committed offsets."""


def record_of(raw: Any) -> ConsumedRecord:
    """Convert a record of aiokafka."""
    return ConsumedRecord(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        timestamp_ms=raw.timestamp,
        key=raw.key,
        value=raw.value,
        headers=tuple(raw.headers),
    )
