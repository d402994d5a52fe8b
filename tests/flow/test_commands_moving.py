"""Moving and rejecting: what the application says afterwards, in TrackerRMS and in its events."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from trackerrms_contracts.entities import Model

from tests.commanding import code, ending
from tests.databases import Databases
from tests.flow.commanded import REST, Bench, bridge_id, calm, commanded, message, warnings

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNSUITABLE = "Rejected - Not Suitable"
CALLS = {"widget": ("POST", "/api/widget/updateRecord"), "rest": ("PATCH", "/api/v1/OpportunityResource/")}


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=CALLS)
async def bench(
    databases: Databases, kafka_bootstrap: str, request: pytest.FixtureRequest
) -> AsyncIterator[Bench]:
    settings = {"tracker": {"actions": REST}} if request.param == "rest" else {}
    async with commanded(databases, kafka_bootstrap, integration=settings) as made:
        await made.bridge.agree()
        yield made


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def without_faults(bench: Bench) -> AsyncIterator[None]:
    yield
    await calm(bench)


async def _reject(bench: Bench, application: str, **more: Any) -> dict[str, Any]:
    data = {"application_id": f"remote:{application}", "rejection_reason_id": "remote:10"} | more
    return await bench.caller.run("application.reject", data)


async def _move(bench: Bench, application: str, stage: int = 5) -> dict[str, Any]:
    data = {"application_id": f"remote:{application}", "stage_id": f"remote:{stage}"}
    return await bench.caller.run("application.move_to_stage", data)


async def _told(bench: Bench, result: dict[str, Any]) -> dict[str, Any]:
    """The application as the last event that the command caused tells it."""
    event = (await bench.events(Model.APPLICATION, result["subject"]))[-1]
    assert event["data"]["cause"] == "command"
    return dict(event["data"]["record"])


@pytest.mark.parametrize("by_own_id", [False, True], ids=["remote", "own id"])
async def test_a_move_sets_the_stage_and_saves_no_note(bench: Bench, by_own_id: bool) -> None:
    application = await bench.an_application(rejectionReason="as it was")
    await bench.bridge.agree()
    named = bridge_id(Model.APPLICATION, application) if by_own_id else f"remote:{application}"
    stage = bridge_id(Model.APPLICATION_STAGE, "5") if by_own_id else "remote:5"
    result = await bench.caller.run(
        "application.move_to_stage", {"application_id": named, "stage_id": stage, "note": "Not to be saved"}
    )
    assert (ending(result), result["data"]["result"], warnings(result)) == ("succeeded", {}, [])
    stored = await bench.stored("opportunity_resource", application)
    assert (stored["opportunityResourceStatusId"], stored["rejectionReason"]) == (5, "as it was")
    told = await _told(bench, result)
    assert told["current_stage_id"] == bridge_id(Model.APPLICATION_STAGE, "5")
    assert told["outcome"] == "PENDING"


@pytest.mark.parametrize("by_own_id", [False, True], ids=["remote", "own id"])
async def test_a_rejection_shows_its_note(bench: Bench, by_own_id: bool) -> None:
    application = await bench.an_application()
    await bench.bridge.agree()
    named = {"rejection_reason_id": bridge_id(Model.REJECTION_REASON, "10")} if by_own_id else {}
    result = await _reject(bench, application, note=" Chose another ", **named)
    assert (ending(result), result["data"]["result"], warnings(result)) == ("succeeded", {}, [])
    stored = await bench.stored("opportunity_resource", application)
    assert (stored["opportunityResourceStatusId"], stored["activeRecord"]) == (10, False)
    told = await _told(bench, result)
    assert (told["outcome"], told["rejection_reason_name"]) == ("DECLINED", "Chose another")


@pytest.mark.parametrize("note", [{}, {"note": None}, {"note": ""}, {"note": "  "}])
async def test_a_rejection_without_a_note_shows_the_reasons_name(bench: Bench, note: dict[str, Any]) -> None:
    application = await bench.an_application()
    await bench.bridge.agree()
    result = await _reject(bench, application, **note)
    assert (await _told(bench, result))["rejection_reason_name"] == UNSUITABLE


async def test_a_rejection_without_a_note_replaces_an_earlier_note(bench: Bench) -> None:
    application = await bench.an_application()
    await bench.bridge.agree()
    assert (await _told(bench, await _reject(bench, application, note="Too far away")))[
        "rejection_reason_name"
    ] == "Too far away"
    result = await _reject(bench, application)
    assert (await _told(bench, result))["rejection_reason_name"] == UNSUITABLE


async def test_a_move_out_of_a_rejection_takes_it_back(bench: Bench) -> None:
    application = await bench.an_application()
    await bench.bridge.agree()
    await _told(bench, await _reject(bench, application, note="A mistake"))
    told = await _told(bench, await _move(bench, application))
    assert (told["outcome"], told["rejection_reason_name"]) == ("PENDING", None)


async def test_a_stage_is_no_reason_for_a_rejection(bench: Bench) -> None:
    application = await bench.an_application()
    result = await _reject(bench, application, rejection_reason_id="remote:5")
    assert code(result) == "PLATFORM.INPUT_INVALID"
    assert message(result).startswith("rejection_reason_id: placement status 5 is not a rejection reason")
    assert (await bench.stored("opportunity_resource", application))["opportunityResourceStatusId"] == 3


async def test_an_application_that_is_gone_is_named(bench: Bench) -> None:
    application = await bench.an_application()
    await bench.bridge.agree()
    await bench.remote.change("delete", "opportunity_resource", int(application))
    for result in (await _move(bench, application), await _reject(bench, application)):
        assert code(result) == "PLATFORM.INPUT_INVALID", result
        assert message(result) == f"application_id: TrackerRMS has no application {application}"


async def test_remote_fields_are_warned_about(bench: Bench) -> None:
    result = await _reject(bench, await bench.an_application(), remote_fields={"workable": {}})
    assert [warning.partition(":")[0] for warning in warnings(result)] == ["remote_fields"]


LOST: list[dict[str, Any]] = [
    {"kind": "cut"},
    {"kind": "bad_json"},
    {"kind": "empty_body"},
    {"kind": "status", "status": 500, "effect": True},
    {"kind": "status", "status": 503},
]


@pytest.mark.parametrize("fault", LOST, ids=str)
async def test_an_answer_that_is_lost_does_not_change_what_becomes_of_it(
    bench: Bench, fault: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    method, path = CALLS[request.node.callspec.params["bench"]]
    moved, rejected = await bench.an_application(), await bench.an_application()
    await bench.remote.fault(path, method=method, **fault)
    assert ending(await _move(bench, moved)) == "succeeded"
    await bench.remote.fault(path, method=method, **fault)
    assert ending(await _reject(bench, rejected, note="Chose another")) == "succeeded"
    assert (await bench.stored("opportunity_resource", moved))["opportunityResourceStatusId"] == 5
    stored = await bench.stored("opportunity_resource", rejected)
    assert (stored["opportunityResourceStatusId"], stored["rejectionReason"]) == (10, "Chose another")


async def test_a_second_rejection_whose_answer_is_lost_before_it_happens_is_made_again(
    bench: Bench, request: pytest.FixtureRequest
) -> None:
    method, path = CALLS[request.node.callspec.params["bench"]]
    application = await bench.an_application()
    await _reject(bench, application, note="Too far away")
    await bench.remote.fault(path, "status", status=500, method=method)
    result = await _reject(bench, application, note="Chose another")
    assert (ending(result), warnings(result)) == ("succeeded", [])
    stored = await bench.stored("opportunity_resource", application)
    assert stored["rejectionReason"] == "Chose another"


async def test_a_write_that_the_account_may_not_make_is_told_as_that(
    bench: Bench, request: pytest.FixtureRequest
) -> None:
    method, path = CALLS[request.node.callspec.params["bench"]]
    application = await bench.an_application()
    for write in (_move, _reject):
        await bench.remote.fault(path, "status", status=403, method=method, times=None)
        result = await write(bench, application)
        assert (ending(result), code(result)) == ("failed", "INTEGRATION.PERMISSION_MISSING"), result
    assert (await bench.stored("opportunity_resource", application))["opportunityResourceStatusId"] == 3
