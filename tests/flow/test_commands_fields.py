"""Every input field ends up where the table says, by both generations, and comes back in the event."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from trackerrms_contracts.entities import Model

from tests.commanding import ending
from tests.databases import Databases
from tests.flow.commanded import CV, LETTER, OTHER, REST, Bench, bridge_id, commanded, digest, warnings
from tests.flow.outbound_peers import answering, peer

pytestmark = pytest.mark.asyncio(loop_scope="module")

GENERATIONS: dict[str, dict[str, Any]] = {"widget": {}, "rest": {"tracker": {"actions": REST}}}
KINDS = ["candidate.create", "application.create"]
LINKEDIN = "https://www.linkedin.com/in/ada-example"
CODE = "https://code.example.org/ada"


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=GENERATIONS)
async def bench(
    databases: Databases, kafka_bootstrap: str, request: pytest.FixtureRequest
) -> AsyncIterator[Bench]:
    settings = {"remote_data": True, "source": "Acme Careers"} | GENERATIONS[request.param]
    async with commanded(databases, kafka_bootstrap, integration=settings) as made:
        yield made


# An input field → where the simulator keeps it, and what stands there.
FIELDS: list[tuple[str, dict[str, Any], str, Any]] = [
    ("first_name", {"first_name": "Adélaïde"}, "firstName", "Adélaïde"),
    ("last_name", {"last_name": "O’Example"}, "surname", "O’Example"),
    ("title", {"title": "Engineer"}, "jobTitle", "Engineer"),
    ("phone_number", {"phone_number": "+44 7700 900123"}, "mobilePhone", "+44 7700 900123"),
    ("additional e-mail", {"additional_email_addresses": [{"email_address": "a@work.example"}]}, "email2", "a@work.example"),  # noqa: E501 - a case a line
    ("third e-mail", {"additional_email_addresses": [{"type": "WORK", "email_address": "a@work.example"}, {"email_address": "b@third.example"}]}, "note", "Other e-mail: b@third.example"),  # noqa: E501 - a case a line
    ("city", {"location": {"country": "GB", "city": "Leeds"}}, "town", "Leeds"),
    ("country", {"location": {"country": "GB"}}, "country", "United Kingdom"),
    ("state", {"location": {"country": "US", "state": "NY"}}, "county", "NY"),
    ("street_1", {"location": {"country": "GB", "street_1": "1 Mill Lane"}}, "addressLine1", "1 Mill Lane"),
    ("zip_code", {"location": {"country": "GB", "zip_code": "LS1 1AA"}}, "postcode", "LS1 1AA"),
    ("salary amount, a year", {"salary_expectations": {"period": "YEAR", "amount": 70000}}, "desiredSalaryNum", 70_000),  # noqa: E501 - a case a line
    ("salary amount, a month", {"salary_expectations": {"period": "MONTH", "amount": 5000.5}}, "desiredSalaryNum", 60_006),  # noqa: E501 - a case a line
    ("salary period", {"salary_expectations": {"period": "MONTH", "amount": 5000.5}}, "desiredSalary", "5000.5 a month"),  # noqa: E501 - a case a line
    ("LinkedIn", {"social_links": [{"url": CODE}, {"url": LINKEDIN}]}, "linkedin", LINKEDIN),
    ("other link", {"social_links": [{"url": LINKEDIN}, {"url": CODE}]}, "note", f"Profile: {CODE}"),
    ("company", {"company": "Acme Inc."}, "clientName", "Acme Inc."),
    ("additional telephone", {"additional_phone_numbers": [{"type": "WORK", "phone_number": "+44 113 496 0000"}]}, "telephone", "+44 113 496 0000"),  # noqa: E501 - a case a line
    ("availability_date", {"availability_date": "2027-01-01"}, "note", "Available from: 2027-01-01"),
]  # fmt: skip


async def _create(bench: Bench, kind: str, given: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The input of ``kind``, each of the two with the job where Kombo has it."""
    job = f"remote:{await bench.job()}"
    place = {"application": {"job_id": job}} if kind == "candidate.create" else {"job_id": job}
    return {"candidate": bench.someone(**given)} | place | more


async def _succeeded(bench: Bench, kind: str, data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    result = await bench.caller.run(kind, data)
    assert ending(result) == "succeeded", result
    [candidate] = await bench.people(data["candidate"]["email_address"])
    return candidate, result


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("given", "key", "value"), [f[1:] for f in FIELDS], ids=[f[0] for f in FIELDS])
async def test_a_field_is_stored_under_its_own_name(
    bench: Bench, kind: str, given: dict[str, Any], key: str, value: Any
) -> None:
    candidate, result = await _succeeded(bench, kind, await _create(bench, kind, given))
    assert (await bench.stored("resource", candidate))[key] == value
    assert warnings(result) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_the_address_is_kept_as_it_is_written(bench: Bench, kind: str) -> None:
    data = await _create(bench, kind, {})
    data["candidate"]["email_address"] = email = data["candidate"]["email_address"].replace("a", "A", 1)
    candidate, _ = await _succeeded(bench, kind, data)
    assert (await bench.stored("resource", candidate))["email"] == email


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("source", "stored"),
    [({}, "Acme Careers"), ({"source": {"name": "Fair"}}, "Fair"), ({"source": {"id": "7"}}, "Acme Careers")],
    ids=["default", "overridden", "no name"],
)
async def test_the_source_is_the_integrations_unless_the_command_names_one(
    bench: Bench, kind: str, source: dict[str, Any], stored: str
) -> None:
    candidate, result = await _succeeded(bench, kind, await _create(bench, kind, {}, **source))
    assert (await bench.stored("resource", candidate))["source"] == stored
    assert [w.partition(":")[0] for w in warnings(result)] == (["source"] if "id" in str(source) else [])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by_own_id", [False, True], ids=["remote", "own id"])
async def test_job_stage_and_user_are_taken_by_either_id(bench: Bench, kind: str, by_own_id: bool) -> None:
    job, user = await bench.job(), bench.user()
    named = {Model.JOB: job, Model.APPLICATION_STAGE: "5", Model.USER: user}
    if by_own_id:
        await bench.bridge.agree()
    given = {m: bridge_id(m, n) if by_own_id else f"remote:{n}" for m, n in named.items()}
    place = {"job_id": given[Model.JOB], "stage_id": given[Model.APPLICATION_STAGE]}
    data = {"candidate": bench.someone(), "sourced_by": {"user_id": given[Model.USER]}}
    candidate, result = await _succeeded(
        bench, kind, data | ({"application": place} if kind == "candidate.create" else place)
    )
    assert (await bench.stored("resource", candidate))["ownerId"] == int(user)
    [application] = await bench.applications(candidate)
    stored = await bench.stored("opportunity_resource", application)
    assert (stored["opportunityId"], stored["opportunityResourceStatusId"]) == (int(job), 5)
    assert warnings(result) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_files_are_kept_by_type_and_get_the_ending_they_lack(bench: Bench, kind: str) -> None:
    candidate, result = await _succeeded(
        bench, kind, await _create(bench, kind, {}, attachments=[CV, LETTER, OTHER])
    )
    assert await bench.documents(candidate) == [
        ("cv.pdf", "resume", digest(b"cv")),
        ("letter.txt", "general", digest(b"letter")),
        ("portfolio.html", "general", digest(b"<p>")),
    ]
    assert warnings(result) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_files_may_be_almost_ten_megabytes(bench: Bench, kind: str) -> None:
    large = CV | {"data": "AAAA" * 3_333_333}
    candidate, _ = await _succeeded(bench, kind, await _create(bench, kind, {}, attachments=[large]))
    assert await bench.documents(candidate) == [("cv.pdf", "resume", digest(bytes(9_999_999)))]


@pytest.mark.parametrize("kind", KINDS)
async def test_files_are_fetched_from_an_address(bench: Bench, kind: str) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\nContent-Length: 4\r\n\r\n%PDF"
    async with peer(answering(answer, answer)) as server:
        url = f"http://127.0.0.2:{server.port}/short-lived?signature=x"
        files = [{"name": "cv", "type": "CV", "data_url": url}]
        candidate, _ = await _succeeded(bench, kind, await _create(bench, kind, {}, attachments=files))
    assert await bench.documents(candidate) == [("cv.pdf", "resume", digest(b"%PDF"))]
    assert b"Authorization" not in server.requests[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"screening_question_answers": [{"question_id": "q", "answer": ["a", "b"]}]}, "screening_question_answers"),  # noqa: E501 - a case a line
        ({"gdpr_consent": {"given": True}}, "gdpr_consent"),
        ({"remote_fields": {"workday": {}}}, "remote_fields"),
        ({"candidate": {"gender": "OTHER"}}, "candidate.gender"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_what_trackerrms_has_no_place_for_is_warned_about(
    bench: Bench, kind: str, more: dict[str, Any], key: str
) -> None:
    given = more.get("candidate", {})
    others = {name: value for name, value in more.items() if name != "candidate"}
    _, result = await _succeeded(bench, kind, await _create(bench, kind, given, **others))
    assert [warning.partition(":")[0] for warning in warnings(result)] == [key]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_user_whom_trackerrms_does_not_know_is_warned_about(bench: Bench, kind: str) -> None:
    more = {"sourced_by": {"user_id": "remote:999999"}}
    _, result = await _succeeded(bench, kind, await _create(bench, kind, {}, **more))
    assert warnings(result) == ["TrackerRMS did not keep sourced_by.user_id"]


@pytest.mark.parametrize("kind", KINDS)
async def test_all_of_it_comes_back_in_the_events_that_the_command_causes(bench: Bench, kind: str) -> None:
    given: dict[str, Any] = {"location": {"country": "GB"}}
    for _, field, _, _ in FIELDS:
        given |= {**field, "location": given["location"] | field.get("location", {})}
    given["location"]["country"] = "GB"
    data = await _create(bench, kind, given, sourced_by={"user_id": f"remote:{bench.user()}"})
    if kind == "candidate.create":
        data["application"]["stage_id"] = "remote:4"
    else:
        data["stage_id"] = "remote:4"
    candidate, result = await _succeeded(bench, kind, data)
    command = result["subject"]
    record = await _told(bench, Model.CANDIDATE, command)
    assert {
        "id": bridge_id(Model.CANDIDATE, candidate), "remote_id": candidate, "first_name": "Adélaïde",
        "last_name": "O’Example", "company": "Acme Inc.", "title": "Engineer", "source": "Acme Careers",
    }.items() <= record.items()  # fmt: skip
    assert [m["email_address"] for m in record["email_addresses"]] == [
        data["candidate"]["email_address"], "a@work.example",
    ]  # fmt: skip
    assert {p["phone_number"] for p in record["phone_numbers"]} == {"+44 7700 900123", "+44 113 496 0000"}
    assert [s["link"] for s in record["social_media"]] == [LINKEDIN]
    place = {
        "country": "GB",
        "city": "Leeds",
        "state": "NY",
        "street_1": "1 Mill Lane",
        "zip_code": "LS1 1AA",
    }
    assert place.items() <= record["location"].items()
    # A poll that came first has read the list's row beside it.
    [raw] = [raw for path, raw in record["remote_data"].items() if not path.endswith("PagedSearch")]
    assert (raw["desiredSalaryNum"], raw["desiredSalary"]) == (60_006, "5000.5 a month")
    assert raw["owner"]["id"] == int(bench.user())
    assert raw["note"].splitlines() == [
        "Other e-mail: b@third.example", f"Profile: {CODE}", "Available from: 2027-01-01",
    ]  # fmt: skip
    [application] = await bench.applications(candidate)
    applied = await _told(bench, Model.APPLICATION, command)
    assert {
        "id": bridge_id(Model.APPLICATION, application),
        "candidate_id": bridge_id(Model.CANDIDATE, candidate),
        "job_id": bridge_id(Model.JOB, await bench.job()),
        "current_stage_id": bridge_id(Model.APPLICATION_STAGE, "4"),
        "outcome": "PENDING",
    }.items() <= applied.items()


async def _told(bench: Bench, model: Model, command: str) -> dict[str, Any]:
    """The record as the command's last event tells it; a poll may have met it between two steps."""
    await bench.bridge.agree()
    created, *updated = await bench.events(model, command)
    assert (created["type"], created["data"]["cause"]) == (f"{model}.created", "command")
    assert {event["data"]["cause"] for event in updated} <= {"command"}
    return dict((updated or [created])[-1]["data"]["record"])


async def test_the_later_polls_tell_nothing_of_it_twice(bench: Bench) -> None:
    data = await _create(bench, "candidate.create", {})
    candidate, result = await _succeeded(bench, "candidate.create", data)
    await bench.events(Model.CANDIDATE, result["subject"])
    before = await bench.calls("/api/v1/Resource/PagedSearch")
    while await bench.calls("/api/v1/Resource/PagedSearch") < before + 12:
        await bench.caller.read(0.1)
    topics_ = await bench.bridge.agree()
    told = [kind for kind, key, _ in topics_.sent.values() if key == bridge_id(Model.CANDIDATE, candidate)]
    assert told == ["candidate.created"]
