"""A place that values are written to may be a guess: where TrackerRMS refuses it, all else is written."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web

from bridge.tracker.errors import Refused
from bridge.tracker.writes import create_candidate, update_candidate
from tests.commanding import code, ending
from tests.databases import Databases
from tests.flow.answering import Call, Rewrite, rewriting, said
from tests.flow.commanded import REST, Bench, commanded, message, warnings
from tests.flow.tracker_account import Account, account

NET = "Object variable or With block variable not set."
KEY = "integrations.tracker.writes.application.rejection_reason"


@pytest.fixture
async def acme(store_url: str) -> AsyncIterator[Account]:
    async with account(store_url) as found:
        yield found


@contextlib.asynccontextmanager
async def bench(
    databases: Databases, kafka_bootstrap: str, rewrite: Rewrite, **tracker: Any
) -> AsyncIterator[Bench]:
    """Commands against an account behind a proxy."""
    async with (
        commanded(
            databases, kafka_bootstrap, start=False, integration={"tracker": tracker}, deadline_seconds=8.0
        ) as made,
        rewriting(made.bridge.server.url, rewrite) as url,
    ):
        [one] = made.bridge.settings.integrations
        behind = msgspec.structs.replace(one, base_url=url)
        made.bridge.settings = msgspec.structs.replace(made.bridge.settings, integrations=(behind,))
        made.bridge.start()
        yield made
        await made.bridge.stop()


async def _reject(bench: Bench, application: str, **more: Any) -> dict[str, Any]:
    data = {"application_id": f"remote:{application}", "rejection_reason_id": "remote:10"} | more
    return await bench.caller.run("application.reject", data)


def refusing(answer: web.Response, *words: bytes) -> Rewrite:
    """An account that refuses writes that name any of ``words``."""

    async def rewrite(call: Call) -> web.Response:
        writes = call.method == "PATCH" or call.path.endswith("/updateRecord")
        if writes and any(word in call.body.lower() for word in words):
            return web.Response(status=answer.status, body=answer.body, content_type=answer.content_type)
        return await call.forward()

    return rewrite


REFUSALS = {
    "status 99": (said({"status": 99, "message": NET, "recordId": 0}), {}),
    "400": (said({"Message": NET}, 400), {}),
    "500": (said({"ExceptionMessage": NET}, 500), {}),
    "rest 400": (said({"title": NET}, 400), {"actions": REST}),
    "rest 500": (said({"title": NET}, 500), {"actions": REST}),
    "rest success false": (said({"success": False, "message": NET}), {"actions": REST}),
}


@pytest.mark.parametrize("way", REFUSALS)
async def test_a_rejection_whose_reason_is_refused_moves_the_stage_and_warns(
    databases: Databases, kafka_bootstrap: str, way: str
) -> None:
    answer, tracker = REFUSALS[way]
    async with bench(databases, kafka_bootstrap, refusing(answer, b"rejectionreason"), **tracker) as made:
        for more in ({"note": "Chose another"}, {}):
            application = await made.an_application()
            result = await _reject(made, application, **more)
            assert ending(result) == "succeeded", result
            [warning] = warnings(result)
            assert "note: TrackerRMS refused it" in warning
            assert KEY in warning
            assert NET in warning
            assert "Chose another" not in warning
            stored = await made.stored("opportunity_resource", application)
            assert (stored["opportunityResourceStatusId"], stored["rejectionReason"]) == (10, "")


async def test_a_reason_can_be_left_out_or_written_elsewhere(
    databases: Databases, kafka_bootstrap: str
) -> None:
    heard: list[bytes] = []

    async def listening(call: Call) -> web.Response:
        if call.path.endswith("/updateRecord"):
            heard.append(call.body)
        return await call.forward()

    left_out: dict[str, Any] = {"application": {"rejection_reason": []}}
    async with bench(databases, kafka_bootstrap, listening, writes=left_out) as made:
        application = await made.an_application()
        result = await _reject(made, application, note="Chose another")
        assert ending(result) == "succeeded"
        assert warnings(result) == [
            f"note: was not written, as {KEY} has no field for the call that rejects; set one"
        ]
        assert (ending(await _reject(made, application)), len(heard)) == ("succeeded", 2)
        assert not any(b"rejection" in body for body in heard)


async def test_a_stage_that_is_refused_says_which_key_places_it(
    databases: Databases, kafka_bootstrap: str
) -> None:
    answer = said({"status": 99, "message": NET})
    async with bench(databases, kafka_bootstrap, refusing(answer, b"opportunityresourcestatusid")) as made:
        data = {"application_id": f"remote:{await made.an_application()}", "stage_id": "remote:5"}
        result = await made.caller.run("application.move_to_stage", data)
        assert (ending(result), code(result)) == ("failed", "REMOTE.INPUT_INVALID")
        assert NET in message(result)
        assert "integrations.tracker.writes.application.stage sets the place" in message(result)


async def test_fields_of_a_candidate_that_are_refused_are_named_and_the_others_written(
    databases: Databases, kafka_bootstrap: str
) -> None:
    answer = said({"status": 99, "message": NET})
    async with bench(databases, kafka_bootstrap, refusing(answer, b"desiredsalarynum", b'"town"')) as made:
        data = await made.create()
        data["candidate"] |= {
            "salary_expectations": {"period": "YEAR", "amount": 65000},
            "additional_email_addresses": [{"email_address": "second@example.org"}],
        }
        result = await made.caller.run("candidate.create", data)
        assert ending(result) == "succeeded", result
        refused = [one for one in warnings(result) if "refused" in one]
        assert ["salary_amount" in one and "writes.candidate.salary_amount" in one for one in refused] == [
            True
        ]
        [candidate] = await made.people(data["candidate"]["email_address"])
        stored = await made.stored("resource", candidate)
        assert (stored["email2"], stored["desiredSalaryNum"]) == ("second@example.org", None)


async def test_where_every_field_is_refused_the_update_is_refused(acme: Account) -> None:
    calls = 0

    async def refuse(call: Call) -> web.Response:
        nonlocal calls
        if not call.path.endswith("/updateRecord"):
            return await call.forward()
        calls += 1
        return said({"status": 99, "message": NET})

    async with rewriting(acme.url, refuse) as url, acme.client(base_url=url) as client:
        with pytest.raises(Refused, match="status 99"):
            await update_candidate(client, "101", {"title": "x", "city": "y", "note": "z"})
    assert calls == 4


async def test_a_lack_of_rights_is_not_tried_field_by_field(acme: Account) -> None:
    calls = 0

    async def refuse(call: Call) -> web.Response:
        nonlocal calls
        calls += call.path.endswith("/updateRecord")
        return said({}, 403) if call.path.endswith("/updateRecord") else await call.forward()

    async with rewriting(acme.url, refuse) as url, acme.client(base_url=url) as client:
        with pytest.raises(Refused, match="answered 403"):
            await update_candidate(client, "101", {"title": "x", "city": "y"})
    assert calls == 1


async def test_the_id_of_a_new_record_is_read_wherever_it_is(
    acme: Account, subtests: pytest.Subtests
) -> None:
    location = {"Location": "/api/v1/Resource/109"}
    cases: list[tuple[web.Response, str | None]] = [
        (web.Response(status=201, headers=location), "109"),
        (web.Response(status=201, text="Created", headers=location), "109"),
        (web.Response(status=200, text="109"), "109"),
        (said("109", 201), "109"),
        (said({"Id": 109, "success": True}, 201), "109"),
        (said({"resourceId": "109"}, 201), "109"),
        (said({"success": True, "data": {"id": 109}}, 201), "109"),
        (said({"success": True, "data": 109}, 201), "109"),
        (said({"success": True}, 201), None),
        (web.Response(status=201), None),
    ]
    rest = {"actions": {"create_candidate": "rest"}}
    for answer, wanted in cases:

        async def creating(call: Call, answer: web.Response = answer) -> web.Response:
            return (
                answer if (call.method, call.path) == ("POST", "/api/v1/Resource") else await call.forward()
            )

        with subtests.test(status=answer.status, body=answer.body):
            async with (
                rewriting(acme.url, creating) as url,
                acme.client(base_url=url, tracker=rest) as client,
            ):
                written = await create_candidate(client, {"last_name": "Hopper"})
                assert written.record_id == wanted
