"""Reading in a consumer group, with work that ends out of order: the loop under both consumer stages.

A record waits from being read until ``finish``. While too many wait, nothing more is read. Offsets are
committed now and then, each once all before it are finished (invariant 5). What another process has taken
over is neither finished nor committed: that process reads it again.
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
    """How much is read at once, and how much may wait before reading pauses."""

    records_at_once: int
    waiting_records: int
    waiting_bytes: int


class TakenRecord(TakenOffset):
    """A record that was read and is not finished. ``lost``: another process reads its partition now."""

    __slots__ = ("record",)

    def __init__(self, record: ConsumedRecord) -> None:
        super().__init__((record.topic, record.partition), record.offset)
        self.record = record

    @property
    def size(self) -> int:
        """Return how many bytes its value has."""
        return len(self.record.value or b"")


class GroupReader:
    """Reads ``topics`` in the group ``group_id``, and keeps count of what is read and not finished."""

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
        """Hand records to ``admit`` until ``stop``; then wait for ``drain``, and commit what it finished.

        ``admit`` gets the records of each round, which may be none; it starts their work, and each ends in
        ``finish``. ``check`` raises what ended the work, before each round and before the last commit.
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
        """Record that what came of it is durable; its offset may be committed, where it is not ``lost``."""
        self._waiting_records -= 1
        self._waiting_bytes -= taken.size
        self._offsets.finish(taken)

    async def _read(self) -> list[TakenRecord]:
        limits = self._limits
        self._consumer.hold(
            self._waiting_records >= limits.waiting_records or self._waiting_bytes >= limits.waiting_bytes
        )
        records = await self._consumer.getmany(_READ_SECONDS, limits.records_at_once)
        # Taken before anything is waited for: what is lost meanwhile must be known as taken.
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
