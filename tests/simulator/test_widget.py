"""The older widget API: envelope, credentials, in-band errors, effects."""

import hashlib
from typing import Any

import pytest

from bridge.simulator.options import (
    API_KEY,
    BEARER_TOKEN,
    CLIENT_SECRET,
    PASSWORD,
    REFRESH_TOKEN,
    USERNAME,
)
from tests.simulator.account import Account

PERSON = {
    "firstname": "Jane",
    "lastname": "Selby",
    "email": "jane@example.com",
    "city": "Hull",
    "salary": 33000,
}


async def _widget(account: Account, function: str, jwt: str = "", **parts: Any) -> dict[str, Any]:
    credentials = parts.pop("credentials", {"apikey": API_KEY})
    body = {"trackerrms": {function: {"credentials": credentials, **parts}}}
    status, answer = await account.call("POST", f"/api/widget/{function}", body, jwt=jwt)
    assert status == 200
    assert isinstance(answer, dict)
    return answer


async def test_credentials_are_checked_in_band(account: Account) -> None:
    assert (await _widget(account, "checkLogon"))["status"] == 0
    wrong = await _widget(account, "checkLogon", credentials={"apikey": "wrong"})
    assert (wrong["status"], wrong["message"]) == (1, "user not found")


async def test_a_bearer_token_will_do_but_a_rest_jwt_is_no_user(account: Account) -> None:
    assert (await _widget(account, "checkLogon", jwt="simulator-bearer-token", credentials={}))["status"] == 0
    assert (await _widget(account, "checkLogon", jwt=account.jwt, credentials={}))["status"] == 1


async def test_a_request_without_its_envelope_is_invalid(account: Account) -> None:
    answer = await account.call("POST", "/api/widget/checkLogon", {"credentials": {"apikey": API_KEY}})
    assert answer == (200, {"status": 99, "message": "invalid request", "count": 0})


async def test_creating_a_candidate_with_its_application(account: Account) -> None:
    instructions = {"assigntoopportunity": 1005, "assigntolist": "short", "shortlistedby": "resource"}
    made = await _widget(account, "createResource", instructions=instructions, resource=PERSON)
    assert made == {
        "status": 0,
        "message": "created",
        "count": 0,
        "recordId": 136,
        "recordName": "Jane Selby",
    }
    assert (await account.truth("candidate"))["136"]["location"]["city"] == "Hull"
    applied = [
        line for line in (await account.truth("application")).values() if line["candidate_id"] == "remote:136"
    ]
    assert [(line["job_id"], line["current_stage_id"]) for line in applied] == [("remote:1005", "remote:2")]


async def test_a_known_email_is_only_overwritten_on_request(account: Account) -> None:
    await _widget(account, "createResource", resource=PERSON)
    again = {**PERSON, "jobtitle": "Pilot", "email": "JANE@example.com"}
    assert (await _widget(account, "createResource", resource=again))["status"] == 3
    overwrite = {"overwriteresource": True}
    answer = await _widget(account, "createResource", instructions=overwrite, resource=again)
    assert (answer["message"], answer["recordId"]) == ("updated", 136)
    assert (await account.truth("candidate"))["136"]["title"] == "Pilot"


async def test_a_person_is_found_by_address_whether_changed_or_not(account: Account) -> None:
    rows = [await account.get(f"/api/v1/Resource/{n}") for n in range(101, 136)]
    base = next(row for row in rows if "@" in row["contactDetails"]["email"])
    found = await _widget(account, "checkPerson", details={"email": base["contactDetails"]["email"].upper()})
    assert found["recordLink"].endswith(f"/{base['id']}")
    assert found["firstRecord"]["fullname"] == f"{base['firstName']} {base['surname']}".strip()
    moved = {"contactDetails": {"email": "moved@example.com"}}
    await account.call("PATCH", f"/api/v1/Resource/{base['id']}", moved)
    assert (await _widget(account, "checkPerson", details={"email": base["contactDetails"]["email"]}))[
        "count"
    ] == 0
    assert (await _widget(account, "checkPerson", details={"email": "moved@example.com"}))["count"] == 1


async def test_an_application_is_made_once(account: Account) -> None:
    made = await _widget(account, "createResource", resource=PERSON)
    instructions = {"opportunityid": "1005", "resourceid": str(made["recordId"]), "assigntolist": "long"}
    first = await _widget(account, "resourceApplication", instructions=instructions)
    assert (await account.truth("application"))[str(first["recordId"])]["current_stage_id"] == "remote:1"
    assert (await _widget(account, "resourceApplication", instructions=instructions))["status"] == 3


async def test_a_stage_move_by_update_record(account: Account) -> None:
    updates = [{"column": "opportunityresourcestatusid", "value": "9"}]
    instructions = {"recordtype": "X", "recordid": 501}
    assert (await _widget(account, "updateRecord", instructions=instructions, updates=updates))["status"] == 0
    assert (await account.truth("application"))["501"]["outcome"] == "HIRED"


@pytest.mark.parametrize(
    "update",
    [{"column": "shoesize", "value": "9"}, {"column": "opportunityresourcestatusid", "value": "x"}, "x"],
)
async def test_an_update_of_nothing_known_is_invalid(account: Account, update: Any) -> None:
    instructions = {"recordtype": "X", "recordid": 501}
    assert (await _widget(account, "updateRecord", instructions=instructions, updates=[update]))[
        "status"
    ] == 99


async def test_a_document_by_widget_is_listed_by_rest(account: Account) -> None:
    file = {
        "filename": "cv.pdf",
        "recordType": "R",
        "recordId": 101,
        "documentType": "resume",
        "data": "Y3Y=",
    }
    assert (await _widget(account, "attachDocument", file=file))["status"] == 0
    assert (await account.get("/api/v1/Resource/101/Documents"))[0]["filename"] == "cv.pdf"


async def test_settings_list_the_users(account: Account) -> None:
    answer = await _widget(account, "getSettingsData")
    assert [user["UserId"] for user in answer["users"]] == list(range(20, 26))
    assert {"Id": 1, "Name": "Permanent"} in answer["opportunityWorkTypes"]


async def test_a_user_and_password_will_do(account: Account) -> None:
    known = {"username": USERNAME, "password": PASSWORD}
    assert (await _widget(account, "checkLogon", credentials=known))["status"] == 0
    assert (await _widget(account, "checkLogon", credentials={**known, "password": "x"}))["status"] == 1
    assert (await _widget(account, "checkLogon", credentials={"username": USERNAME}))["status"] == 1


async def test_without_its_quirk_the_bearer_token_is_no_user_and_an_access_token_is(account: Account) -> None:
    await account.quirk("bearer_for_widget", on=False)
    form = {
        "grant_type": "refresh_token",
        "client_id": "EvoApi_1.0",
        "client_secret": CLIENT_SECRET,
        "refresh_token": REFRESH_TOKEN,
    }
    async with account.http.post("/oAuth2/Token", data=form) as answer:
        access = (await answer.json())["access_token"]
    for token, status in ((BEARER_TOKEN, 1), (access, 0)):
        assert (await _widget(account, "checkLogon", jwt=token, credentials={}))["status"] == status


async def test_a_person_is_found_by_the_second_email_too(account: Account) -> None:
    given = {"surname": "Two", "contactDetails": {"email": "one@example.com", "email2": "two@example.com"}}
    _, made = await account.call("POST", "/api/v1/Resource", given)
    found = await _widget(account, "checkPerson", details={"email": "TWO@example.com"})
    assert found["recordLink"].endswith(f"/{made['id']}")
    assert (await _widget(account, "checkPerson", details={"email": "no@example.com"}))["recordLink"] == ""


async def test_salaries_may_have_decimals(account: Account) -> None:
    updates = [{"column": "desiredsalarynum", "value": "30000.5"}]
    instructions = {"recordtype": "R", "recordid": 101}
    await _widget(account, "updateRecord", instructions=instructions, updates=updates)
    assert (await account.get("/api/v1/Resource/101"))["desiredSalaryNum"] == 30000.5


async def test_what_was_attached_can_be_looked_at(account: Account) -> None:
    file = {"filename": "cv.pdf", "recordType": "R", "recordId": 101, "documentType": "resume"}
    made = await _widget(account, "attachDocument", file={**file, "data": "Y3Y="})
    (line,) = await account.lines("/__documents")
    assert line == {
        "candidate": 101,
        "documentId": made["recordId"],
        "filename": "cv.pdf",
        "documentType": "resume",
        "size": 2,
        "sha256": hashlib.sha256(b"cv").hexdigest(),
    }


async def test_a_record_can_be_seen_as_it_is_kept(account: Account) -> None:
    await account.call("PATCH", "/api/v1/Resource/101", {"owner": {"id": 21}, "desiredSalary": "a lot"})
    record = await account.control("GET", "/__records?entity=resource&id=101")
    assert (record["ownerId"], record["desiredSalary"]) == (21, "a lot")
    assert (await account.call("GET", "/__records?entity=resource&id=9"))[0] == 404
    assert (await account.call("GET", "/__records?entity=poem&id=9"))[0] == 400
