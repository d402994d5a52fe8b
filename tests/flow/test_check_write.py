"""``bridge check --write``: each action for real on a trial candidate, and nothing of it left behind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.simulator.options import API_KEY
from bridge.simulator.remote import Remote
from tests.flow.program import Ended, Program, account, integration

BY_REST = [
    "create_candidate",
    "update_candidate",
    "attach_document",
    "add_to_job",
    "move_stage",
    "reject",
]
ACTIONS = [*BY_REST, "find_person"]
REST = "[integrations.tracker.actions]\n" + "".join(f'{name} = "rest"\n' for name in BY_REST)


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    async with account() as made:
        yield made


@pytest.fixture
def program(remote: Remote, store_url: str, tmp_path: Path) -> Program:
    return Program(tmp_path, f'[store]\nurl = "{store_url}"\n' + integration(remote.url))


def _results(ended: Ended) -> dict[str, str]:
    return {f["name"]: f["result"] for f in ended.json if f["kind"] in ("action", "cleanup")}


def _reason(ended: Ended, name: str) -> str:
    return str(next(f["reason"] for f in ended.json if f["name"] == name))


async def _all(remote: Remote) -> dict[str, set[str]]:
    return {model: set(await remote.truth(model)) for model in ("candidate", "application")}


@pytest.mark.parametrize("via", ["", REST], ids=["widget", "rest"])
async def test_every_action_is_carried_out_and_the_trial_leaves_nothing(
    program: Program, remote: Remote, via: str
) -> None:
    program.configure((program.directory / "bridge.toml").read_text() + via)
    before = await _all(remote)
    ended = await program("check", "--write", "--json")
    assert _results(ended) == dict.fromkeys([*ACTIONS, "remove_candidate"], "works"), ended.out
    ids = next(f["trial_ids"] for f in ended.json if f["kind"] == "cleanup")
    changed = {(line["op"], line["model"], line["remote_id"]) for line in await remote.journal(0)}
    assert ("created", "candidate", ids["candidate"]) in changed
    assert ("deleted", "application", ids["application"]) in changed
    jobs = await remote.truth("job")
    assert ids["job"] == max((n for n, job in jobs.items() if job["status"] == "OPEN"), key=int)
    assert (ended.code, await _all(remote)) == (0, before)


async def test_without_write_nothing_is_written(program: Program, remote: Remote) -> None:
    ended = await program("check", "--json")
    assert (ended.code, await remote.journal(0)) == (0, [])


@pytest.mark.parametrize(
    ("path", "name", "status", "result"),
    [
        ("/api/widget/attachDocument", "attach_document", 403, "refused"),
        ("/api/widget/resourceApplication", "add_to_job", 404, "not_found"),
        ("/api/widget/updateRecord", "move_stage", 500, "error"),
        ("/api/widget/createResource", "create_candidate", 500, "error"),
    ],
)
async def test_a_step_that_fails_says_why_and_the_candidate_is_removed(
    program: Program, remote: Remote, path: str, name: str, status: int, result: str
) -> None:
    before = await _all(remote)
    await remote.fault(path, "status", status=status, times=None, method="POST", effect=status == 500)
    ended = await program("check", "--write", "--json")
    assert (ended.code, _results(ended)[name]) == (1, result)
    assert f"answered {status}" in _reason(ended, name)
    assert _results(ended)["remove_candidate"] == "works"
    assert await _all(remote) == before


async def test_a_creation_whose_answer_is_lost_is_found_and_removed(program: Program, remote: Remote) -> None:
    before = await _all(remote)
    await remote.fault("/api/widget/createResource", "cut", method="POST")
    ended = await program("check", "--write", "--json")
    assert _results(ended)["find_candidate"] == "works"
    assert (_results(ended)["remove_candidate"], await _all(remote)) == ("works", before)


async def test_a_candidate_that_can_not_be_removed_is_named_for_a_person(
    program: Program, remote: Remote
) -> None:
    before = await _all(remote)
    await remote.fault("/api/v1/Resource/", "status", status=403, times=None, method="DELETE")
    ended = await program("check", "--write", "--json")
    (left,) = (await _all(remote))["candidate"] - before["candidate"]
    assert f"candidate {left} (Bridge Check) is left in TrackerRMS" in _reason(ended, "remove_candidate")
    assert (ended.code, _results(ended)["remove_candidate"]) == (1, "refused")


async def test_a_dead_token_lets_no_action_seem_to_work(program: Program) -> None:
    config = (program.directory / "bridge.toml").read_text()
    program.configure(config.replace('bearer_token = "', 'bearer_token = "dead'))
    for arguments in (["check", "--json"], ["check", "--write", "--json"]):
        ended = await program(*arguments)
        assert ended.code == 1
        assert _results(ended) == dict.fromkeys(ACTIONS, "refused")
        assert "rejects the bearer token" in _reason(ended, "reject")


async def test_a_healthy_account_gives_no_warning(program: Program) -> None:
    ended = await program("check", "--json")
    assert [f for f in ended.json if f["kind"] in ("fields", "time")] == []


async def test_an_account_whose_widget_api_takes_no_bearer_token_is_told_what_to_add(
    program: Program, remote: Remote
) -> None:
    before = await _all(remote)
    await remote.quirk("bearer_for_widget", on=False)
    ended = await program("check", "--json")
    assert _results(ended) == dict.fromkeys(ACTIONS, "refused")
    assert all("api_key, or username and password" in _reason(ended, name) for name in ACTIONS)
    ended = await program("check", "--write", "--json")
    assert _results(ended)["create_candidate"] == "refused"
    assert 'actions.create_candidate = "rest"' in _reason(ended, "create_candidate")
    assert await _all(remote) == before
    ended = await program("check", "--write", "--json", BRIDGE_INTEGRATIONS_ACME_API_KEY=API_KEY)
    assert set(_results(ended).values()) == {"works"}


async def test_fields_that_are_not_read_back_are_named(program: Program) -> None:
    wrong = '[integrations.tracker.writes.candidate]\nlinkedin = "rest:contactDetails.web"\n'
    program.configure((program.directory / "bridge.toml").read_text() + wrong)
    ended = await program("check", "--write", "--json")
    assert _results(ended)["update_candidate"] == "works"
    assert "except linkedin; correct writes.candidate" in _reason(ended, "update_candidate")


async def test_finding_people_is_not_tried_where_it_is_off(program: Program) -> None:
    off = '[integrations.tracker.actions]\nfind_person = "off"\n'
    program.configure((program.directory / "bridge.toml").read_text() + off)
    for arguments in (["check", "--json"], ["check", "--write", "--json"]):
        assert "find_person" not in _results(await program(*arguments))
