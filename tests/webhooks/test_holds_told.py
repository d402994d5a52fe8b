"""Operational endpoints are told what is held back of an account, and how it ended: once each."""

import msgspec
from trackerrms_contracts.webhooks import HoldEvent

from bridge.store import holds
from bridge.store.holds import Withheld
from tests.waiting import until
from tests.webhooks.installed import Delivering
from tests.webhooks.receiving import Receiver

_SAID = "`tagText` was in 100 % of 24 records read by id and is in none of the last 10"


async def _held(hooks: Delivering, key: str, row_ids: frozenset[int]) -> int:
    rows = Withheld(kind="missing_key", key=key, row_ids=row_ids, evidence=_SAID)
    async with hooks.db.transaction() as tx:
        opened = await holds.add_to_hold(tx, "acme", "candidates", rows)
    assert opened is not None
    return opened[0]


def _told(receiver: Receiver) -> list[HoldEvent]:
    return [msgspec.json.decode(capture.body, type=HoldEvent) for capture in receiver.captures]


async def test_a_hold_and_its_end_are_told_to_the_accounts_operational_endpoints(hooks: Delivering) -> None:
    async with Receiver() as listener, Receiver() as stranger, Receiver() as ordinary:
        await hooks.subscribe(listener, operational=True, owner="somebody-else")
        await hooks.subscribe(stranger, operational=True, integrations=("globex",))
        await hooks.subscribe(ordinary)
        hooks.start()
        first = await _held(hooks, "detail:tagText", frozenset({7, 9}))
        await until(lambda: len(listener.captures) == 1)
        (told,) = _told(listener)
        assert (told.type, told.subject, told.data.end) == ("hold.opened", f"hold:{first}", None)
        assert (told.data.integration_id, told.data.resource) == ("acme", "candidates")
        assert (told.data.kind, told.data.key, told.data.records) == ("missing_key", "detail:tagText", 2)
        assert told.data.evidence == _SAID
        assert f"bridge holds approve {first}" in told.data.message
        # More records of it are no news.
        assert await _held(hooks, "detail:tagText", frozenset({11})) == first
        async with hooks.db.transaction() as tx:
            await holds.end_hold(tx, first)
        second = await _held(hooks, "row:jobTitle", frozenset({7}))
        await until(lambda: len(listener.captures) == 3)
        assert await holds.decide_hold(hooks.db, second, "discarded")
        await until(lambda: len(listener.captures) == 4)
        assert {(one.data.hold_id, one.type, one.data.end) for one in _told(listener)} == {
            (first, "hold.opened", None),
            (first, "hold.ended", "healed"),
            (second, "hold.opened", None),
            (second, "hold.ended", "discarded"),
        }
        assert stranger.captures == ordinary.captures == []
