"""What the webhook stage tells of its endpoints in figures."""

from bridge import metrics
from bridge.store import pending
from tests.waiting import until
from tests.webhooks.installed import Delivering
from tests.webhooks.receiving import Receiver, status


def breakers() -> dict[str, float | None]:
    return {
        state: metrics.REGISTRY.get_sample_value("bridge_endpoints", {"breaker": state})
        for state in ("closed", "open", "held")
    }


async def test_endpoints_are_counted_by_their_breakers_as_long_as_they_are_delivered_to(
    hooks: Delivering,
) -> None:
    async with (
        Receiver() as well,
        Receiver(status(500)) as broken,
        Receiver(status(503, Retry_After="300")) as busy,
    ):
        for receiver in (well, broken, busy):
            await hooks.subscribe(receiver)
        hooks.start()
        await hooks.send(20)
        await until(lambda: breakers() == {"closed": 1, "open": 1, "held": 1})

        async def all_are_pending() -> bool:
            rows, oldest = await pending.pending_head(hooks.db)
            return rows == 40 and 0 < oldest < 60

        await until(all_are_pending)
    await hooks.stop()
    assert breakers() == {"closed": None, "open": None, "held": None}
