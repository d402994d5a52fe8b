from pathlib import Path

import asyncpg
import pytest

from bridge import embedded
from bridge.errors import ConfigError, EnvironmentFault, Transient
from bridge.store.database import Database
from bridge.store.errors import mask_url, translated
from tests.waiting import until

RAISE = "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{}'; END $$"


async def test_a_transaction_that_raises_leaves_nothing(db: Database) -> None:
    async def fails() -> None:
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO leases VALUES ('a', 'b', 1, now())")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert await db.fetchval("SELECT count(*) FROM leases") == 0


async def test_a_file_error_of_the_callers_own_work_is_not_blamed_on_postgres(db: Database) -> None:
    async def fails() -> None:
        async with db.transaction():
            raise FileNotFoundError("a file of ours")

    with pytest.raises(FileNotFoundError):
        await fails()


@pytest.mark.parametrize(
    "state", ["53100", "53200", "53300", "57P01", "57014", "25006", "40001", "40P01", "08006", "58030"]
)
async def test_trouble_of_the_server_that_passes_is_transient(db: Database, state: str) -> None:
    with pytest.raises(Transient, match=state):
        async with db.transaction() as tx:
            await tx.execute(RAISE.format(state))


@pytest.mark.parametrize("state", ["28P01", "28000", "3D000", "42501"])
async def test_a_server_that_refuses_us_is_a_fault_of_the_environment(db: Database, state: str) -> None:
    with pytest.raises(EnvironmentFault, match=r"store\.url"):
        await db.execute(RAISE.format(state))


async def test_a_mistake_in_our_sql_stays_a_bug(db: Database) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        await db.fetch("SELECT * FROM nowhere")


async def test_an_unknown_database_is_named_without_the_password(store_url: str) -> None:
    wrong = store_url.replace("postgres:@", "postgres:hunter2@").replace("/test_", "/missing_")
    with pytest.raises(EnvironmentFault, match="missing_") as raised:
        await Database.open(wrong)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["postgresql://u:hunter2@127.0.0.1:1/x", "postgresql://u:hunter2@/x?host=/nowhere"]
)
async def test_a_server_that_is_away_is_transient_and_named_without_the_password(url: str) -> None:
    with pytest.raises(Transient, match="PostgreSQL at u@") as raised:
        await Database.open(url)
    assert "hunter2" not in str(raised.value)


async def test_a_url_of_something_else_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"store\.url"):
        await Database.open("mysql://localhost/x")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@h:5433/d?sslmode=require", "u@h:5433/d"),
        ("postgresql://h/d", "h/d"),
        ("postgresql://postgres:@/d?host=/run/pg", "postgres@/run/pg/d"),
        ("postgresql://u:p@h1:1,h2:2/d", "u@h1:1,h2:2/d"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, expected: str) -> None:
    assert mask_url(url) == expected


def test_silence_is_transient() -> None:
    with pytest.raises(Transient, match="no answer"), translated("postgresql://h/d"):
        raise TimeoutError


async def test_the_pool_goes_on_after_postgres_was_restarted(data_dir: Path) -> None:
    with embedded.postgres(data_dir) as url:
        db = await Database.open(url)
        assert await db.fetchval("SELECT 1") == 1
    with pytest.raises(Transient):
        await db.fetchval("SELECT 2")

    async def answers() -> bool:
        return bool(await db.fetchval("SELECT 3") == 3)

    with embedded.postgres(data_dir):
        await until(answers)
        await db.close()


async def test_a_connection_cut_in_a_transaction_is_transient_and_the_next_one_works(db: Database) -> None:
    async def is_cut() -> None:
        async with db.transaction() as tx:
            pid = await tx.fetchval("SELECT pg_backend_pid()")
            await db.execute("SELECT pg_terminate_backend($1)", pid)
            await tx.execute("SELECT 1")

    with pytest.raises(Transient):
        await is_cut()
    assert await db.fetchval("SELECT 1") == 1
