"""Storing and telling go side by side in one transaction: neither outlives the other's failure."""

import asyncio
from typing import Any

import pytest
from trackerrms_contracts.entities import Model

from bridge.capture.change_writer import ChangeWriter
from bridge.capture.event_builder import EventBuilder, Identity
from bridge.capture.observations import Observation
from bridge.capture.proof import Guard
from bridge.store.database import Database
from bridge.store.outbox import OutboxRow
from bridge.store.stored_records import RowState
from tests.flow.tracker_account import SEALER
from tests.unit.capture_records import HASHER, family, member

GUARD = Guard(count=500, percent=10.0)
IDENTITY = Identity(integration_id="acme", topic_prefix="ats")


class Failing(EventBuilder):
    """Writes a thousand events, then raises what it was given: by then snapshots are on their way."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(IDENTITY, SEALER, keep_values=False, max_message_bytes=1_000_000)
        self._error = error
        self._written = 0

    def event(self, *args: Any) -> OutboxRow | None:
        self._written += 1
        if self._written > 1_000:
            raise self._error
        return super().event(*args)


def seen(row_id: int) -> Observation:
    """A candidate as just read."""
    found = family("candidates", str(row_id), member(Model.CANDIDATE, str(row_id)))
    source = RowState(row_id=row_id, quick=None, fingerprint=None, version=None)
    return Observation(source=source, latest=None, found=found)


@pytest.mark.parametrize("error", [RuntimeError("no event"), asyncio.CancelledError()])
async def test_nothing_is_stored_when_the_events_can_not_be_written(
    store_url: str, error: BaseException
) -> None:
    changes = ChangeWriter(IDENTITY, HASHER, Failing(error), frozenset(Model), keys={}, limits=GUARD)
    async with await Database.open(store_url, pool_size=1) as db:
        with pytest.raises(type(error)) as raised:
            async with db.transaction() as tx:
                await changes.apply(tx, "candidates", [seen(n) for n in range(2_000)], "poll")
        assert raised.value is error
        # The one connection is free for the next transaction, and what was being stored is not there.
        async with db.transaction() as tx:
            assert await tx.fetchval("SELECT count(*) FROM snapshots") == 0


async def test_events_are_not_queued_when_the_snapshots_can_not_be_stored(store_url: str) -> None:
    publisher = EventBuilder(IDENTITY, SEALER, keep_values=False, max_message_bytes=1_000_000)
    changes = ChangeWriter(IDENTITY, HASHER, publisher, frozenset(Model), keys={}, limits=GUARD)
    async with await Database.open(store_url, pool_size=1) as db:
        await db.execute("ALTER TABLE snapshots ADD CONSTRAINT none CHECK (remote_id <> '1999')")
        with pytest.raises(Exception, match="violates check constraint"):
            async with db.transaction() as tx:
                await changes.apply(tx, "candidates", [seen(n) for n in range(2_000)], "poll")
        async with db.transaction() as tx:
            assert await tx.fetchval("SELECT count(*) FROM outbox") == 0
