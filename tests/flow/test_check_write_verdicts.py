"""What the trial of ``bridge check --write`` says of an account that does something else than it was told."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web
from msgspec import Struct

from bridge.simulator.remote import Remote
from bridge.tracker import check_writes
from bridge.tracker.check_writes import TrialResult
from tests.flow.answering import Call, Rewrite, rewriting, said
from tests.flow.tracker_account import Account, account

NOOP = "POST /api/widget/checkLogon"
"""Answers well and does nothing."""
CURE = "; maps.outcome defines which reject (DECLINED)"
BY_ID = {"candidate": "/api/v1/Resource/[0-9]*", "application": "/api/v1/OpportunityResource/[0-9]*"}


class Case(Struct, frozen=True, kw_only=True):
    """What is wrong with the account or the configuration of it, and what the trial says of which step."""

    tracker: dict[str, Any] = {}
    fault: tuple[str, str, dict[str, Any]] | None = None
    step: str
    result: str = "error"
    says: str


CASES = {
    "the update changes nothing": Case(
        tracker={
            "actions": {"update_candidate": "rest"},
            "paths": {"update_candidate": "GET /api/v1/Resource/{candidate}"},
        },
        step="update_candidate",
        says="none of its fields is read back",
    ),
    "nobody is found": Case(
        tracker={"paths": {"find_person_widget": NOOP}},
        step="find_person",
        says="no person is found by the e-mail address of candidate",
    ),
    "documents can't be listed": Case(
        fault=("/api/v1/Resource/*/Documents", "status", {"status": 403, "times": 2}),
        step="attach_document",
        result="works",
        says="not read back: GET /api/v1/Resource/",
    ),
    "the document is not kept": Case(
        tracker={"paths": {"attach_document_widget": NOOP}},
        step="attach_document",
        says="the candidate's documents do not include it",
    ),
    "nobody is added": Case(
        tracker={"paths": {"add_to_job_widget": NOOP}},
        step="add_to_job",
        says="no application of candidate",
    ),
    "the application is not there by id at first": Case(
        fault=(BY_ID["application"], "status", {"status": 404}),
        step="add_to_job",
        result="works",
        says="; application",
    ),
    "the stage stays": Case(
        tracker={"paths": {"move_stage_widget": NOOP}},
        step="move_stage",
        says="the application is not read back at stage",
    ),
    "the note is not read": Case(
        tracker={"fields": {"application": {"rejection_reason": "detail:elsewhere"}}},
        step="reject",
        says="its note is not read back; correct fields.application.rejection_reason",
    ),
}


@pytest.fixture
async def acme(store_url: str) -> AsyncIterator[Account]:
    async with account(store_url) as found:
        yield found


async def _try(acme: Account, tracker: dict[str, Any] | None = None) -> TrialResult:
    async with acme.client(tracker=tracker or {}, lane="command") as client:
        return await check_writes.run_trial(client, wait_seconds=0)


def _verdict(tried: TrialResult, step: str) -> tuple[str, str]:
    [found] = [verdict for verdict in tried.verdicts if verdict.name == step]
    return found.result, found.reason


async def _people(acme: Account) -> set[str]:
    async with Remote(acme.url) as remote:
        return set(await remote.truth("candidate"))


async def test_a_step_that_was_answered_well_and_did_not_happen_is_told(
    acme: Account, subtests: pytest.Subtests
) -> None:
    before = await _people(acme)
    for name, case in CASES.items():
        with subtests.test(name):
            if case.fault is not None:
                path, kind, more = case.fault
                await acme.fault(path, kind, method="GET", **more)
            tried = await _try(acme, case.tracker)
            result, reason = _verdict(tried, case.step)
            assert (result, case.says in reason) == (case.result, True), reason
            assert _verdict(tried, "remove_candidate")[0] == "works"
            assert await _people(acme) == before


async def test_a_creation_that_names_no_id_is_looked_for_in_the_list(acme: Account) -> None:
    nothing_made = {
        "actions": {"create_candidate": "rest"},
        "paths": {"create_candidate": "POST /api/v1/Resource/PagedSearch"},
    }
    tried = await _try(acme, nothing_made)
    result, reason = _verdict(tried, "create_candidate")
    assert (result, "without the new candidate's id" in reason) == ("error", True)
    result, reason = _verdict(tried, "find_candidate")
    assert (result, "remove it by hand (the list of candidates does not show it" in reason) == ("error", True)
    assert "not tried: the trial candidate was not created" in _verdict(tried, "update_candidate")[1]
    assert tried.ids == {}


async def test_a_new_candidate_that_can_not_be_read_back_is_found_by_its_id_and_removed(
    acme: Account,
) -> None:
    before = await _people(acme)
    await acme.fault(BY_ID["candidate"], "status", method="GET", status=404)
    tried = await _try(acme)
    result, reason = _verdict(tried, "create_candidate")
    assert (result, "was just written, but can't be read by id" in reason) == ("error", True)
    assert "was created nonetheless" in _verdict(tried, "find_candidate")[1]
    assert (_verdict(tried, "remove_candidate")[0], await _people(acme)) == ("works", before)


async def test_a_record_that_does_not_look_like_the_one_that_was_sent_is_left_alone(acme: Account) -> None:
    before = await _people(acme)
    misread = dict.fromkeys(("title", "email", "additional_email"), "detail:elsewhere")
    tried = await _try(acme, {"fields": {"candidate": misread}})
    result, reason = _verdict(tried, "create_candidate")
    [made] = await _people(acme) - before
    assert (result, f"candidate {made} is not the one that was sent" in reason) == ("error", True)
    assert not {verdict.name for verdict in tried.verdicts} & set(check_writes.CLEANUP)


async def test_without_an_open_job_adding_to_one_is_not_tried(store_url: str) -> None:
    async with account(store_url, sizes={"jobs": 0, "applications": 0}) as acme:
        tried = await _try(acme)
    assert _verdict(tried, "add_to_job") == ("error", "there is no open job to add the candidate to")
    assert _verdict(tried, "move_stage") == ("error", "not tried: the trial application was not created")


async def test_without_a_status_to_move_to_or_to_reject_by_neither_is_tried(store_url: str) -> None:
    async with account(store_url, sizes={"applications": 0}) as acme:
        async with acme.client() as client, Remote(acme.url) as remote:
            for row in (await client.statuses()).rows[1:]:
                await remote.change("delete", "status", int(row.remote_id))
        tried = await _try(acme)
    assert _verdict(tried, "move_stage") == ("error", "no placement status to move to is in the list")
    assert _verdict(tried, "reject") == ("error", "no placement status that rejects is in the list" + CURE)
    assert _verdict(tried, "remove_candidate")[0] == "works"


async def _silent(call: Call) -> web.Response:
    """The vendor's documented answers: no id of what was made but in those of the candidate."""
    answer = await call.forward()
    if not call.path.endswith(("/resourceApplication", "/attachDocument")):
        return answer
    return said({"status": 0, "message": "created", "count": 0})


async def _nameless(call: Call) -> web.Response:
    """Nothing says which candidate was made."""
    answer = await call.forward()
    if call.path.endswith("/createResource"):
        return said({"status": 0, "message": "created"})
    if (call.method, call.path) == ("POST", "/api/v1/Resource"):
        return web.Response(status=201, text="Created")
    return answer


async def _located(call: Call) -> web.Response:
    answer = await call.forward()
    if (call.method, call.path) != ("POST", "/api/v1/Resource"):
        return answer
    number = orjson.loads(answer.text or "")["id"]
    return web.Response(status=201, headers={"Location": f"/api/v1/Resource/{number}"})


async def _net(call: Call) -> web.Response:
    if call.path.endswith("/updateRecord") and b"rejectionreason" in call.body:
        return said({"status": 99, "message": "Object variable or With block variable not set."})
    return await call.forward()


REST_CREATES = {"actions": {"create_candidate": "rest"}}


@pytest.mark.parametrize(
    ("rewrite", "tracker"),
    [(_silent, {}), (_nameless, {}), (_nameless, REST_CREATES), (_located, REST_CREATES)],
)
async def test_what_no_answer_names_is_found_by_reading_and_every_action_tried(
    acme: Account, rewrite: Rewrite, tracker: dict[str, Any]
) -> None:
    before = await _people(acme)
    async with (
        rewriting(acme.url, rewrite) as url,
        acme.client(base_url=url, tracker=tracker, lane="command") as client,
    ):
        tried = await check_writes.run_trial(client, wait_seconds=0)
    assert {one.name: one.result for one in tried.verdicts} == dict.fromkeys(
        [*client.settings.actions, "remove_candidate"], "works"
    ), tried.verdicts
    assert await _people(acme) == before


async def test_a_note_that_is_refused_is_told_with_the_key_that_leaves_it_out(acme: Account) -> None:
    async with rewriting(acme.url, _net) as url:
        async with acme.client(base_url=url) as client:
            result, reason = _verdict(await check_writes.run_trial(client), "reject")
        assert result == "error"
        assert "With block variable not set." in reason
        assert "set integrations.tracker.writes.application.rejection_reason to the right place" in reason
        left_out: dict[str, Any] = {"writes": {"application": {"rejection_reason": []}}}
        async with acme.client(base_url=url, tracker=left_out) as client:
            result, reason = _verdict(await check_writes.run_trial(client), "reject")
        assert (result, "its note is not written" in reason) == ("works", True)
