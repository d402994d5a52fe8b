"""Finding what is there: live where TrackerRMS is live, and patient with its lists where it is not."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.errors import Permanent
from bridge.simulator.remote import Remote
from bridge.tracker import check_reads, record_lookups, resources
from bridge.tracker.client import Client
from bridge.tracker.errors import EmptyBody, NoRows, Refused, Unreadable
from bridge.tracker.record_lookups import FoundPerson
from tests.flow.tracker_account import Account, account

AN_HOUR_AGO = timedelta(hours=1)


@pytest.fixture
async def acme(store_url: str) -> AsyncIterator[Account]:
    async with account(store_url) as found:
        yield found


@pytest.fixture
async def client(acme: Account) -> AsyncIterator[Client]:
    async with acme.client() as found:
        yield found


@pytest.fixture
async def remote(acme: Account) -> AsyncIterator[Remote]:
    async with Remote(acme.url) as found:
        yield found


def since() -> datetime:
    return datetime.now(UTC) - AN_HOUR_AGO


async def newcomer(acme: Account, **fields: Any) -> str:
    return str(await acme.change(op="create", entity="resource", surname="New", **fields))


async def placed(acme: Account, candidate: str, job: str) -> str:
    given = {"opportunityId": int(job), "resourceId": int(candidate)}
    return str(await acme.change(op="create", entity="opportunity_resource", **given))


async def test_a_person_is_found_by_either_address_in_any_case(acme: Account, client: Client) -> None:
    candidate = await newcomer(acme, contactDetails={"email": "a@example.com", "email2": "b@example.com"})
    for address in ("a@example.com", "B@Example.com"):
        assert await record_lookups.person_by_email(client, address) == FoundPerson(remote_id=candidate)
    assert await record_lookups.person_by_email(client, "nobody@example.com") is None


async def test_finding_people_can_be_off(acme: Account, client: Client) -> None:
    assert record_lookups.can_find_people(client)
    async with acme.client(tracker={"actions": {"find_person": "off"}}) as blind:
        assert not record_lookups.can_find_people(blind)
        with pytest.raises(Refused, match="off"):
            await record_lookups.person_by_email(blind, "a@example.com")
    assert await acme.calls("/api/widget/checkPerson") == 0


async def test_looking_for_a_person_is_repeated_where_it_fails(acme: Account, client: Client) -> None:
    await acme.fault("/api/widget/checkPerson", "cut", times=2)
    assert await record_lookups.person_by_email(client, "nobody@example.com") is None


async def test_a_candidate_is_read_by_our_names(acme: Account, client: Client) -> None:
    candidate = await newcomer(
        acme,
        firstName="Ada",
        contactDetails={"email": "a@example.com", "email2": "a@example.com", "telephone": "020"},
        address={"country": "England"},
        desiredSalaryNum=30000.5,
    )
    found = await record_lookups.read_candidate(client, candidate)
    assert found is not None
    assert found.record["id"] == int(candidate)
    assert found.emails == ("a@example.com",)
    named = ("first_name", "country", "additional_phone", "phone", "salary_amount", "owner")
    assert [found.fields[name] for name in named] == ["Ada", "GB", "020", None, 30000.5, None]


@pytest.mark.parametrize("remote_id", [check_reads.ABSENT_ID, "../Opportunity/1", "", "x"])
async def test_what_is_not_there_is_none(client: Client, remote_id: str) -> None:
    assert await record_lookups.read_candidate(client, remote_id) is None
    assert await record_lookups.read_application(client, remote_id) is None
    assert await record_lookups.read_job(client, remote_id) is None


async def test_a_deleted_candidate_is_gone_and_has_no_documents(acme: Account, client: Client) -> None:
    candidate = await newcomer(acme)
    await acme.change(op="delete", entity="resource", id=int(candidate))
    assert await record_lookups.read_candidate(client, candidate) is None
    assert await record_lookups.read_documents(client, candidate) == []


async def test_an_empty_answer_is_never_gone(acme: Account, client: Client) -> None:
    candidate = await newcomer(acme)
    await acme.fault("/api/v1/Resource/", "empty_body", times=None)
    with pytest.raises(EmptyBody):
        await record_lookups.read_candidate(client, candidate)
    with pytest.raises(EmptyBody):
        await record_lookups.read_documents(client, candidate)


async def test_an_answer_of_another_record_is_refused(acme: Account, client: Client) -> None:
    candidate = await newcomer(acme)
    await acme.change(entity="resource", id=int(candidate), raw={"detail": {"id": 7}})
    with pytest.raises(Unreadable, match="another record"):
        await record_lookups.read_candidate(client, candidate)


async def test_a_value_of_the_wrong_type_is_named_and_not_shown(acme: Account, client: Client) -> None:
    candidate = await newcomer(acme)
    raw = {"detail": {"id": int(candidate), "surname": ["secretly"]}}
    await acme.change(entity="resource", id=int(candidate), raw=raw)
    with pytest.raises(Permanent, match="surname is a list") as told:
        await record_lookups.read_candidate(client, candidate)
    assert "secretly" not in str(told.value)


async def test_recent_candidates_are_the_changed_ones_newest_first(acme: Account, client: Client) -> None:
    made = [await newcomer(acme) for _ in range(13)]
    assert await record_lookups.recent_candidates(client, since()) == made[::-1]
    assert len(await record_lookups.recent_candidates(client, since(), pages=1)) == 10


async def test_a_stale_index_hides_what_by_id_reads_show(store_url: str) -> None:
    async with account(store_url, index_lag_seconds=3600) as acme, acme.client() as client:
        candidate = await newcomer(acme, contactDetails={"email": "a@example.com"})
        application = await placed(acme, candidate, "1005")
        assert await record_lookups.recent_candidates(client, since()) == []
        assert await record_lookups.find_application(client, "1005", candidate, since()) is None
        assert await record_lookups.read_application(client, application) is not None
        assert await record_lookups.person_by_email(client, "a@example.com") == FoundPerson(
            remote_id=candidate
        )


async def test_an_application_is_found_on_any_page(acme: Account, client: Client) -> None:
    candidates = [await newcomer(acme) for _ in range(25)]
    made = [await placed(acme, candidate, "1005") for candidate in candidates]
    other = await placed(acme, candidates[0], "1006")
    assert await record_lookups.find_application(client, "1005", candidates[0], since()) == made[0]
    assert await record_lookups.find_application(client, "1006", candidates[0], None) == other
    assert await record_lookups.find_application(client, "1005", candidates[0], since(), pages=2) is None
    assert await record_lookups.find_application(client, "1007", candidates[0], since()) is None


async def test_an_application_that_the_list_still_shows_is_confirmed_by_id(store_url: str) -> None:
    async with account(store_url) as acme, acme.client() as client, Remote(acme.url) as remote:
        candidate = await newcomer(acme)
        application = await placed(acme, candidate, "1005")
        await acme.change(entity="opportunity_resource", id=int(application), raw={"detail": {
            "opportunityResourceId": int(application), "opportunityId": 1006, "resourceId": int(candidate),
        }})  # fmt: skip
        assert application in await remote.truth("application")
        assert await record_lookups.find_application(client, "1005", candidate, since()) is None


async def test_an_odd_row_hides_no_other(acme: Account, client: Client) -> None:
    candidate = await newcomer(acme)
    application = await placed(acme, candidate, "1005")
    odd = await placed(acme, candidate, "1006")
    row = {"opportunityResourceId": int(odd), "opportunityId": ["odd"]}
    await acme.change(entity="opportunity_resource", id=int(odd), raw={"row": row})
    assert await record_lookups.find_application(client, "1005", candidate, since()) == application


async def test_an_application_names_its_job_candidate_and_stage(
    acme: Account, client: Client, remote: Remote
) -> None:
    application, record = next(iter((await remote.truth("application")).items()))
    found = await record_lookups.read_application(client, application)
    assert found is not None
    assert [f"remote:{n}" for n in (found.job, found.candidate, found.stage)] == [
        record[key] for key in ("job_id", "candidate_id", "current_stage_id")
    ]


@pytest.mark.parametrize(
    ("changed", "maps", "closed"),
    [
        ({}, {}, False),
        ({"filled": "2026-01-05T00:00:00"}, {}, True),
        ({"closed": "2026-01-05T00:00:00"}, {}, True),
        ({"awarded": "2026-01-05T00:00:00"}, {}, True),
        ({"closed": "2026-01-05T00:00:00"}, {"Open": "OPEN"}, False),
        ({}, {"Open": "ARCHIVED"}, True),
        ({}, {"Open": "CLOSED"}, True),
        ({}, {"Open": "DRAFT"}, False),
    ],
)
async def test_a_job_is_closed_where_its_unified_status_is(
    acme: Account, changed: dict[str, str], maps: dict[str, str], closed: bool
) -> None:
    nothing = {"awarded": None, "filled": None, "closed": None}
    detail = {"id": 1005, "name": "Pilot", "status": {"name": "Open"}, "history": {**nothing, **changed}}
    await acme.change(entity="opportunity", id=1005, raw={"detail": detail})
    async with acme.client(tracker={"maps": {"job_status": maps}}) as client:
        found = await record_lookups.read_job(client, "1005")
    assert found is not None
    assert (found.closed, found.name) == (closed, "Pilot")


async def test_every_job_is_closed_as_the_truth_says(client: Client, remote: Remote) -> None:
    for job, record in (await remote.truth("job")).items():
        found = await record_lookups.read_job(client, job)
        assert found is not None
        assert found.closed == (record["status"] in ("CLOSED", "ARCHIVED")), job


async def test_statuses_tell_which_of_them_reject(client: Client, remote: Remote) -> None:
    statuses = await record_lookups.placement_statuses(client)
    assert [status.place for status in statuses] == list(range(len(statuses)))
    declined = {status.remote_id for status in statuses if status.declined}
    assert declined == set(await remote.truth("rejection_reason"))


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"documents": [{"id": 7, "name": "a.txt"}], "count": 1}, ["a.txt"]),
        ([{"documentId": "7", "filename": None}], [None]),
        ({"data": []}, []),
    ],
)
def test_documents_may_be_wrapped(body: Any, names: list[str | None]) -> None:
    assert [
        one.filename for one in record_lookups.documents_in(body, "GET /x", resources.DEFAULT.document)
    ] == names


@pytest.mark.parametrize("body", [{}, {"a": [], "b": []}, "x", [1], None])
def test_what_is_no_list_of_documents_is_told(body: Any) -> None:
    with pytest.raises(NoRows, match="GET /x"):
        record_lookups.documents_in(body, "GET /x", resources.DEFAULT.document)
