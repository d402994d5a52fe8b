"""A group reader reads no more than may wait, and commits only what is finished and still its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from bridge import kafka
from bridge.config import KafkaConfig
from bridge.kafka import GroupReader, ReadLimits, TakenRecord
from tests.waiting import until

LIMITS = ReadLimits(records_at_once=2, waiting_records=4, waiting_bytes=1_000)


class Work:
    """Keeps what a reader hands over until the test finishes it."""

    def __init__(self, config: KafkaConfig, limits: ReadLimits) -> None:
        prefix = config.topic_prefix
        self.reader = GroupReader(config, [f"{prefix}.grouped"], group_id=f"{prefix}.group", limits=limits)
        self.taken: list[TakenRecord] = []
        self.rounds = 0
        self.finish_at_the_end: list[TakenRecord] = []
        self.failure: Exception | None = None

    @property
    def values(self) -> list[bytes | None]:
        """What was read, in order."""
        return [taken.record.value for taken in self.taken]

    async def admit(self, records: Sequence[TakenRecord]) -> None:
        """Keep what was read."""
        self.taken += records
        self.rounds += 1

    def check(self) -> None:
        """Raise what the test wants raised."""
        if self.failure is not None:
            raise self.failure

    async def drain(self) -> None:
        """Finish what the test left for the end."""
        for taken in self.finish_at_the_end:
            self.reader.finish(taken)

    async def run(self, stop: asyncio.Event) -> None:
        """Read until ``stop``."""
        async with self.reader as reader:
            await reader.run(stop, admit=self.admit, check=self.check, drain=self.drain)

    async def go_round(self, times: int = 3) -> None:
        """Wait until the reader has gone round so many times more."""
        wanted = self.rounds + times
        await until(lambda: self.rounds >= wanted)


@asynccontextmanager
async def reading(config: KafkaConfig, limits: ReadLimits = LIMITS) -> AsyncIterator[Work]:
    """A reader at work; at the end it drains, and commits."""
    work, stop = Work(config, limits), asyncio.Event()
    task = asyncio.create_task(work.run(stop))
    try:
        yield work
    finally:
        stop.set()
        await task


@pytest.fixture(autouse=True)
async def topic(kafka_config: KafkaConfig) -> str:
    """A topic of this test's own."""
    spec = kafka.TopicSpec(name=f"{kafka_config.topic_prefix}.grouped")
    await kafka.ensure_topics(kafka_config, [spec])
    return spec.name


async def publish(config: KafkaConfig, topic: str, values: Sequence[bytes], *, spread: bool = False) -> None:
    """Publish ``values``: to one partition, or to all."""
    async with kafka.Producer(config) as producer:
        await producer.publish(
            [kafka.Message(topic=topic, key=value if spread else b"key", value=value) for value in values]
        )


async def test_nothing_more_is_read_while_too_many_records_wait(
    kafka_config: KafkaConfig, topic: str
) -> None:
    await publish(kafka_config, topic, [b"%d" % number for number in range(8)])
    async with reading(kafka_config) as work:
        await until(lambda: len(work.taken) == 4)
        await work.go_round()
        assert work.values == [b"0", b"1", b"2", b"3"]
        work.reader.finish(work.taken[2])
        await until(lambda: len(work.taken) == 6)


async def test_nothing_more_is_read_while_too_many_bytes_wait(kafka_config: KafkaConfig, topic: str) -> None:
    await publish(kafka_config, topic, [bytes([number]) * 600 for number in range(6)])
    async with reading(kafka_config) as work:
        await until(lambda: len(work.taken) == 2)
        await work.go_round()
        assert len(work.taken) == 2
        work.reader.finish(work.taken[0])
        await until(lambda: len(work.taken) == 4)


async def test_what_is_not_finished_and_all_after_it_is_read_again(
    kafka_config: KafkaConfig, topic: str
) -> None:
    await publish(kafka_config, topic, [b"0", b"1", b"2", b"3"])
    async with reading(kafka_config) as work:
        await until(lambda: len(work.taken) == 4)
        for number in (0, 3):
            work.reader.finish(work.taken[number])
        work.finish_at_the_end = [work.taken[1]]
    async with reading(kafka_config) as again:
        await until(lambda: len(again.taken) == 2)
        assert again.values == [b"2", b"3"]


async def test_what_ended_the_work_is_raised_and_nothing_is_committed_after_it(
    kafka_config: KafkaConfig, topic: str
) -> None:
    await publish(kafka_config, topic, [b"0"])
    work = Work(kafka_config, LIMITS)
    task = asyncio.create_task(work.run(asyncio.Event()))
    await until(lambda: len(work.taken) == 1)
    work.finish_at_the_end = [work.taken[0]]
    work.failure = ValueError("broken")
    with pytest.raises(ValueError, match="broken"):
        await task
    async with reading(kafka_config) as again:
        await until(lambda: again.values == [b"0"])


async def test_what_another_process_takes_over_is_lost_and_read_there(
    kafka_config: KafkaConfig, topic: str
) -> None:
    many = ReadLimits(records_at_once=100, waiting_records=1_000, waiting_bytes=1_000_000)
    await publish(kafka_config, topic, [b"%d" % number for number in range(60)], spread=True)
    async with reading(kafka_config, many) as first:
        await until(lambda: len(first.taken) == 60)
        async with reading(kafka_config, many) as second:
            await until(lambda: bool(second.taken))
            # Finished too late: whoever reads the partition now has them to do.
            for taken in first.taken:
                first.reader.finish(taken)
            lost = {taken.record.value for taken in first.taken if taken.lost}
            await until(lambda: lost == {*first.values[60:], *second.values})
            assert not any(taken.lost for taken in second.taken)
