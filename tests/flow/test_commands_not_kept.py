"""TrackerRMS says yes and keeps something else: the result says what is read back."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.commanding import code, ending
from tests.databases import Databases
from tests.flow.commanded import Bench, commanded, message, warnings

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Moving answers with the application and leaves it where it is; the note of a rejection is not read.
TRACKER = {
    "actions": {"move_stage": "rest"},
    "paths": {"move_stage": "GET /api/v1/OpportunityResource/{application}"},
    "fields": {"application": {"rejection_reason": "detail:elsewhere"}},
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bench(databases: Databases, kafka_bootstrap: str) -> AsyncIterator[Bench]:
    async with commanded(databases, kafka_bootstrap, integration={"tracker": TRACKER}) as made:
        await made.bridge.agree()
        yield made


async def test_a_move_that_changed_nothing_fails(bench: Bench) -> None:
    application = await bench.an_application()
    data = {"application_id": f"remote:{application}", "stage_id": "remote:5"}
    result = await bench.caller.run("application.move_to_stage", data)
    assert (ending(result), code(result)) == ("failed", "REMOTE.UNKNOWN_HTTP_ERROR"), result
    assert f"application {application} is not read back at stage 5" in message(result)


async def test_an_application_that_was_made_at_another_stage_is_warned_about(bench: Bench) -> None:
    data = await bench.create()
    data["application"]["stage_id"] = "remote:5"
    result = await bench.caller.run("candidate.create", data)
    assert ending(result) == "succeeded", result
    [warning] = warnings(result)
    assert warning.startswith("application.stage_id: the application is at stage ")
    assert warning.endswith(", not 5")


async def test_a_note_that_is_not_read_back_is_warned_about(bench: Bench) -> None:
    application = await bench.an_application()
    data = {"application_id": f"remote:{application}", "rejection_reason_id": "remote:10"}
    assert warnings(await bench.caller.run("application.reject", data)) == []
    result = await bench.caller.run("application.reject", data | {"note": "Chose another"})
    assert ending(result) == "succeeded", result
    [warning] = warnings(result)
    assert warning.startswith("note: TrackerRMS did not keep it")
