"""An event tells the command that caused it, even when a poll meets the record before the command ends."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from trackerrms_contracts.entities import Model

from tests.commanding import ending
from tests.databases import Databases
from tests.flow.commanded import CV, Bench, calm, commanded

pytestmark = pytest.mark.asyncio(loop_scope="module")
FOR_LONG = {"status": 503, "times": 1_000}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bench(databases: Databases, kafka_bootstrap: str) -> AsyncIterator[Bench]:
    async with commanded(databases, kafka_bootstrap, deadline_seconds=120.0) as made:
        await made.bridge.agree()
        yield made


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def without_faults(bench: Bench) -> AsyncIterator[None]:
    yield
    await calm(bench)


async def _told_meanwhile(bench: Bench, model: Model, command_id: str) -> dict[str, Any]:
    """The one event of that model that the command caused, which came before its result."""
    [event] = await bench.events(model, command_id)
    await bench.caller.read()
    assert command_id not in bench.caller.results
    assert event["data"]["cause"] == "command"
    return event


async def _finished(bench: Bench, command_id: str, *models: Model) -> None:
    """Let it end; nothing is told a second time."""
    await calm(bench)
    result = await bench.caller.result(command_id, 60)
    assert ending(result) == "succeeded", result
    await bench.bridge.agree()
    for model in models:
        assert len(await bench.events(model, command_id)) == 1


async def test_a_candidate_and_an_application_whose_document_is_to_follow(bench: Bench) -> None:
    await bench.fault("attach", "status", **FOR_LONG)
    command_id = await bench.caller.send("candidate.create", await bench.create(attachments=[CV]))
    candidate = await _told_meanwhile(bench, Model.CANDIDATE, command_id)
    application = await _told_meanwhile(bench, Model.APPLICATION, command_id)
    assert application["data"]["record"]["candidate_id"] == candidate["subject"].rpartition("/")[2]
    # The document moves the candidate's last-updated time, which is one more change.
    await _finished(bench, command_id, Model.APPLICATION)


async def test_a_candidate_who_was_made_by_a_call_without_an_answer(bench: Bench) -> None:
    data = await bench.create()
    await bench.fault("create", "cut", times=1)
    await bench.fault("find", "status", after=1, **FOR_LONG)
    command_id = await bench.caller.send("candidate.create", data)
    event = await _told_meanwhile(bench, Model.CANDIDATE, command_id)
    assert event["type"] == "candidate.created"
    mails = [mail["email_address"] for mail in event["data"]["record"]["email_addresses"]]
    assert mails == [data["candidate"]["email_address"]]
    await _finished(bench, command_id)


@pytest.mark.parametrize("kind", ["application.move_to_stage", "application.reject"])
async def test_an_application_that_was_set_by_a_call_whose_answer_says_otherwise(
    bench: Bench, kind: str
) -> None:
    application = await bench.an_application()
    await bench.bridge.agree()
    await bench.fault("fill", "status", status=429, retry_after=1, effect=True, times=1_000)
    data = {"application_id": f"remote:{application}"}
    data |= {"rejection_reason_id": "remote:10"} if kind.endswith("reject") else {"stage_id": "remote:5"}
    command_id = await bench.caller.send(kind, data)
    event = await _told_meanwhile(bench, Model.APPLICATION, command_id)
    assert event["type"] == "application.updated"
    await _finished(bench, command_id, Model.APPLICATION)


async def test_what_somebody_else_does_meanwhile_is_no_commands_doing(bench: Bench) -> None:
    moved, other = await bench.an_application(), await bench.an_application()
    await bench.bridge.agree()
    await bench.fault("fill", "status", **FOR_LONG)
    data = {"application_id": f"remote:{moved}", "stage_id": "remote:5"}
    command_id = await bench.caller.send("application.move_to_stage", data)
    for application in (moved, other):
        await bench.remote.change(
            "update", "opportunity_resource", int(application), opportunityResourceStatusId=4
        )
    await bench.bridge.agree()
    await _finished(bench, command_id, Model.APPLICATION)
