"""Reads topics in a consumer group, with work that ends out of order: the loop of both consumer stages.

A record waits from its read until ``finish``. While too many records wait, reading pauses. Offsets are
committed periodically, each when all earlier ones are finished (invariant 5). Records of partitions that
another process has taken over are neither finished nor committed: that process reads them again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from types import TracebackType
from typing import Self

from msgspec import Struct

from bridge.config import KafkaConfig
from bridge.kafka.consumer import ConsumedRecord, Consumer
from bridge.kafka.offsets import Offsets, TakenOffset, Where
from bridge.runtime import heartbeat

_READ_SECONDS = 0.2
_COMMIT_SECONDS = 0.5


class ReadLimits(Struct, frozen=True, kw_only=True):
    """The maximum number of records per read, and the limits beyond which reading pauses."""

    records_at_once: int
    waiting_records: int
    waiting_bytes: int


class TakenRecord(TakenOffset):
    """A record that was read and is not finished. ``lost``: another process now reads its partition."""

    __slots__ = ("record",)

    def __init__(self, record: ConsumedRecord) -> None:
        super().__init__((record.topic, record.partition), record.offset)
        self.record = record

    @property
    def size(self) -> int:
        """Return the size of its value in bytes."""
        return len(self.record.value or b"")


class GroupReader:
    """Reads ``topics`` in the group ``group_id``, and tracks the records that are not finished."""

    def __init__(
        self, config: KafkaConfig, topics: Iterable[str], *, group_id: str, limits: ReadLimits
    ) -> None:
        self._consumer = Consumer(config, topics, group_id=group_id, on_lost=self._lose)
        self._limits = limits
        self._offsets = Offsets()
        self._waiting_records = 0
        self._waiting_bytes = 0
        self._committed_at = time.monotonic()

    async def __aenter__(self) -> Self:
        """Connect. Raises ``Transient`` or ``EnvironmentFault``."""
        await self._consumer.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.__aexit__(kind, error, trace)

    async def run(
        self,
        stop: asyncio.Event,
        *,
        admit: Callable[[Sequence[TakenRecord]], Awaitable[None]],
        check: Callable[[], None],
        drain: Callable[[], Awaitable[None]],
    ) -> None:
        """Pass records to ``admit`` until ``stop``; then wait for ``drain``, and commit what it finished.

        ``admit`` gets the records of each round, possibly none, and starts their work; each record ends in
        ``finish``. ``check`` raises the error that ended the work, before each round and before the last
        commit.
        """
        while not stop.is_set():
            heartbeat.beat()
            check()
            await admit(await self._read())
            if time.monotonic() - self._committed_at >= _COMMIT_SECONDS:
                await self._commit()
        await drain()
        check()
        await self._commit()

    def finish(self, taken: TakenRecord) -> None:
        """Record that the outcome is durable. The offset may be committed, unless the record is ``lost``."""
        self._waiting_records -= 1
        self._waiting_bytes -= taken.size
        self._offsets.finish(taken)

    async def _read(self) -> list[TakenRecord]:
        limits = self._limits
        self._consumer.hold(
            self._waiting_records >= limits.waiting_records or self._waiting_bytes >= limits.waiting_bytes
        )
        records = await self._consumer.getmany(_READ_SECONDS, limits.records_at_once)
        # Register them before the next await: if a partition is lost then, its records must be known.
        read = [TakenRecord(record) for record in records]
        for taken in read:
            self._offsets.take(taken)
            self._waiting_records += 1
            self._waiting_bytes += taken.size
        return read

    async def _commit(self) -> None:
        self._committed_at = time.monotonic()
        due = self._offsets.due()
        if due:
            await self._consumer.commit(due)

    async def _lose(self, partitions: Collection[Where]) -> None:
        self._offsets.lose(partitions)
