"""Processes come and go: what one loses another delivers, and nobody stops reading for good."""

from functools import partial

from tests.waiting import until
from tests.webhooks.installed import Delivering
from tests.webhooks.receiving import Receiver, hanging


async def test_reading_goes_on_after_many_rebalances_with_work_under_way(hooks: Delivering) -> None:
    async with Receiver() as receiver, Receiver(hanging()) as dead:
        await hooks.subscribe(receiver, rate_limit_per_second=200)
        await hooks.subscribe(dead, timeout_seconds=5)
        hooks.start()
        sent: set[str] = set()
        for _ in range(3):
            sent.update(await hooks.send(150))
            known = len(receiver.captures)
            await until(partial(lambda known: len(receiver.captures) > known, known))
            hooks.start()
        await until(lambda: receiver.ids == sent, 60)
        await hooks.offsets_done()
