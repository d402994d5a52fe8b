"""Replay of records that were read before: a period of time, or one record at its offset."""

from collections.abc import AsyncIterator, Collection
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from bridge.clock import to_milliseconds
from bridge.config import KafkaConfig
from bridge.kafka import connection
from bridge.kafka.consumer import ConsumedRecord, record_of

_WAIT_SECONDS = 0.5
_SILENCE_SECONDS = 10.0
# Producers set the timestamps: those of one partition may be out of order by the difference of their clocks.
_SKEW = timedelta(minutes=1)


class Replay:
    """Reads without a group and commits nothing. Allows one call at a time. Returns only committed
    records."""

    def __init__(self, config: KafkaConfig, timeout_seconds: float = 30.0) -> None:
        self._config = config
        self._timeout = timeout_seconds
        self._client: Any = None

    async def __aenter__(self) -> Self:
        """Connect. Raises ``Transient`` or ``EnvironmentFault``."""
        client = AIOKafkaConsumer(
            **connection.options(self._config, self._timeout),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_partition_fetch_bytes=self._config.max_message_bytes,
        )
        try:
            await connection.begun(client.start())
        except BaseException as error:
            await client.stop()
            if isinstance(error, connection.FAILURES):
                raise await connection.unstarted(
                    self._config, self._timeout, error, "reading again"
                ) from error
            raise
        self._client = client
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.stop()

    async def at(self, topic: str, partition: int, offset: int) -> ConsumedRecord | None:
        """Return the record at that offset; ``None`` if Kafka no longer has it."""
        where = TopicPartition(topic, partition)
        try:
            self._client.assign([where])
            first = (await self._client.beginning_offsets([where]))[where]
            if offset < first:
                return None
            self._client.seek(where, offset)
            found = await self._client.getmany(where, timeout_ms=int(_SILENCE_SECONDS * 1000), max_records=1)
        except connection.FAILURES as error:
            raise connection.translate(self._config, error, "reading a record again") from error
        records = [record_of(raw) for raw in found.get(where, ()) if raw.offset == offset]
        return records[0] if records else None

    async def between(
        self, topics: Collection[str], since: datetime, until: datetime
    ) -> AsyncIterator[list[ConsumedRecord]]:
        """Yield every record of ``topics`` with a timestamp in the period, in batches, in order per
        partition."""
        try:
            ends = await self._begin(topics, since, until)
            while ends:
                found = await self._client.getmany(timeout_ms=int(_WAIT_SECONDS * 1000))
                records = [record_of(raw) for raws in found.values() for raw in raws]
                kept = [record for record in records if since <= record.at < until]
                if kept:
                    yield kept
                ends = {where: end for where, end in ends.items() if await self._client.position(where) < end}
        except connection.FAILURES as error:
            raise connection.translate(self._config, error, "reading again") from error

    async def _begin(self, topics: Collection[str], since: datetime, until: datetime) -> dict[Any, int]:
        """Seek to ``since``. Return the end offset of each partition that has anything to read."""
        # A client without subscriptions knows no topic unless it fetches all metadata.
        cluster = await self._client._client.fetch_all_metadata()
        places = [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in cluster.partitions_for_topic(topic) or ()
        ]
        self._client.assign(places)
        ends = await self._client.end_offsets(places)
        first = await self._client.offsets_for_times(dict.fromkeys(places, to_milliseconds(since - _SKEW)))
        last = await self._client.offsets_for_times(dict.fromkeys(places, to_milliseconds(until + _SKEW)))
        begun: dict[Any, int] = {}
        for where in places:
            begin, end = first.get(where), last.get(where)
            stop = ends[where] if end is None else min(end.offset, ends[where])
            if begin is not None and begin.offset < stop:
                self._client.seek(where, begin.offset)
                begun[where] = stop
        idle = [where for where in places if where not in begun]
        self._client.pause(*idle)
        return begun
