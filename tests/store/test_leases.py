import asyncio

import pytest

from bridge.errors import LeaseLost
from bridge.store import leases
from bridge.store.database import Database
from tests.waiting import patient, until


async def run_out(db: Database) -> None:
    """As if the time of every lease had passed."""
    await db.execute("UPDATE leases SET expires_at = clock_timestamp() - interval '1 second'")


async def take(db: Database, holder: str) -> leases.Lease:
    lease = await leases.acquire(db, "work", holder, 30)
    assert lease is not None
    return lease


async def test_of_many_who_ask_at_once_one_gets_the_lease(db: Database) -> None:
    got = await asyncio.gather(*(leases.acquire(db, "work", f"h{n}", 30) for n in range(20)))
    assert len([lease for lease in got if lease]) == 1


async def test_a_held_lease_is_refused_even_to_its_holder(db: Database) -> None:
    await take(db, "a")
    assert await leases.acquire(db, "work", "b", 30) is None
    assert await leases.acquire(db, "work", "a", 30) is None
    assert await leases.acquire(db, "other work", "b", 30) is not None


async def test_the_token_grows_at_every_take_over_and_survives_a_release(db: Database) -> None:
    first = await take(db, "a")
    await leases.release_lease(db, first)
    second = await take(db, "a")
    await run_out(db)
    third = await take(db, "b")
    assert first.token < second.token < third.token


async def test_a_lease_that_ran_out_can_be_renewed_until_another_took_it(db: Database) -> None:
    lease = await take(db, "a")
    await run_out(db)
    assert await leases.renew(db, lease, 30)
    await run_out(db)
    await take(db, "b")
    assert not await leases.renew(db, lease, 30)


async def test_a_late_release_does_not_free_another_holders_lease(db: Database) -> None:
    late = await take(db, "a")
    await run_out(db)
    await take(db, "b")
    await leases.release_lease(db, late)
    assert await leases.acquire(db, "work", "c", 30) is None


async def test_the_fence_refuses_a_stale_token(db: Database) -> None:
    stale = await take(db, "a")
    await run_out(db)
    await take(db, "b")
    with pytest.raises(LeaseLost):
        async with db.transaction() as tx:
            await leases.assert_held(tx, stale)


async def test_the_fence_refuses_a_lease_that_ran_out_and_one_that_never_was(db: Database) -> None:
    lease = await take(db, "a")
    await run_out(db)
    for suspect in (lease, leases.Lease(name="never", holder="a", token=1)):
        with pytest.raises(LeaseLost):
            async with db.transaction() as tx:
                await leases.assert_held(tx, suspect)


async def test_a_take_over_waits_for_the_transaction_behind_the_fence(db: Database) -> None:
    lease = await leases.acquire(db, "work", "a", 0.5)
    assert lease is not None

    async def ran_out() -> bool:
        return bool(await db.fetchval("SELECT expires_at < clock_timestamp() FROM leases"))

    async with db.transaction() as tx:
        await leases.assert_held(tx, lease)
        taking = asyncio.create_task(leases.acquire(db, "work", "b", 30))
        await until(ran_out)
        assert not taking.done()
    taken = await taking
    assert taken is not None
    assert taken.token > lease.token


async def test_a_held_lease_outlives_its_ttl(db: Database) -> None:
    lease = await leases.acquire(db, "work", "a", 0.6)
    assert lease is not None
    first = await db.fetchval("SELECT expires_at FROM leases")

    async def renewed_past_its_first_life() -> bool:
        return bool(await db.fetchval("SELECT clock_timestamp() > $1", first))

    async with leases.LeaseKeeper(db, lease, 0.6) as held:
        await until(renewed_past_its_first_life)
        async with db.transaction() as tx:
            await leases.assert_held(tx, lease)
        assert held.remaining_seconds > 0
        assert not held.lost.is_set()


async def test_leaving_the_block_frees_the_lease_at_once(db: Database) -> None:
    async with leases.LeaseKeeper(db, await take(db, "a"), 30):
        pass
    await take(db, "b")


async def test_a_holder_learns_that_another_took_over(db: Database) -> None:
    async with leases.LeaseKeeper(db, await take(db, "a"), 0.3) as held:
        await db.execute("UPDATE leases SET holder = 'b', token = token + 1")
        async with asyncio.timeout(patient(10)):
            await held.lost.wait()
        assert held.remaining_seconds == 0


async def test_a_holder_that_cannot_reach_the_store_gives_up_when_the_lease_ends(
    db: Database, store_url: str
) -> None:
    lease = await take(db, "a")
    cut_off = await Database.open(store_url)
    async with leases.LeaseKeeper(cut_off, lease, 0.3) as held:
        await cut_off.close()
        async with asyncio.timeout(patient(10)):
            await held.lost.wait()
        assert held.remaining_seconds == 0
