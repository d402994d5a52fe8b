"""Every assumption about an account has a verdict: few are left open on an ordinary account."""

import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.simulator.remote import Remote
from bridge.store import profiles
from bridge.store.database import Database
from bridge.tracker import assumptions
from tests.flow.program import Ended, Program, account, integration

LISTED = assumptions.assumptions_by_name()
MOST_UNKNOWN = 0.05


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    async with account() as made:
        yield made


@pytest.fixture
def program(remote: Remote, store_url: str, tmp_path: Path) -> Program:
    return Program(tmp_path, f'[store]\nurl = "{store_url}"\n' + integration(remote.url))


def _verdicts(ended: Ended) -> dict[str, tuple[str, str]]:
    return {f["name"]: (f["result"], f["reason"]) for f in ended.json if f["kind"] == "profile"}


def _open(verdicts: dict[str, tuple[str, str]]) -> dict[str, str]:
    return {name: reason for name, (result, reason) in verdicts.items() if result == "unknown"}


async def test_few_assumptions_about_an_ordinary_account_are_left_open(
    program: Program, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = await program("check", "--json")
    verdicts = _verdicts(ended)
    assert list(verdicts) == list(LISTED)
    reading = {name: verdicts[name] for name, one in LISTED.items() if one.by != "writing"}
    figures = f"check: {len(_open(reading))} of {len(reading)} about reading are unknown"
    assert len(_open(reading)) <= len(reading) * MOST_UNKNOWN
    assert {result for result, _ in reading.values()} == {"works", "unknown"}
    writing = set(_open(verdicts).values()) - set(_open(reading).values())
    assert writing == {"not tried; run bridge check --write"}

    ended = await program("check", "--write", "--json")
    verdicts = _verdicts(ended)
    figures += f"; check --write: {len(_open(verdicts))} of {len(verdicts)} are unknown"
    assert len(_open(verdicts)) <= len(verdicts) * MOST_UNKNOWN
    assert {result for result, _ in verdicts.values()} == {"works", "unknown"}, verdicts
    # Each is judged, if only as open: none is listed that nothing judges.
    tried = {reason for by, reason in assumptions.NOT_TRIED.items() if by != "running"}
    assert {reason for _, reason in verdicts.values()}.isdisjoint(tried)

    db = await Database.open(store_url)
    known = await profiles.load_profile(db, "acme")
    await db.close()
    assert known is not None
    stored = {finding.assumption: finding.evidence for finding in known.profile.findings}
    assert stored == {name: reason for name, (_, reason) in verdicts.items()}
    figures += f"; learning took {known.profile.requests} requests"
    with capsys.disabled():
        sys.stdout.write(f"\n{figures}\n")
    assert known.profile.requests <= 60


async def test_what_is_proved_is_counted_and_the_rest_is_shown_whole(store_url: str, tmp_path: Path) -> None:
    odd = {"amounts": "dotted", "dates": "day_first"}
    async with account(dialect=odd) as remote:
        program = Program(tmp_path, f'[store]\nurl = "{store_url}"\n' + integration(remote.url))
        shown = (await program("check", COLUMNS="300")).out
        whole = (await program("check", "--verbose", COLUMNS="300")).out
    (counted,) = re.findall(r"^ +proved +works +(\d+) of (\d+) assumptions", shown, re.MULTILINE)
    assert int(counted[1]) == len(LISTED)
    assert int(counted[0]) > len(LISTED) / 2
    assert "rows.jobs" not in shown
    assert "rows.jobs" in whole
    assert re.search(r"about writing +unknown +not tried; run bridge check --write \(\d+: trial\.", shown)
    assert re.search(r'date_format +warning +.* adopted: date_format = "day-first"', shown)
    assert re.search(r"decimal_mark +error +.* set integrations\.acme\.tracker\.decimal_mark", shown)
