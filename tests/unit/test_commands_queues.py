"""Lanes keep the order of a subject and nothing else; an offset is due once all before it is done."""

import asyncio
import gc
from random import Random

import pytest

from bridge.commands.keyed_executor import KeyedExecutor
from bridge.kafka.offsets import Offsets, TakenOffset, Where

ONE, OTHER = ("commands", 0), ("commands", 1)


class Worker:
    """Finishes what it is told to finish, and remembers what began."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}

    async def __call__(self, item: str) -> None:
        self.began.append(item)
        await self.gates.setdefault(item, asyncio.Event()).wait()

    async def finish(self, item: str) -> None:
        """Let ``item`` end, and what follows it begin."""
        self.gates.setdefault(item, asyncio.Event()).set()
        for _ in range(3):
            await asyncio.sleep(0)


async def test_one_lane_goes_one_by_one_and_lanes_side_by_side() -> None:
    worker = Worker()
    lanes = KeyedExecutor(worker)
    for lane, item in [("a", "a1"), ("a", "a2"), ("b", "b1"), (None, "x"), (None, "y")]:
        lanes.add(lane, item)
    await worker.finish("")
    assert worker.began == ["a1", "b1", "x", "y"]
    await worker.finish("a1")
    assert worker.began[-1] == "a2"
    await lanes.cancel()


async def test_a_lane_that_ran_empty_can_be_used_again() -> None:
    worker = Worker()
    lanes = KeyedExecutor(worker)
    lanes.add("a", "a1")
    await worker.finish("a1")
    lanes.add("a", "a2")
    await worker.finish("a2")
    await lanes.drain()
    assert worker.began == ["a1", "a2"]


async def test_what_fails_is_told_and_stops_its_lane() -> None:
    async def fail(item: str) -> None:
        raise ValueError(item)

    lanes = KeyedExecutor(fail)
    lanes.add("a", "first")
    lanes.add("a", "second")
    with pytest.raises(ValueError, match="first"):
        await lanes.failed


def take(offsets: Offsets, where: Where, offset: int) -> TakenOffset:
    """Take one offset."""
    taken = TakenOffset(where, offset)
    offsets.take(taken)
    return taken


def test_an_offset_is_due_once_all_before_it_is_done() -> None:
    offsets = Offsets()
    five, six, _ = (take(offsets, ONE, offset) for offset in (5, 6, 7))
    offsets.finish(six)
    assert offsets.due() == {}
    offsets.finish(five)
    assert (offsets.due(), offsets.due()) == ({ONE: 7}, {})


def test_a_partition_that_was_lost_is_not_committed() -> None:
    offsets = Offsets()
    for where in (ONE, OTHER):
        offsets.finish(take(offsets, where, 1))
    offsets.lose([ONE])
    assert offsets.due() == {OTHER: 2}


def test_only_the_second_reading_counts_once_a_partition_came_back() -> None:
    offsets = Offsets()
    first = take(offsets, ONE, 1)
    offsets.lose([ONE])
    again = take(offsets, ONE, 1)
    assert (first.lost, again.lost) == (True, False)
    offsets.finish(first)
    assert offsets.due() == {}
    offsets.finish(again)
    assert offsets.due() == {ONE: 2}


def test_whatever_the_order_nothing_unfinished_is_passed(subtests: pytest.Subtests) -> None:
    for seed in range(20):
        with subtests.test(seed=seed):
            rng, offsets = Random(seed), Offsets()
            waiting = {offset: take(offsets, ONE, offset) for offset in range(50)}
            committed = 0
            while waiting:
                done = rng.choice(sorted(waiting))
                offsets.finish(waiting.pop(done))
                committed = offsets.due().get(ONE, committed)
                assert committed == min(waiting, default=50)


async def test_of_two_that_fail_the_second_leaves_no_error_behind(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(item: str) -> None:
        raise ValueError(item)

    lanes = KeyedExecutor(fail)
    lanes.add("a", "first")
    lanes.add("b", "second")
    await lanes.drain()
    with pytest.raises(ValueError, match="first"):
        lanes.failed.result()
    gc.collect()
    assert caplog.records == []
