"""One person, one job: one candidate, one application, one of each document, whatever goes wrong."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.commanding import code, ending
from tests.databases import Databases
from tests.flow.commanded import CV, LETTER, REST, Bench, calm, commanded, digest, message

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Each step's call: method, path, and how many of the same kind go before it.
STEPS: dict[str, dict[str, tuple[str, str, int]]] = {
    "widget": {
        "find": ("POST", "/api/widget/checkPerson", 0),
        "create": ("POST", "/api/widget/createResource", 0),
        "fill": ("POST", "/api/widget/updateRecord", 0),
        "add": ("POST", "/api/widget/resourceApplication", 0),
        "stage": ("POST", "/api/widget/updateRecord", 1),
        "first file": ("POST", "/api/widget/attachDocument", 0),
        "second file": ("POST", "/api/widget/attachDocument", 1),
    },
    "rest": {
        "find": ("POST", "/api/widget/checkPerson", 0),
        "create": ("POST", "/api/v1/Resourc[e]", 0),
        "add": ("POST", "/api/v1/Opportunity/*/shortlist/*", 0),
        "stage": ("PATCH", "/api/v1/OpportunityResource/*", 0),
        "first file": ("POST", "/api/v1/Resource/AttachDocument", 0),
        "second file": ("POST", "/api/v1/Resource/AttachDocument", 1),
    },
}
LOST: dict[str, dict[str, Any]] = {
    "cut after the write": {"kind": "cut"},
    "half a body": {"kind": "bad_json"},
    "no body": {"kind": "empty_body"},
    "500 after the write": {"kind": "status", "status": 500, "effect": True},
    "503 before the write": {"kind": "status", "status": 503},
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bench(
    databases: Databases, kafka_bootstrap: str, request: pytest.FixtureRequest
) -> AsyncIterator[Bench]:
    settings = {"tracker": {"actions": REST}} if request.param == "rest" else {}
    async with commanded(databases, kafka_bootstrap, integration=settings) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def without_faults(bench: Bench) -> AsyncIterator[None]:
    yield
    await calm(bench)


async def _apply(bench: Bench, **more: Any) -> dict[str, Any]:
    """An application that takes every step."""
    data = await bench.create(attachments=[CV, LETTER], **more)
    data["application"]["stage_id"] = "remote:4"
    data["candidate"]["salary_expectations"] = {"amount": 1, "period": "YEAR"}
    return data


async def _fail(bench: Bench, via: str, step: str, kind: str, **more: Any) -> None:
    method, path, after = STEPS[via][step]
    await bench.remote.fault(path, kind, method=method, after=after, **more)


async def _expect_one_of_each(bench: Bench, data: dict[str, Any]) -> None:
    [candidate] = await bench.people(data["candidate"]["email_address"])
    [application] = await bench.applications(candidate)
    stored = await bench.stored("opportunity_resource", application)
    assert f"remote:{stored['opportunityId']}" == data["application"]["job_id"]
    assert stored["opportunityResourceStatusId"] == 4
    assert (await bench.stored("resource", candidate))["desiredSalary"] == "1 a year"
    assert await bench.documents(candidate) == [
        ("cv.pdf", "resume", digest(b"cv")),
        ("letter.txt", "general", digest(b"letter")),
    ]


@pytest.mark.parametrize(
    ("bench", "step"), [(v, s) for v, steps in STEPS.items() for s in steps], indirect=["bench"]
)
async def test_the_next_command_goes_on_where_one_failed(
    bench: Bench, step: str, request: pytest.FixtureRequest
) -> None:
    via = request.node.callspec.params["bench"]
    await _fail(bench, via, step, "status", status=403, times=None)
    data = await _apply(bench)
    first = await bench.caller.run("candidate.create", data)
    assert code(first) == "INTEGRATION.PERMISSION_MISSING", first
    await calm(bench)
    shouted = data | {"candidate": data["candidate"] | {"email_address": _upper(data)}}
    second = await bench.caller.run("application.create", shouted)
    assert ending(second) == "succeeded", second
    await _expect_one_of_each(bench, data)


def _upper(data: dict[str, Any]) -> str:
    return str(data["candidate"]["email_address"]).upper()


both = pytest.mark.parametrize("bench", STEPS, indirect=True)
widget = pytest.mark.parametrize("bench", ["widget"], indirect=True)


@both
async def test_an_answer_that_is_lost_leads_to_no_second_record(
    bench: Bench, request: pytest.FixtureRequest
) -> None:
    via = request.node.callspec.params["bench"]
    sent = {}
    for lost, step in itertools.product(LOST, STEPS[via]):
        # One after the other meets its fault; then all of them find out what became of their calls.
        await _fail(bench, via, step, **LOST[lost])
        data = await _apply(bench)
        sent[await bench.caller.send("candidate.create", data)] = (lost, step, data)
        await _met(bench)
    for command, (lost, step, data) in sent.items():
        result = await bench.caller.result(command)
        assert ending(result) == "succeeded", (lost, step, result)
        await _expect_one_of_each(bench, data)


async def _met(bench: Bench) -> None:
    """Return when every planned fault has been met."""

    async def met() -> bool:
        return all(fault["matched"] > fault["after"] for fault in await bench.faults())

    await bench.until(met, "the fault was not met")


@both
async def test_every_answer_lost_once_in_one_command_leads_to_no_second_record(
    bench: Bench, request: pytest.FixtureRequest
) -> None:
    via = request.node.callspec.params["bench"]
    for method, path in {(method, path) for method, path, _ in STEPS[via].values()}:
        await bench.remote.fault(path, "cut", method=method)
    data = await _apply(bench)
    result = await bench.caller.run("candidate.create", data)
    assert ending(result) == "succeeded", result
    await _expect_one_of_each(bench, data)


@both
async def test_a_second_application_of_the_same_pair_is_refused(bench: Bench) -> None:
    data = await _apply(bench)
    await bench.caller.run("candidate.create", data)
    again = data | {"candidate": data["candidate"] | {"email_address": _upper(data)}}
    for kind in ("candidate.create", "application.create"):
        assert code(await bench.caller.run(kind, again)) == "ATS.APPLICATION_ALREADY_EXISTS"
    await _expect_one_of_each(bench, data)


@both
async def test_an_application_that_somebody_made_in_trackerrms_is_not_made_again(bench: Bench) -> None:
    data = await bench.create()
    candidate = await bench.remote.change(
        "create", "resource", surname="Known", email=data["candidate"]["email_address"]
    )
    job = int(await bench.job())
    await bench.remote.change(
        "create", "opportunity_resource", opportunityId=job, resourceId=candidate,
        opportunityResourceStatusId=2,
    )  # fmt: skip
    await bench.bridge.agree()
    assert code(await bench.caller.run("candidate.create", data)) == "ATS.APPLICATION_ALREADY_EXISTS"
    assert len(await bench.applications(str(candidate))) == 1


@both
async def test_the_same_person_applies_to_a_second_job_as_the_same_candidate(bench: Bench) -> None:
    data = await bench.create()
    other = (await bench.jobs())[1]
    for place in (data["application"], {"job_id": f"remote:{other}"}):
        result = await bench.caller.run("candidate.create", data | {"application": place})
        assert ending(result) == "succeeded", result
    [candidate] = await bench.people(data["candidate"]["email_address"])
    assert len(await bench.applications(candidate)) == 2


@both
async def test_who_was_deleted_after_a_success_applies_anew(bench: Bench) -> None:
    data = await _apply(bench)
    await bench.caller.run("candidate.create", data)
    [candidate] = await bench.people(data["candidate"]["email_address"])
    await bench.remote.change("delete", "resource", int(candidate))
    result = await bench.caller.run("candidate.create", data)
    assert ending(result) == "succeeded", result
    await _expect_one_of_each(bench, data)


@both
async def test_who_was_deleted_after_a_failure_applies_anew(
    bench: Bench, request: pytest.FixtureRequest
) -> None:
    data = await _apply(bench)
    await _fail(bench, request.node.callspec.params["bench"], "first file", "status", status=403, times=None)
    assert code(await bench.caller.run("candidate.create", data)) == "INTEGRATION.PERMISSION_MISSING"
    await calm(bench)
    [candidate] = await bench.people(data["candidate"]["email_address"])
    await bench.remote.change("delete", "resource", int(candidate))
    result = await bench.caller.run("candidate.create", data)
    assert ending(result) == "succeeded", result
    await _expect_one_of_each(bench, data)


@widget
async def test_an_application_that_only_trackerrms_knows_of_is_not_made_again(bench: Bench) -> None:
    await bench.bridge.simulator.index(lag_seconds=3600)
    data = await bench.create()
    candidate = await bench.remote.change(
        "create", "resource", surname="Known", email=data["candidate"]["email_address"]
    )
    job = int(data["application"]["job_id"].removeprefix("remote:"))
    await bench.remote.change(
        "create", "opportunity_resource", opportunityId=job, resourceId=candidate,
        opportunityResourceStatusId=2,
    )  # fmt: skip
    for _ in range(2):
        result = await bench.caller.run("candidate.create", data)
        assert code(result) == "ATS.APPLICATION_ALREADY_EXISTS", result
    assert len(await bench.applications(str(candidate))) == 1
    await bench.bridge.simulator.index(lag_seconds=0.2, flush=True)


@widget
async def test_an_application_whose_answer_was_lost_is_ours_when_the_list_shows_it(bench: Bench) -> None:
    await bench.bridge.simulator.index(lag_seconds=3600)
    adding = "/api/widget/resourceApplication"
    before = await bench.calls(adding)
    await _fail(bench, "widget", "add", "cut")
    data = await _apply(bench)
    command = await bench.caller.send("candidate.create", data)

    async def refused_as_there_already() -> bool:
        return await bench.calls(adding) >= before + 2

    await bench.until(refused_as_there_already, "it was not sent again")
    assert command not in bench.caller.results
    await bench.bridge.simulator.index(lag_seconds=0.2, flush=True)
    result = await bench.caller.result(command)
    assert ending(result) == "succeeded", result
    await _expect_one_of_each(bench, data)


@both
async def test_an_application_that_was_deleted_after_a_failure_is_made_anew(
    bench: Bench, request: pytest.FixtureRequest
) -> None:
    data = await _apply(bench)
    await _fail(bench, request.node.callspec.params["bench"], "stage", "status", status=403, times=None)
    await bench.caller.run("candidate.create", data)
    await calm(bench)
    [candidate] = await bench.people(data["candidate"]["email_address"])
    [application] = await bench.applications(candidate)
    await bench.remote.change("delete", "opportunity_resource", int(application))
    result = await bench.caller.run("candidate.create", data)
    assert ending(result) == "succeeded", result
    await _expect_one_of_each(bench, data)


@both
async def test_a_closed_job_takes_nobody(bench: Bench) -> None:
    data = await bench.create()
    closed = (await bench.jobs("CLOSED"))[0]
    data["application"] = {"job_id": f"remote:{closed}"}
    result = await bench.caller.run("candidate.create", data)
    assert (code(result), closed in message(result)) == ("ATS.JOB_CLOSED", True)
    assert await bench.people(data["candidate"]["email_address"]) == []
