"""What makes no sense is refused with a word of what is wrong, and changes nothing."""

from typing import Any

import pytest

from bridge.simulator.options import API_KEY, CLIENT_SECRET, REFRESH_TOKEN
from tests.simulator.account import Account

CHANGE = "/__change"
JOB, CANDIDATE = 1005, 101

# Method, path, body → status, and a part of what is said.
CONTROLS: list[tuple[str, str, Any, int, str]] = [
    ("GET", "/__truth?model=planet", None, 400, "model must be one of"),
    ("GET", "/__journal?after=x", None, 400, "after must be a whole number"),
    ("GET", "/__nothing", None, 404, "no such control"),
    ("POST", "/__index", {"lag_seconds": -1}, 400, "lag_seconds must be a number of at least 0"),
    (
        "POST",
        "/__pace",
        {"changes_per_minute": "many"},
        400,
        "changes_per_minute must be a number of at least 0",
    ),
    ("POST", "/__random", {"changes": -1}, 400, "changes must be a whole number"),
    ("POST", CHANGE, {"entity": "resource", "id": "x"}, 400, "id must be a whole number"),
    ("POST", CHANGE, {"entity": "resource", "raw": {}}, 400, "raw must be an object or null"),
    ("POST", CHANGE, {"entity": "resource", "surname": "A"}, 404, "update needs an id"),
    ("POST", CHANGE, {"op": "create", "entity": "resource", "id": CANDIDATE}, 409, "is taken"),
    ("POST", CHANGE, {"op": "undelete", "entity": "resource", "id": CANDIDATE}, 404, "wasn't deleted"),
    ("POST", CHANGE, {"op": "update", "entity": "status", "id": 99, "name": "A"}, 404, "status 99"),
    ("POST", CHANGE, {"entity": "opportunity", "id": JOB, "opportunityStatusId": 99}, 400, "no such"),
    ("POST", CHANGE, {"entity": "opportunity", "id": JOB, "owners": 5}, 400, "owners must be a list"),
    ("POST", CHANGE, {"entity": "opportunity", "id": JOB, "owners": [{}]}, 400, "an owner needs an ownerId"),
    (
        "POST",
        CHANGE,
        {"entity": "resource", "id": CANDIDATE, "workTypes": 5},
        400,
        "workTypes must be a list",
    ),
    ("POST", CHANGE, {"entity": "resource", "id": CANDIDATE, "quickSkills": [7]}, 400, "a skill needs an id"),
]
API: list[tuple[str, str, Any, int, str]] = [
    ("POST", "/api/v1/Resource/PagedSearch", {"pageNumber": -1}, 400, "whole numbers of at least 1"),
    ("POST", "/api/v1/Resource/PagedSearch", {"pageSize": "ten"}, 400, "whole numbers of at least 1"),
    ("POST", "/api/v1/Resource/PagedSearch", {"updatedAfter": "lately"}, 400, "updatedAfter must be a date"),
    ("POST", "/api/v1/Webhook", {"url": "/here"}, 400, "url must be a URL"),
    ("POST", "/api/v1/Webhook", {"url": "http://127.0.0.1", "action": "Seen"}, 400, "unknown action"),
]
WIDGET: list[tuple[str, dict[str, Any]]] = [
    ("createResource", {"resource": "Jane Selby"}),
    ("createResource", {"resource": {"email": "jane@example.com"}}),
    ("createResource", {"resource": {"lastname": "S"}, "instructions": {"assigntoopportunity": 9}}),
    ("resourceApplication", {"instructions": {"opportunityid": 9, "resourceid": CANDIDATE}}),
    ("attachDocument", {"file": {"recordType": "R", "recordId": 9, "filename": "a", "data": ""}}),
    (
        "updateRecord",
        {
            "instructions": {"recordtype": "R", "recordid": CANDIDATE},
            "updates": [{"column": "desiredsalarynum", "value": "much"}],
        },
    ),
]


@pytest.mark.parametrize("cases", [CONTROLS, API], ids=["controls", "api"])
async def test_a_call_that_makes_no_sense_is_refused_with_its_reason(
    account: Account, cases: list[tuple[str, str, Any, int, str]], subtests: pytest.Subtests
) -> None:
    for method, path, body, status, said in cases:
        with subtests.test(path, body=body):
            answered, problem = await account.call(method, path, body)
            assert (answered, said in str(problem)) == (status, True), problem
    assert await account.journal() == []


async def test_a_body_that_is_no_json_is_refused(account: Account) -> None:
    headers = {"Authorization": f"Bearer {account.jwt}"}
    async with account.http.post("/api/v1/Resource/PagedSearch", data=b"{", headers=headers) as answer:
        assert (answer.status, "not JSON" in await answer.text()) == (400, True)


async def test_the_widget_api_answers_what_makes_no_sense_in_band(
    account: Account, subtests: pytest.Subtests
) -> None:
    for function, parts in WIDGET:
        with subtests.test(function, parts=parts):
            body = {"trackerrms": {function: {"credentials": {"apikey": API_KEY}, **parts}}}
            answer = await account.call("POST", f"/api/widget/{function}", body)
            assert answer == (200, {"status": 99, "message": "invalid request", "count": 0})
    assert await account.journal() == []


async def test_the_job_of_a_placement_stays(account: Account) -> None:
    placement = int(next(iter(await account.truth("application"))))
    change = {"entity": "opportunity_resource", "id": placement, "opportunityId": JOB}
    status, problem = await account.call("POST", CHANGE, change)
    assert (status, "a placement's job and candidate can't change" in str(problem)) == (400, True)


async def test_oauth_refuses_another_grant_and_a_stranger(account: Account) -> None:
    given = {
        "grant_type": "refresh_token",
        "client_id": "EvoApi_1.0",
        "client_secret": CLIENT_SECRET,
        "refresh_token": REFRESH_TOKEN,
    }
    cases = {
        "unsupported_grant_type": {"grant_type": "password"},
        "invalid_grant": {"client_secret": "a guess"},
    }
    for error, wrong in cases.items():
        async with account.http.post("/oAuth2/Token", data={**given, **wrong}) as answer:
            assert (answer.status, await answer.json()) == (400, {"error": error})
    async with account.http.post("/oAuth2/Token", data=given) as answer:
        assert answer.status == 200


async def test_a_name_in_one_piece_is_taken_apart(account: Account) -> None:
    resource = {"fullname": "Ada King Byron"}
    body = {"trackerrms": {"createResource": {"credentials": {"apikey": API_KEY}, "resource": resource}}}
    _, made = await account.call("POST", "/api/widget/createResource", body)
    candidate = (await account.truth("candidate"))[str(made["recordId"])]
    assert (candidate["first_name"], candidate["last_name"]) == ("Ada King", "Byron")
