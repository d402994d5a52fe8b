"""Writing to an account over HTTP, by both generations of its API: what was sent is what is kept there."""

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge.config import Secret
from bridge.simulator.options import API_KEY, BEARER_TOKEN, PASSWORD, REFRESH_TOKEN, USERNAME
from bridge.simulator.remote import Remote
from bridge.tracker import check_reads, record_lookups, resources, writes
from bridge.tracker.client import Client
from bridge.tracker.errors import AlreadyThere, EffectUnknown, NoCredentials, Refused, Unreadable
from tests.flow.tracker_account import Account, account

# Ours, the value, the simulator's name, and what it keeps.
FIELDS: list[tuple[str, str | float, str, object]] = [
    ("first_name", "Ada", "firstName", "Ada"),
    ("last_name", "Byron", "surname", "Byron"),
    ("title", "Analyst", "jobTitle", "Analyst"),
    ("company", "Engines Ltd", "clientName", "Engines Ltd"),
    ("email", "ada@example.com", "email", "ada@example.com"),
    ("additional_email", "ada@example.org", "email2", "ada@example.org"),
    ("phone", "+44 7700 900123", "mobilePhone", "+44 7700 900123"),
    ("additional_phone", "020 7946 0958", "telephone", "020 7946 0958"),
    ("linkedin", "https://www.linkedin.com/in/ada", "linkedin", "https://www.linkedin.com/in/ada"),
    ("street_1", "1 High Street", "addressLine1", "1 High Street"),
    ("city", "Leeds", "town", "Leeds"),
    ("state", "West Yorkshire", "county", "West Yorkshire"),
    ("zip_code", "LS1 1AA", "postcode", "LS1 1AA"),
    ("country", "GB", "country", "United Kingdom"),
    ("source", "Website", "source", "Website"),
    ("salary_amount", 65000.0, "desiredSalaryNum", 65000),
    ("salary_text", "65000 a year", "desiredSalary", "65000 a year"),
    ("note", "free text", "note", "free text"),
    ("owner", "21", "ownerId", 21),
]
EVERYTHING = {name: value for name, value, _, _ in FIELDS}
SOMEBODY = {"first_name": "Grace", "last_name": "Hopper", "email": "grace@example.com"}
BY_REST = {"actions": {name: "rest" for name, a in resources.DEFAULT.actions.items() if a.rest}}
CORRECTIONS: dict[str, dict[str, Any]] = {"widget": {}, "rest": BY_REST}
UPDATE, ATTACH, CREATE = (
    f"/api/widget/{name}" for name in ("updateRecord", "attachDocument", "createResource")
)


@pytest.fixture
async def acme(store_url: str) -> AsyncIterator[Account]:
    async with account(store_url) as found:
        yield found


@pytest.fixture
async def remote(acme: Account) -> AsyncIterator[Remote]:
    async with Remote(acme.url) as found:
        yield found


@pytest.fixture(params=["widget", "rest"])
async def client(acme: Account, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with acme.client(tracker=CORRECTIONS[request.param], lane="command") as found:
        yield found


async def made(client: Client, **fields: str | float) -> str:
    written = await writes.create_candidate(client, {**SOMEBODY, **fields})
    assert written.record_id is not None
    return written.record_id


async def some_job(remote: Remote) -> str:
    return next(n for n, job in (await remote.truth("job")).items() if job["status"] == "OPEN")


async def applied(client: Client, remote: Remote) -> str:
    written = await writes.add_to_job(client, await some_job(remote), await made(client))
    assert written.record_id is not None
    return written.record_id


async def test_every_field_is_kept_and_read_back(client: Client, remote: Remote) -> None:
    created = await writes.create_candidate(client, EVERYTHING)
    left = {name: value for name, value in EVERYTHING.items() if name not in created.stored}
    assert created.record_id is not None
    updated = await writes.update_candidate(client, created.record_id, left)
    assert created.stored | updated.stored == EVERYTHING.keys()
    assert updated.record_id == created.record_id
    record = await remote.record("resource", created.record_id)
    assert {key: record[key] for _, _, key, _ in FIELDS} == {key: kept for _, _, key, kept in FIELDS}
    found = await record_lookups.read_candidate(client, created.record_id)
    assert found is not None
    assert found.fields == EVERYTHING


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field[0])
async def test_each_field_is_set_alone(
    client: Client, remote: Remote, field: tuple[str, str | float, str, object]
) -> None:
    name, value, key, kept = field
    candidate = await made(client)
    before = await remote.record("resource", candidate)
    written = await writes.update_candidate(client, candidate, {name: value})
    after = await remote.record("resource", candidate)
    assert (written.stored, after[key]) == (frozenset({name}), kept)
    moved = {changed for changed in after if after[changed] != before[changed]}
    assert moved <= {key, "lastUpdatedDateTime", "clientId"}


async def test_what_has_no_place_is_said_and_nothing_is_sent(acme: Account) -> None:
    async with acme.client(tracker={"writes": {"candidate": {"title": []}}}) as client:
        candidate = await made(client)
        before = await acme.calls(UPDATE)
        written = await writes.update_candidate(client, candidate, {"title": "x"})
        assert (written.stored, await acme.calls(UPDATE)) == (frozenset(), before)
        assert "title" not in (await writes.create_candidate(client, {"last_name": "A", "title": "x"})).stored


async def test_a_field_without_a_place_in_one_api_goes_through_the_other(
    acme: Account, remote: Remote
) -> None:
    corrected = {**BY_REST, "writes": {"candidate": {"city": "column:town"}}}
    async with acme.client(tracker=corrected) as client:
        candidate = await made(client)
        written = await writes.update_candidate(client, candidate, {"city": "Hull", "state": "Yorkshire"})
    record = await remote.record("resource", candidate)
    assert written.stored == {"city", "state"}
    assert (record["town"], record["county"]) == ("Hull", "Yorkshire")


async def test_a_known_person_is_never_overwritten_by_the_widget_api(acme: Account, remote: Remote) -> None:
    async with acme.client() as client:
        candidate = await made(client)
        with pytest.raises(AlreadyThere) as told:
            await made(client, first_name="Another")
    assert told.value.status == 409
    assert (await remote.record("resource", candidate))["firstName"] == "Grace"
    assert "grace@example.com" not in str(told.value)


async def test_rest_says_by_409_that_a_record_is_there(acme: Account) -> None:
    await acme.fault("/api/v1/Resource", "status", method="POST", status=409)
    async with acme.client(tracker=BY_REST) as client:
        with pytest.raises(AlreadyThere):
            await made(client)


async def test_adding_to_a_job_twice_makes_one_application(client: Client, remote: Remote) -> None:
    job, candidate = await some_job(remote), await made(client)
    first = await writes.add_to_job(client, job, candidate)
    if client.settings.actions["add_to_job"].via == "rest":
        assert (await writes.add_to_job(client, job, candidate)).record_id == first.record_id
    else:
        with pytest.raises(AlreadyThere):
            await writes.add_to_job(client, job, candidate)
    mine = [
        a for a in (await remote.truth("application")).values() if a["candidate_id"] == f"remote:{candidate}"
    ]
    assert [a["job_id"] for a in mine] == [f"remote:{job}"]


async def test_a_move_and_a_rejection_with_its_reason(client: Client, remote: Remote) -> None:
    application = await applied(client, remote)
    statuses = await record_lookups.placement_statuses(client)
    going_on = [s.remote_id for s in statuses if s.outcome == "PENDING"][-1]
    declined = next(s.remote_id for s in statuses if s.declined)
    await writes.move_stage(client, application, going_on)
    assert (await remote.truth("application"))[application]["current_stage_id"] == f"remote:{going_on}"
    await writes.reject(client, application, declined, "Too tall")
    record = (await remote.truth("application"))[application]
    assert (record["outcome"], record["rejection_reason_name"]) == ("DECLINED", "Too tall")
    found = await record_lookups.read_application(client, application)
    assert found is not None
    assert (found.stage, found.rejection_reason) == (declined, "Too tall")


async def test_documents_are_kept_listed_and_read(client: Client, remote: Remote) -> None:
    candidate, content = await made(client), bytes(range(256)) * 40
    encoded = base64.b64encode(content).decode()
    assert await record_lookups.read_documents(client, candidate) == []
    for filename, kind in (("cv.pdf", "resume"), ("Ünï.txt", "general")):
        await writes.attach_document(
            client, candidate, filename=filename, document_type=kind, content_base64=encoded
        )
    held = await record_lookups.read_documents(client, candidate)
    assert [(d.filename, d.document_type) for d in held] == [("cv.pdf", "resume"), ("Ünï.txt", "general")]
    assert await record_lookups.document_content(client, candidate, held[1].remote_id) == content
    assert {line["sha256"] for line in await remote.documents()} == {hashlib.sha256(content).hexdigest()}
    with pytest.raises(Refused, match="no such document"):
        await record_lookups.document_content(client, candidate, "999")


async def test_a_patch_of_nobody_is_no_error_for_its_204_may_be_success(acme: Account) -> None:
    async with acme.client(tracker=BY_REST) as client:
        written = await writes.update_candidate(client, check_reads.ABSENT_ID, {"city": "Hull"})
        assert "204" in written.said
        assert await record_lookups.read_candidate(client, check_reads.ABSENT_ID) is None


@pytest.mark.parametrize(
    ("kind", "more", "problem"),
    [
        ("cut", {}, EffectUnknown),
        ("status", {"status": 500, "effect": True}, Refused),
        ("empty_body", {}, Unreadable),
        ("bad_json", {}, Unreadable),
    ],
)
async def test_an_unknown_effect_is_told_apart_and_found(
    acme: Account, kind: str, more: dict[str, Any], problem: type[Exception]
) -> None:
    await acme.fault(CREATE, kind, method="POST", **more)
    async with acme.client() as client:
        with pytest.raises(problem) as told:
            await made(client)
        assert getattr(told.value, "status", 500) >= 500
        person = await record_lookups.person_by_email(client, "grace@example.com")
    assert await acme.calls(CREATE) == 1
    assert person is not None


@pytest.mark.parametrize("wrong", ["x", "../1", ""])
async def test_an_id_that_is_none_is_refused_before_anything_is_sent(client: Client, wrong: str) -> None:
    for write in (
        writes.update_candidate(client, wrong, {"city": "x"}),
        writes.add_to_job(client, wrong, "1"),
        writes.move_stage(client, wrong, "1"),
        writes.reject(client, "1", wrong, "x"),
        writes.attach_document(client, wrong, filename="a", document_type="general", content_base64=""),
    ):
        with pytest.raises(Refused, match="expected an id"):
            await write


OAUTH: dict[str, Any] = {
    "oauth_refresh_token": Secret(REFRESH_TOKEN),
    "oauth_client_secret": Secret("simulator-client-secret"),
}
WIDGET_KEY = {"api_key": Secret(API_KEY)}
WIDGET_USER = {"username": USERNAME, "password": Secret(PASSWORD)}
WRONG_KEY: dict[str, Any] = {"api_key": Secret("wrong-key")}


@pytest.mark.parametrize(
    "credentials",
    [WIDGET_KEY, WIDGET_USER, {**WIDGET_KEY, **WIDGET_USER}, OAUTH, {"bearer_token": None, **OAUTH}],
    ids=["key", "user", "both", "oauth-and-bearer", "oauth"],
)
async def test_the_widget_api_is_given_what_it_takes_before_the_bearer_token(
    acme: Account, remote: Remote, credentials: dict[str, Any]
) -> None:
    await remote.quirk("bearer_for_widget", on=False)
    async with acme.client(**credentials) as client:
        await made(client)
        passed = await client.request(
            "POST", "/api/widget/checkLogon", data={"trackerrms": {"checkLogon": {}}}, generation="widget"
        )
    assert b'"status":0' in passed.body.replace(b" ", b"")


async def test_an_api_key_goes_before_a_token_that_would_do(acme: Account) -> None:
    async with acme.client(**WRONG_KEY) as client:
        with pytest.raises(NoCredentials):
            await made(client)


async def test_without_credentials_the_widget_api_says_at_once_what_to_add(
    acme: Account, remote: Remote
) -> None:
    await remote.quirk("bearer_for_widget", on=False)
    async with acme.client() as client:
        with pytest.raises(NoCredentials, match=r"api_key, or username.*actions.create_candidate") as told:
            await made(client)
        with pytest.raises(NoCredentials, match="api_key"):
            await record_lookups.person_by_email(client, "grace@example.com")
    assert await acme.calls(CREATE) == 1
    assert BEARER_TOKEN not in str(told.value)


async def test_a_revoked_access_token_is_asked_for_again_by_the_next_call(
    acme: Account, remote: Remote
) -> None:
    await remote.quirk("bearer_for_widget", on=False)
    await acme.fault(CREATE, "status", method="POST", status=401)
    async with acme.client(**OAUTH) as client:
        with pytest.raises(NoCredentials, match="answered 401"):
            await made(client)
        await made(client)
    assert await acme.calls("/oAuth2/Token") == 2


@pytest.mark.parametrize(
    ("action", "widget", "rest"),
    [
        ("create_candidate", True, False),
        ("update_candidate", True, True),
        ("add_to_job", True, True),
        ("move_stage", True, True),
        ("reject", True, True),
        ("attach_document", False, False),
    ],
)
async def test_what_may_be_done_twice_follows_from_the_call_in_use(
    acme: Account, action: str, widget: bool, rest: bool
) -> None:
    async with acme.client() as by_widget, acme.client(tracker=BY_REST) as by_rest:
        assert writes.can_repeat(by_widget, action) is widget
        assert writes.can_repeat(by_rest, action) is rest
