"""Commands end together in one transaction: each is told what became of it, and no other."""

import asyncio

import pytest

from bridge.commands.completion import CompletionWriter, End
from bridge.errors import LeaseLost
from bridge.store import commands, leases
from bridge.store.commands import CommandKey, Ending, NewCommand
from bridge.store.database import Database
from bridge.store.leases import Lease
from bridge.store.outbox import OutboxRow


async def _lease(db: Database) -> Lease:
    lease = await leases.acquire(db, commands.new_lease_name(), "here", 60)
    assert lease is not None
    return lease


async def _entered(db: Database, holder: Lease, *names: str) -> list[End]:
    """The ends of commands that ``holder`` carries out."""
    keys = [CommandKey(integration_id="acme", command_id=name) for name in names]
    entries = [NewCommand(key=key, type="candidate.create", content=b"c", position="0/0") for key in keys]
    async with db.transaction() as tx:
        await commands.enter(tx, holder.name, entries)
    return [
        End(
            ending=Ending(key=key, state="succeeded", error_code=None, result=b"sealed"),
            row=OutboxRow(topic="results", key=key.command_id.encode(), value=b"{}"),
        )
        for key in keys
    ]


async def _results(db: Database) -> set[str]:
    return {row[0].decode() for row in await db.fetch("SELECT key FROM outbox")}


async def test_a_command_that_another_process_has_is_not_ended_and_the_others_are(db: Database) -> None:
    ours, other = await _lease(db), await _lease(db)
    ends = [*await _entered(db, ours, "first"), *await _entered(db, other, "taken")]
    ends += await _entered(db, ours, "last")
    async with CompletionWriter(db, ours) as finisher:
        told = await asyncio.gather(*(finisher.finish(end) for end in ends), return_exceptions=True)
    assert [type(one) for one in told] == [type(None), LeaseLost, type(None)]
    assert "taken: another process has it" in str(told[1])
    assert await _results(db) == {"first", "last"}


async def test_without_the_lease_no_command_ends(db: Database) -> None:
    ours = await _lease(db)
    ends = await _entered(db, ours, "one", "two")
    await leases.release_lease(db, ours)
    async with CompletionWriter(db, ours) as finisher:
        told = await asyncio.gather(*(finisher.finish(end) for end in ends), return_exceptions=True)
    assert [type(one) for one in told] == [LeaseLost, LeaseLost]
    assert await _results(db) == set()


async def test_trouble_with_the_store_ends_the_commands_it_meets_and_not_the_finisher(db: Database) -> None:
    ours = await _lease(db)
    [first, second] = await _entered(db, ours, "first", "second")
    async with CompletionWriter(db, ours) as finisher:
        await db.execute("ALTER TABLE outbox RENAME TO away")
        with pytest.raises(Exception, match="outbox"):
            await finisher.finish(first)
        await db.execute("ALTER TABLE away RENAME TO outbox")
        await finisher.finish(second)
    assert await _results(db) == {"second"}
