"""``bridge check --record FILE`` writes what the answers look like, and no value of the account."""

import os
from pathlib import Path

import pytest

from bridge.simulator.recording import read_recording
from tests.account_values import values_in, values_of
from tests.flow.program import Program, Simulated, account, integration

DIALECT = {"row_case": "pascal", "page_size": "7", "dates": "us", "tags": "objects", "ids": "text"}
FEW_QUESTIONS = 300


def _program(remote: Simulated, store_url: str, directory: Path) -> Program:
    return Program(directory, f'[store]\nurl = "{store_url}"\n' + integration(remote.url))


async def test_a_check_is_recorded_without_a_value_of_the_account(store_url: str, tmp_path: Path) -> None:
    async with account(dialect=DIALECT) as remote:
        program = _program(remote, store_url, tmp_path)
        before = len(await remote.journal(0))
        ended = await program("check", "--json", "--record", "acme.json")
        path = tmp_path / "acme.json"
        recording = read_recording(path)
        assert DIALECT.items() <= dict(recording.dialect).items()
        assert set(recording.shapes) == {"jobs", "candidates", "applications", "users", "statuses"}
        assert values_in(path.read_bytes(), values_of(remote.world, remote.url)) == []
        assert path.stat().st_mode & 0o777 == 0o600
        assert [name for name in os.listdir(tmp_path) if "acme.json" in name] == ["acme.json"]
        assert "no value" in ended.err
        assert "bridge simulate --like acme.json" in ended.err
        assert isinstance(ended.json, list)
        assert len(await remote.journal(0)) == before, "it wrote to the account"
        asked = int(ended.err.partition("(")[2].partition(" requests in addition")[0])
        assert asked < FEW_QUESTIONS


async def test_no_file_is_overwritten_and_nothing_asked_then(store_url: str, tmp_path: Path) -> None:
    async with account() as remote:
        program = _program(remote, store_url, tmp_path)
        (tmp_path / "acme.json").write_text("mine", encoding="utf-8")
        ended = await program("check", "--record", "acme.json")
        assert ended.code == 2
        assert "--record acme.json: the file already exists" in ended.err
        assert (tmp_path / "acme.json").read_text(encoding="utf-8") == "mine"
        ended = await program("check", "--record", "nowhere/acme.json")
        assert (ended.code, "nowhere does not exist" in ended.err) == (2, True)
        program.configure(
            (tmp_path / "bridge.toml").read_text(encoding="utf-8")
            + integration(remote.url)
            .partition("[[integrations]]")[2]
            .replace('"acme"', '"other"')
            .join(["[[integrations]]", ""])
        )
        ended = await program("check", "--record", "new.json")
        assert (ended.code, "--record takes one integration" in ended.err) == (2, True), ended.err
        assert (await remote.calls())["total"] == 0


@pytest.mark.parametrize(
    "dialect", [{"rows_key": "by_number"}, {"exchange_path": "v1"}, {"record_id": "absent"}], ids=str
)
async def test_a_check_that_fails_is_recorded_too(
    store_url: str, tmp_path: Path, dialect: dict[str, str]
) -> None:
    async with account(dialect=dialect) as remote:
        ended = await _program(remote, store_url, tmp_path)("check", "--record", "acme.json")
        assert ended.code == 1
        assert dialect.items() <= dict(read_recording(tmp_path / "acme.json").dialect).items()
