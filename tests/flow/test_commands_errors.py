"""Why commands fail: at once where waiting is of no use, after their deadline where it may be."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from trackerrms_contracts.entities import Model

from bridge.config import Secret
from bridge.outbound import Outbound
from bridge.outbound.downloads import Downloaded
from bridge.simulator.options import API_KEY, PASSWORD, USERNAME
from tests.commanding import code, ending, envelope
from tests.databases import Databases
from tests.flow.commanded import CV, REST, Bench, bridge_id, calm, commanded, hand_built, message

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEADLINE_SECONDS = 3.0


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bench(databases: Databases, kafka_bootstrap: str) -> AsyncIterator[Bench]:
    """With two more integrations, that give the widget API other credentials."""
    async with commanded(databases, kafka_bootstrap, start=False, deadline_seconds=DEADLINE_SECONDS) as made:
        await made.remote.quirk("one_live_jwt", on=False)
        [first] = made.bridge.settings.integrations
        keyed = msgspec.structs.replace(first, id="keyed", api_key=Secret(API_KEY))
        named = msgspec.structs.replace(first, id="named", username=USERNAME, password=Secret(PASSWORD))
        made.bridge.settings = msgspec.structs.replace(
            made.bridge.settings, integrations=(first, keyed, named)
        )
        made.bridge.start()
        yield made


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def as_before(bench: Bench) -> AsyncIterator[None]:
    yield
    await calm(bench)
    await bench.remote.quirk("bearer_for_widget", on=True)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, "REMOTE.INPUT_INVALID"),
        (403, "INTEGRATION.PERMISSION_MISSING"),
        (404, "INTEGRATION.ACTION_NOT_AVAILABLE"),
        (405, "INTEGRATION.ACTION_NOT_AVAILABLE"),
        (418, "REMOTE.UNKNOWN_HTTP_ERROR"),
        (401, "INTEGRATION.AUTHENTICATION_INVALID"),
    ],
)
async def test_what_waiting_does_not_mend_fails_at_once(bench: Bench, status: int, expected: str) -> None:
    await bench.fault("create", "status", status=status, times=2)
    result = await bench.caller.run("candidate.create", await bench.create())
    assert (ending(result), code(result)) == ("failed", expected)
    assert not result["data"]["error"]["retryable"]
    [fault] = await bench.faults()
    assert fault["matched"] == 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"status": 429, "retry_after": 0}, "REMOTE.RATE_LIMIT_EXCEEDED"),
        ({"status": 503}, "REMOTE.SERVICE_UNAVAILABLE"),
    ],
)
async def test_what_may_pass_is_tried_until_the_deadline_and_then_fails(
    bench: Bench, fault: dict[str, Any], expected: str
) -> None:
    data = {"application_id": f"remote:{await bench.an_application()}", "stage_id": "remote:4"}
    await bench.fault("fill", "status", times=None, **fault)
    result = await bench.caller.run("application.move_to_stage", data)
    assert (ending(result), code(result)) == ("failed", expected)
    assert result["data"]["error"]["retryable"]
    [planned] = await bench.faults()
    assert planned["matched"] >= 2


@pytest.mark.parametrize("fault", [{"status": 429, "retry_after": 0, "times": 3}, {"status": 503}])
async def test_what_passes_in_time_does_no_harm(bench: Bench, fault: dict[str, Any]) -> None:
    application = await bench.an_application()
    await bench.fault("fill", "status", **fault)
    data = {"application_id": f"remote:{application}", "stage_id": "remote:4"}
    assert ending(await bench.caller.run("application.move_to_stage", data)) == "succeeded"
    assert (await bench.stored("opportunity_resource", application))["opportunityResourceStatusId"] == 4


async def test_an_error_says_what_it_is_in_words(bench: Bench) -> None:
    await bench.fault("create", "status", status=404)
    error = (await bench.caller.run("candidate.create", await bench.create()))["data"]["error"]
    assert error["title"] == "This account has no way to do this."
    assert "POST /api/widget/createResource answered 404" in error["message"]
    assert "bridge check shows which calls this account has" in error["message"]


async def test_without_credentials_for_the_widget_api_it_says_at_once_what_to_add(bench: Bench) -> None:
    await bench.remote.quirk("bearer_for_widget", on=False)
    result = await bench.caller.run("candidate.create", await bench.create())
    assert (ending(result), code(result)) == ("failed", "INTEGRATION.AUTHENTICATION_INVALID")
    assert "give the integration api_key, or username and password, or oauth_client_secret" in message(result)


@pytest.mark.parametrize("integration", ["keyed", "named"])
async def test_with_a_key_or_a_user_the_widget_api_works(bench: Bench, integration: str) -> None:
    await bench.remote.quirk("bearer_for_widget", on=False)
    data = await bench.create(attachments=[CV])
    command_id = f"by-{integration}"
    await bench.caller.send_raw(envelope("candidate.create", data, command_id, integration))
    result = await bench.caller.result(command_id)
    assert ending(result) == "succeeded", result
    assert result["integrationid"] == integration
    [candidate] = await bench.people(data["candidate"]["email_address"])
    assert len(await bench.documents(candidate)) == 1


async def test_what_a_command_that_failed_has_written_is_told_at_once(bench: Bench) -> None:
    await bench.bridge.simulator.index(lag_seconds=3600)
    await bench.fault("attach", "status", status=403)
    data = await bench.create(attachments=[CV])
    result = await bench.caller.run("candidate.create", data)
    assert code(result) == "INTEGRATION.PERMISSION_MISSING"
    [told] = await bench.events(Model.CANDIDATE, result["subject"])
    [applied] = await bench.events(Model.APPLICATION, result["subject"])
    assert (told["type"], applied["type"]) == ("candidate.created", "application.created")
    await bench.bridge.simulator.index(lag_seconds=1.0, flush=True)


async def test_a_document_that_can_not_be_looked_for_is_not_attached_again(bench: Bench) -> None:
    await bench.fault("attach", "cut")
    await bench.remote.fault("/api/v1/Resource/*/Documents", "status", method="GET", status=403, times=None)
    data = await bench.create(attachments=[CV])
    result = await bench.caller.run("candidate.create", data)
    assert (ending(result), code(result)) == ("unknown", "PLATFORM.TASK_TIMED_OUT"), result
    # The deadline may pass before it was looked for.
    said = ("was attached: ", "attachDocument: the connection broke")
    assert any(words in message(result) for words in said), result
    [candidate] = await bench.people(data["candidate"]["email_address"])
    assert len(await bench.documents(candidate)) == 1


async def test_a_person_whom_trackerrms_knows_and_does_not_show_is_not_made_again(bench: Bench) -> None:
    await bench.bridge.simulator.index(lag_seconds=3600)
    data = await bench.create()
    email = data["candidate"]["email_address"]
    candidate = await bench.remote.change("create", "resource", surname="Known", email=email)
    await bench.remote.fault(f"/api/v1/Resource/{candidate}", "status", method="GET", status=404, times=None)
    result = await bench.caller.run("candidate.create", data)
    assert (ending(result), code(result)) == ("failed", "INTEGRATION.SETUP_SYNC_PENDING"), result
    assert message(result).startswith("TrackerRMS knows this address, without naming the record that has it")
    assert email not in message(result)
    assert await bench.people(email) == [str(candidate)]
    await bench.bridge.simulator.index(lag_seconds=1.0, flush=True)


async def test_an_application_without_a_job_is_refused(bench: Bench) -> None:
    result = await bench.caller.run("application.create", {"candidate": bench.someone()})
    assert (code(result), message(result)) == (
        "PLATFORM.INPUT_INVALID",
        "application.job_id: is missing; give it or job_id",
    )


async def test_an_integration_that_is_not_configured_is_named(bench: Bench) -> None:
    await bench.caller.send_raw(envelope("candidate.create", await bench.create(), "lost", "nobody"))
    result = await bench.caller.result("lost")
    assert code(result) == "PLATFORM.INTEGRATION_NOT_FOUND"
    assert message(result) == "integrationid: is not one of the configured: acme, keyed, named"


async def test_what_can_not_become_known_ends_as_unknown_at_the_deadline(
    databases: Databases, kafka_bootstrap: str
) -> None:
    actions = REST | {"find_person": "off"}
    async with commanded(
        databases, kafka_bootstrap, integration={"tracker": {"actions": actions}}, deadline_seconds=4.0
    ) as made:
        await made.bridge.agree()
        await made.remote.fault("/api/v1/Resourc[e]", "status", method="POST", status=500)
        data = await made.create()
        result = await made.caller.run("candidate.create", data)
        assert (ending(result), code(result)) == ("unknown", "PLATFORM.TASK_TIMED_OUT"), result
        assert "create_candidate" in message(result)
        assert await made.people(data["candidate"]["email_address"]) == []


class Broken(Outbound):
    """Has a bug."""

    async def download(self, url: str, *, max_bytes: int, deadline_seconds: float) -> Downloaded:
        """Not what it should."""
        raise ZeroDivisionError(url)


async def test_a_bug_fails_its_command_and_no_other(databases: Databases, kafka_bootstrap: str) -> None:
    async with commanded(databases, kafka_bootstrap, start=False) as made:
        made.bridge.start(hand_built(made.bridge, outbound=Broken))
        file = {"name": "cv.pdf", "type": "CV", "data_url": "https://example.org/secret"}
        result = await made.caller.run("candidate.create", await made.create(attachments=[file]))
        assert (ending(result), code(result)) == ("failed", "PLATFORM.UNKNOWN_ERROR")
        assert "ZeroDivisionError" in message(result)
        assert "secret" not in message(result)
        assert ending(await made.caller.run("candidate.create", await made.create())) == "succeeded"


NOT_YET = "/api/v1/OpportunityResource/PagedSearch"


async def test_before_the_first_load_is_over_an_id_is_unknown_for_now(
    databases: Databases, kafka_bootstrap: str
) -> None:
    async with commanded(databases, kafka_bootstrap, start=False, deadline_seconds=30.0) as made:
        await made.remote.fault(NOT_YET, "empty_body", times=None)
        made.bridge.start()
        application = await made.an_application()
        # The load is to find it.
        await made.bridge.simulator.index(lag_seconds=1.0, flush=True)
        data = {"application_id": bridge_id(Model.APPLICATION, application), "stage_id": "remote:4"}
        waits = await made.caller.send("application.move_to_stage", data)
        # By TrackerRMS's own id it works meanwhile.
        at_once = {"application_id": f"remote:{await made.an_application()}", "stage_id": "remote:5"}
        assert ending(await made.caller.run("application.move_to_stage", at_once)) == "succeeded"
        assert waits not in made.caller.results
        await calm(made)
        assert ending(await made.caller.result(waits)) == "succeeded"
        stored = await made.stored("opportunity_resource", application)
        assert stored["opportunityResourceStatusId"] == 4


async def test_when_the_first_load_takes_longer_than_the_deadline_it_says_so(
    databases: Databases, kafka_bootstrap: str
) -> None:
    async with commanded(databases, kafka_bootstrap, start=False, deadline_seconds=2.0) as made:
        await made.remote.fault(NOT_YET, "empty_body", times=None)
        made.bridge.start()
        data = {"application_id": bridge_id(Model.APPLICATION, "500"), "stage_id": "remote:4"}
        result = await made.caller.run("application.move_to_stage", data)
        assert (ending(result), code(result)) == ("failed", "INTEGRATION.SETUP_SYNC_PENDING")
        assert result["data"]["error"]["retryable"]
        assert "remote:" in message(result)


async def test_nobody_is_made_before_it_can_be_told_who_is_there(
    databases: Databases, kafka_bootstrap: str
) -> None:
    off = {"tracker": {"actions": {"find_person": "off"}}}
    async with commanded(
        databases, kafka_bootstrap, start=False, integration=off, deadline_seconds=2.0
    ) as made:
        await made.remote.fault("/api/v1/Resource/PagedSearch", "empty_body", times=None)
        made.bridge.start()
        data = await made.create()
        result = await made.caller.run("candidate.create", data)
        assert (ending(result), code(result)) == ("failed", "INTEGRATION.SETUP_SYNC_PENDING"), result
        assert "until all candidates have been read once" in message(result)
        assert await made.people(data["candidate"]["email_address"]) == []
