"""An endpoint that asks for order gets each entity's events one after another, whatever goes wrong."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from random import Random

import pytest
from aiohttp import web

from bridge.config import KafkaConfig
from tests.waiting import until
from tests.webhooks.installed import Delivering, delivering, settings
from tests.webhooks.receiving import Answer, Capture, Receiver, status


@pytest.fixture
async def hooks(store_url: str, kafka_config: KafkaConfig, data_dir: Path) -> AsyncIterator[Delivering]:
    """A stage that gives nothing up: what is given up holds back nothing any more."""
    made = settings(store_url, kafka_config, str(data_dir), retry_seconds=[0.2] * 40)
    async with delivering(made) as ready:
        yield ready


class Flaky:
    """Takes some events and refuses others; keeps what it took, in the order in which it did."""

    def __init__(self, seed: int, share: float) -> None:
        self.taken: list[Capture] = []
        self._random = Random(seed)
        self._share = share

    async def __call__(self, capture: Capture) -> web.StreamResponse:
        if self._random.random() < self._share:
            return web.Response(status=self._random.choice([500, 503, 400]))
        self.taken.append(capture)
        return web.Response(status=200)


def check_order(taken: Sequence[Capture], *, repeats: bool) -> None:
    """No event of an entity is taken for the first time before the one before it."""
    seen: dict[str, list[int]] = defaultdict(list)
    for capture in taken:
        number = int(capture.event["sequence"])
        known = seen[capture.event["subject"]]
        if repeats and number in known:
            continue
        assert number == len(known) + 1, (capture.event["subject"], known, number)
        known.append(number)


async def test_a_failed_event_holds_back_the_later_ones_of_its_entity_alone(hooks: Delivering) -> None:
    first = hooks.event("1")
    later, other = hooks.event("1"), hooks.event("2")

    async def answer(capture: Capture) -> web.StreamResponse:
        return web.Response(status=500 if capture.body == first.value and len(receiver.captures) < 4 else 200)

    async with Receiver(answer) as receiver:
        await hooks.subscribe(receiver, order="per_entity")
        hooks.start()
        await hooks.publish([first, later, other])
        await until(lambda: len(receiver.ids) == 3)
        bodies: list[bytes | None] = [capture.body for capture in receiver.captures]
        assert bodies.index(other.value) < bodies.index(later.value)
        assert bodies.index(later.value) > max(i for i, body in enumerate(bodies) if body == first.value)
        await hooks.offsets_done()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_order_is_kept_across_failures_and_restarts(hooks: Delivering, seed: int) -> None:
    flaky, random = Flaky(seed, 0.25), Random(seed)
    async with Receiver(flaky) as receiver:
        await hooks.subscribe(receiver, order="per_entity")
        sent: set[str] = set()
        for _ in range(4):
            hooks.start()
            sent.update(await hooks.send(60, entities=12))
            wanted = len(flaky.taken) + random.randrange(20, 50)
            await until(partial(lambda wanted: len(flaky.taken) >= wanted, wanted))
            await hooks.stop()
        hooks.start()
        await all_taken(flaky, sent)
        check_order(flaky.taken, repeats=True)


async def all_taken(flaky: Flaky, sent: set[str]) -> None:
    await until(lambda: {capture.event_id for capture in flaky.taken} == sent, 60)


async def test_without_order_a_failed_event_holds_back_nothing(hooks: Delivering) -> None:
    first = hooks.event("1")

    def refusing(value: bytes | None) -> Answer:
        async def answer(capture: Capture) -> web.StreamResponse:
            return web.Response(status=500 if capture.body == value else 200)

        return answer

    async with Receiver(refusing(first.value)) as receiver:
        await hooks.subscribe(receiver)
        hooks.start()
        await hooks.publish([first])
        sent = await hooks.send(20, entities=1)
        await until(lambda: receiver.ids >= set(sent))
        await hooks.offsets_done()


async def test_two_processes_share_the_work_and_keep_the_order(hooks: Delivering) -> None:
    flaky = Flaky(7, 0.1)
    async with Receiver(flaky) as receiver:
        await hooks.subscribe(receiver, order="per_entity")
        hooks.start()
        sent = set(await hooks.send(100, entities=20))
        await until(lambda: len(flaky.taken) > 20)
        hooks.start()
        for _ in range(5):
            sent.update(await hooks.send(100, entities=20))
        await all_taken(flaky, sent)
        check_order(flaky.taken, repeats=True)


async def test_an_endpoint_that_is_down_gets_all_in_order_when_it_is_back(hooks: Delivering) -> None:
    async with Receiver(status(503)) as receiver:
        await hooks.subscribe(receiver, order="per_entity")
        hooks.start()
        sent = set(await hooks.send(90, entities=9))
        await hooks.offsets_done()
        flaky = Flaky(1, 0.0)
        receiver.answer = flaky
        await all_taken(flaky, sent)
        check_order(flaky.taken, repeats=False)
