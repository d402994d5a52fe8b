"""Writing over REST: replies, and that truth and journal follow."""

import base64

import pytest

from tests.simulator.account import Account

CV = base64.b64encode(b"curriculum").decode()


async def test_creating_a_candidate(account: Account) -> None:
    given = {"firstName": "Sarah", "surname": "Johnson", "contactDetails": {"email": "sarah@example.com"}}
    status, answer = await account.call(
        "POST", "/api/v1/Resource", {**given, "tagText": "TEST", "unknown": 1}
    )
    assert (status, answer) == (201, {"id": 136, "success": True})
    candidate = (await account.truth("candidate"))["136"]
    assert candidate["email_addresses"] == [{"email_address": "sarah@example.com", "type": None}]
    assert ("created", "candidate", "136") in await account.journal()
    assert ("created", "candidate_tag", "136:TEST") in await account.journal()


@pytest.mark.parametrize(
    "body", [{}, {"surname": 5}, {"surname": "X", "contactDetails": "x@example.com"}, []]
)
async def test_a_candidate_that_makes_no_sense_is_refused(account: Account, body: object) -> None:
    assert (await account.call("POST", "/api/v1/Resource", body))[0] == 400
    assert await account.journal() == []


async def test_a_patch_changes_what_it_names(account: Account) -> None:
    before = await account.get("/api/v1/Resource/101")
    await account.call("PATCH", "/api/v1/Resource/101", {"jobTitle": "Pilot", "address": {"town": "Leeds"}})
    after = await account.get("/api/v1/Resource/101")
    assert after["jobTitle"] == "Pilot"
    assert after["address"] == {**before["address"], "town": "Leeds"}
    assert after["contactDetails"] == before["contactDetails"]


async def test_deleting_a_candidate(account: Account) -> None:
    assert (await account.call("DELETE", "/api/v1/Resource/101"))[0] == 200
    assert (await account.call("DELETE", "/api/v1/Resource/101"))[0] == 204
    assert "101" not in await account.truth("candidate")


async def _newcomer(account: Account) -> int:
    return int((await account.call("POST", "/api/v1/Resource", {"surname": "New"}))[1]["id"])


@pytest.mark.parametrize(("kind", "stage"), [("longlist", "1"), ("shortlist", "3")])
async def test_adding_to_a_list_makes_one_application(account: Account, kind: str, stage: str) -> None:
    path = f"/api/v1/Opportunity/1005/{kind}/resource/{await _newcomer(account)}"
    status, made = await account.call("POST", path)
    assert status == 201
    assert (await account.truth("application"))[str(made["id"])]["current_stage_id"] == f"remote:{stage}"
    assert await account.call("POST", path) == (200, made)


async def test_adding_to_a_job_that_is_not_there(account: Account) -> None:
    assert (await account.call("POST", "/api/v1/Opportunity/9/longlist/resource/101"))[0] == 204


async def test_rejecting_an_application_with_a_note(account: Account) -> None:
    path = "/api/v1/OpportunityResource/501"
    given = {"opportunityResourceStatusId": 11, "rejectionReason": "Filled by a friend"}
    assert (await account.call("PATCH", path, given))[0] == 200
    application = (await account.truth("application"))["501"]
    assert application["outcome"] == "DECLINED"
    assert application["rejection_reason_name"] == "Filled by a friend"
    row = await account.get(path)
    assert (row["activeRecord"], row["customFields"]) == ("n", [])


async def test_moving_to_a_stage_that_is_not_there(account: Account) -> None:
    given = {"opportunityResourceStatusId": 999}
    assert (await account.call("PATCH", "/api/v1/OpportunityResource/501", given))[0] == 400
    assert (await account.call("PATCH", "/api/v1/OpportunityResource/9", given))[0] == 204


async def test_documents_are_kept(account: Account) -> None:
    given = {"resourceId": 101, "filename": "cv.pdf", "documentType": "resume", "filecontent": CV}
    status, made = await account.call("POST", "/api/v1/Resource/AttachDocument", given)
    assert status == 201
    listed = await account.get("/api/v1/Resource/101/Documents")
    assert listed == [{"documentId": made["id"], "filename": "cv.pdf", "documentType": "resume"}]
    read = await account.get(f"/api/v1/Resource/101/Document/{made['id']}")
    assert read == {"filename": "cv.pdf", "filecontent": CV}


@pytest.mark.parametrize("wrong", [{"filecontent": "%%%"}, {"documentType": "poem"}, {"resourceId": "101"}])
async def test_a_bad_document_is_refused(account: Account, wrong: dict[str, str]) -> None:
    given = {"resourceId": 101, "filename": "cv.pdf", "documentType": "resume", "filecontent": CV, **wrong}
    assert (await account.call("POST", "/api/v1/Resource/AttachDocument", given))[0] == 400
