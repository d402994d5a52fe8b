"""How ``bridge run`` ends: 0 at a signal, 1 at a bug, 2 for the configuration, 3 for its surroundings."""

import signal

import asyncpg
import pytest

from tests.flow.program import Ended, Program


async def alter(store_url: str, statement: str) -> None:
    """Do to the store what the bridge would not."""
    connection = await asyncpg.connect(store_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_at_a_signal_it_lets_end_what_is_under_way_and_ends_with_0(
    program: Program, number: signal.Signals
) -> None:
    async with program.running("run") as process:
        await program.loaded()
        process.send_signal(number)
        _, err = await process.communicate()
    assert process.returncode == 0
    assert b"process.draining" in err
    assert b"process.drain_cut" not in err


async def test_a_bug_ends_it_with_1_and_its_traceback_is_in_the_log(program: Program, store_url: str) -> None:
    await program("migrate")
    # No version of the schema lacks it, so nothing is prepared for that: as for a bug of our own.
    await alter(store_url, "ALTER TABLE outbox DROP COLUMN headers")
    ended = await program("run")
    assert ended.code == 1, ended.err
    crash = [line for line in ended.err.splitlines() if "stage.crashed" in line]
    assert crash
    assert "UndefinedColumnError" in ended.err
    assert "Traceback" in ended.err or '"exception"' in crash[0]
    # The other stages were let end.
    assert "process.draining" in ended.err


async def test_a_setting_that_makes_no_sense_ends_it_with_2(program: Program) -> None:
    config = (program.directory / "bridge.toml").read_text(encoding="utf-8")
    program.configure(config.replace("postgresql://", "mysql://"))
    ended = await program("run")
    assert said(ended) == (2, "bridge: store.url: is not a PostgreSQL URL")


async def test_without_postgresql_at_its_start_it_ends_with_3(program: Program) -> None:
    ended = await program("run", BRIDGE_STORE_URL="postgresql://u:pw@127.0.0.1:9/d")
    assert said(ended) == (3, "bridge: PostgreSQL at u@127.0.0.1:9/d: connection refused")


async def test_a_schema_of_a_newer_bridge_ends_it_with_3(program: Program, store_url: str) -> None:
    newest = "(SELECT max(number) FROM schema_migrations)"
    await alter(store_url, f"UPDATE schema_migrations SET number = 9999 WHERE number = {newest}")
    ended = await program("run")
    assert said(ended)[0] == 3
    assert "to a newer bridge (revision 9999)" in ended.err


async def test_an_address_that_is_none_of_this_machine_ends_it_with_3(program: Program) -> None:
    ended = await program("run", BRIDGE_API_LISTEN="192.0.2.1:0")
    assert ended.code == 3, ended.err
    failed = [line for line in ended.err.splitlines() if "stage.failed" in line]
    assert len(failed) == 1
    assert "api.listen" in failed[0]
    # A stage found it out: the others were let end.
    assert "process.draining" in ended.err


def said(ended: Ended) -> tuple[int, str]:
    """The exit code, and the beginning of the last line."""
    last = ended.err.splitlines()[-1]
    return ended.code, last.split(", such as")[0]
