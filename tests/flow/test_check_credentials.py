"""``bridge check`` tries the configured credential itself, whatever token is stored."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.simulator.options import BEARER_TOKEN
from bridge.simulator.remote import Remote
from tests.flow.program import Ended, Program, account, integration
from tests.waiting import until

OTHER_TOKEN = "another-bearer-token"
BEFORE = "2001-01-01T00:00:00"


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    async with account(bearer_tokens=(BEARER_TOKEN, OTHER_TOKEN)) as made:
        yield made


@pytest.fixture
def program(remote: Remote, store_url: str, tmp_path: Path) -> Program:
    return Program(tmp_path, f'[store]\nurl = "{store_url}"\n' + integration(remote.url))


def _credentials(ended: Ended) -> dict[str, tuple[str, str]]:
    return {f["name"]: (f["result"], f["reason"]) for f in ended.json if f["kind"] == "credentials"}


async def test_a_wrong_credential_fails_though_a_good_token_is_stored(program: Program) -> None:
    ended = await program("check", "--json")
    assert ended.code == 0
    result, reason = _credentials(ended)["exchange"]
    assert result == "works"
    assert "gave a new token, valid until " in reason
    config = (program.directory / "bridge.toml").read_text()
    program.configure(config.replace('bearer_token = "', 'bearer_token = "dead'))
    ended = await program("check", "--json")
    result, reason = _credentials(ended)["exchange"]
    assert (ended.code, result) == (1, "refused")
    assert "rejects the bearer token" in reason
    assert {f["result"] for f in ended.json if f["kind"] == "model"} == {"refused"}
    ended = await program("check")
    assert "The configured credential could not be exchanged for a token." in ended.out


async def test_a_credential_that_ended_since_its_token_fails(program: Program, remote: Remote) -> None:
    assert (await program("check", "--json")).code == 0
    # The stored token is good still; only the next exchange will show it.
    await remote.fault("/api/Auth/ExchangeToken", "status", status=401, times=None)
    ended = await program("check", "--json")
    assert (ended.code, _credentials(ended)["exchange"][0]) == (1, "refused")
    assert {f["result"] for f in ended.json if f["kind"] == "model"} == {"works"}


async def test_integrations_that_share_a_credential_are_told(program: Program, remote: Remote) -> None:
    config = (program.directory / "bridge.toml").read_text()
    _, twin = integration(remote.url).replace('id = "acme"', 'id = "twin"').split("[[integrations]]")
    program.configure(f"{config}\n[[integrations]]{twin}")
    ended = await program("check", "acme", "--json")
    result, reason = _credentials(ended)["shared"]
    assert (ended.code, result) == (0, "warning")
    assert "same credential as twin" in reason
    told = await program("status", COLUMNS="400")
    assert "shares its credential with acme" in told.out
    assert "shares its credential with twin" in told.out


async def test_a_check_that_has_to_wait_says_why(program: Program, remote: Remote) -> None:
    await remote.fault("/api/v1/", "status", status=429, retry_after=3, times=1)
    ended = await program("check", "--json")
    assert ended.code == 0
    assert "patience" not in _credentials(ended)
    patient = "[integrations.tracker]\npatience_seconds = 2\n"
    program.configure((program.directory / "bridge.toml").read_text() + patient)
    await remote.fault("/api/", "status", status=429, retry_after=120_000, times=None)
    ended = await program("check", "--json")
    assert ended.code == 1
    assert "the bridge tries again" in _credentials(ended)["exchange"][1]


async def test_a_credential_of_another_account_is_refused_though_it_is_valid(
    program: Program, remote: Remote
) -> None:
    config = (program.directory / "bridge.toml").read_text()
    async with program.running("run", "--only", "poller"):
        await program.loaded()
    # The same ids, and other records: another account at the same host.
    for job in await remote.truth("job"):
        await remote.change("update", "opportunity", int(job), opportunityName="x", creationDate=BEFORE)
    for user in await remote.truth("user"):
        await remote.change("update", "user", int(user), surname="Other", email=f"other{user}@example.org")
    # Its own credential may see everything changed; that is no matter of credentials.
    assert (await program("check", "--json")).code == 0
    program.configure(config.replace(BEARER_TOKEN, OTHER_TOKEN))
    ended = await program("check", "--json")
    assert ended.code == 1
    reasons = {f["reason"] for f in ended.json if f["kind"] == "model"}
    assert all("opens another account" in reason for reason in reasons), reasons
    async with program.running("run", "--only", "poller"):

        async def told() -> bool:
            return "opens another account" in (await program("status", COLUMNS="900")).out

        await until(told, 30)
    program.configure(
        config.replace(BEARER_TOKEN, OTHER_TOKEN) + '[integrations.tracker]\naccount_change = "accept"\n'
    )
    assert (await program("check", "--json")).code == 0


async def test_a_new_credential_of_the_same_account_is_taken(program: Program) -> None:
    config = (program.directory / "bridge.toml").read_text()
    async with program.running("run", "--only", "poller"):
        await program.loaded()
    program.configure(config.replace(BEARER_TOKEN, OTHER_TOKEN))
    assert (await program("check", "--json")).code == 0
