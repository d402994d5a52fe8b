import asyncio
import base64
import os
from datetime import UTC, datetime, timedelta

import pytest

from bridge.config import Secret
from bridge.errors import EnvironmentFault, LeaseLost
from bridge.runtime.account_ports import TokenVault, TrackerToken
from bridge.sealing import Sealer
from bridge.store import installation, tokens
from bridge.store.database import Database

ORIGIN = bytes(range(16))


def new_sealer() -> Sealer:
    return Sealer(Secret(base64.b64encode(os.urandom(32)).decode()))


def token(generation: int) -> TrackerToken:
    expires_at = datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC) + timedelta(hours=generation)
    return TrackerToken(
        jwt=Secret(f"jwt-{generation}"), expires_at=expires_at, generation=generation, origin=ORIGIN
    )


@pytest.fixture
def sealer() -> Sealer:
    return new_sealer()


@pytest.fixture
def vault(db: Database, sealer: Sealer) -> TokenVault:
    return tokens.Vault(db, sealer, "acme")


async def test_another_process_reads_the_token_that_one_saved(
    db: Database, sealer: Sealer, vault: TokenVault
) -> None:
    assert await vault.load() is None
    async with vault.exchange_turn():
        await vault.save(token(1))
    assert await tokens.Vault(db, sealer, "acme").load() == token(1)
    assert await tokens.Vault(db, sealer, "other").load() is None


async def test_processes_take_turns_and_one_exchange_serves_all(db: Database, sealer: Sealer) -> None:
    exchanges = 0

    async def needs_a_token() -> None:
        nonlocal exchanges
        vault = tokens.Vault(db, sealer, "acme")
        async with vault.exchange_turn():
            if await vault.load() is None:
                exchanges += 1
                await vault.save(token(1))

    await asyncio.gather(*(needs_a_token() for _ in range(5)))
    assert exchanges == 1


async def test_one_object_may_be_shared_by_many_tasks(vault: TokenVault) -> None:
    inside = 0

    async def turn() -> None:
        nonlocal inside
        async with vault.exchange_turn():
            inside += 1
            assert inside == 1
            await vault.load()
            inside -= 1

    await asyncio.gather(*(turn() for _ in range(5)))


async def test_a_token_is_saved_only_in_a_turn_that_is_still_held(db: Database, vault: TokenVault) -> None:
    with pytest.raises(LeaseLost):
        await vault.save(token(1))
    async with vault.exchange_turn():
        await db.execute("UPDATE leases SET token = token + 1")
        with pytest.raises(LeaseLost):
            await vault.save(token(1))
    assert await vault.load() is None


async def test_an_older_generation_does_not_replace_a_newer_one(vault: TokenVault) -> None:
    async with vault.exchange_turn():
        await vault.save(token(2))
        for late in (1, 2):
            with pytest.raises(LeaseLost):
                await vault.save(token(late))
    assert await vault.load() == token(2)


async def test_the_refresh_token_and_the_jwt_do_not_disturb_each_other(vault: TokenVault) -> None:
    assert await vault.load_refresh_token(ORIGIN) is None
    async with vault.exchange_turn():
        await vault.save_refresh_token(Secret("refresh-1"), ORIGIN)
        assert await vault.load() is None
        await vault.save(token(1))
        await vault.save_refresh_token(Secret("refresh-2"), ORIGIN)
    assert await vault.load() == token(1)
    assert await vault.load_refresh_token(ORIGIN) == Secret("refresh-2")
    assert await vault.load_refresh_token(ORIGIN[::-1]) is None


def test_an_origin_is_that_of_one_credential_of_one_account_under_one_key(
    db: Database, sealer: Sealer
) -> None:
    parts = ("https://one.example", "credential")
    first = tokens.Vault(db, sealer, "acme").origin(*parts)
    assert first == tokens.Vault(db, sealer, "acme").origin(*parts)
    others = {
        tokens.Vault(db, sealer, "acme").origin(*reversed(parts)),
        tokens.Vault(db, sealer, "acme").origin("".join(parts)),
        tokens.Vault(db, sealer, "other").origin(*parts),
        tokens.Vault(db, new_sealer(), "acme").origin(*parts),
    }
    assert (len(others), first in others) == (4, False)


async def test_nothing_readable_lies_in_the_database(db: Database, vault: TokenVault) -> None:
    async with vault.exchange_turn():
        await vault.save(token(1))
        await vault.save_refresh_token(Secret("refresh-1"), ORIGIN)
    row = await db.fetchrow("SELECT sealed_jwt, sealed_refresh_token FROM tokens")
    assert row is not None
    assert b"jwt-1" not in row[0]
    assert b"refresh-1" not in row[1]


async def test_a_row_copied_to_another_integration_is_refused(
    db: Database, sealer: Sealer, vault: TokenVault
) -> None:
    async with vault.exchange_turn():
        await vault.save(token(1))
    await db.execute("UPDATE tokens SET integration_id = 'other'")
    with pytest.raises(EnvironmentFault, match="damaged or was sealed for another purpose"):
        await tokens.Vault(db, sealer, "other").load()


async def test_the_hash_key_is_made_once_even_by_many_at_once(db: Database, sealer: Sealer) -> None:
    async def key() -> bytes:
        async with db.transaction() as tx:
            return await installation.hash_key(tx, sealer)

    keys = await asyncio.gather(*(key() for _ in range(6)))
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
    assert keys[0] == await key()


async def test_a_wrong_sealing_key_is_named_as_such(db: Database, sealer: Sealer) -> None:
    async def key(sealer: Sealer) -> bytes:
        async with db.transaction() as tx:
            return await installation.hash_key(tx, sealer)

    await key(sealer)
    with pytest.raises(EnvironmentFault, match=rf"sealing\.key: .*{sealer.key_id}"):
        await key(new_sealer())


async def test_when_the_jwt_expires_is_known_without_opening_it(db: Database, vault: TokenVault) -> None:
    assert await tokens.expires_in(db, "acme") is None
    async with vault.exchange_turn():
        expires_at = datetime.now(UTC) + timedelta(hours=1)
        await vault.save(TrackerToken(jwt=Secret("jwt"), expires_at=expires_at, generation=1, origin=ORIGIN))
    seconds = await tokens.expires_in(db, "acme")
    assert seconds is not None
    assert 3_500 < seconds <= 3_601
    async with vault.exchange_turn():
        await vault.save(TrackerToken(jwt=Secret("jwt"), expires_at=None, generation=2, origin=ORIGIN))
    assert await tokens.expires_in(db, "acme") == float("inf")
