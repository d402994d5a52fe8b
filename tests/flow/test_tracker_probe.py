"""The scope test says of each resource and action whether it works, and why not."""

from collections.abc import AsyncIterator

import pytest

from bridge.errors import Fatal
from bridge.tracker import absence, check_reads, resources
from bridge.tracker.check_reads import ReadVerdict
from bridge.tracker.schema import ResourceName
from tests.flow.tracker_account import Account, account


@pytest.fixture
async def acme(store_url: str) -> AsyncIterator[Account]:
    async with account(store_url) as found:
        yield found


@pytest.mark.parametrize("name", list(resources.DEFAULT.resources))
async def test_every_resource_works_and_its_guessed_fields_are_there(
    acme: Account, name: ResourceName
) -> None:
    async with acme.client() as client:
        verdict = await check_reads.resource(client, name)
    assert verdict.result == "works", verdict.reason
    assert set(verdict.absent) <= {"full_name"}


@pytest.mark.parametrize(
    ("status", "result"),
    [(403, "refused"), (401, "refused"), (404, "not_found"), (400, "error"), (500, "error")],
)
async def test_what_fails_is_told_with_its_reason(acme: Account, status: int, result: str) -> None:
    await acme.fault("/api/v1/OpportunityResource", "status", status=status, times=None)
    async with acme.client() as client:
        verdict = await check_reads.resource(client, "applications")
    assert verdict.result == result
    assert str(status) in verdict.reason


async def test_a_field_that_no_record_has_is_named(acme: Account) -> None:
    async with acme.client(tracker={"fields": {"candidate": {"source": "detail:origin"}}}) as client:
        verdict = await check_reads.resource(client, "candidates")
    assert verdict.absent == ("source",)


async def test_an_id_that_no_row_has_is_an_error(acme: Account) -> None:
    async with acme.client(tracker={"fields": {"candidate": {"id": "row:personId"}}}) as client:
        verdict = await check_reads.resource(client, "candidates")
    assert verdict.result == "error"
    assert "fields.candidate.id" in verdict.reason


async def test_an_absent_id_must_be_recognized(acme: Account) -> None:
    async with acme.client() as client:
        assert (await check_reads.absent_id(client, "jobs")).result == "works"
    async with acme.client(tracker={"absence": {"statuses": [410]}}) as client:
        verdict = await check_reads.absent_id(client, "jobs")
    assert verdict.result == "error"
    assert "set absence.statuses = [204,410] in [integrations.tracker]" in verdict.reason


async def test_an_absent_id_that_is_answered_with_a_record_proves_no_deletion(acme: Account) -> None:
    for record_id in (absence.OTHER_ABSENT_ID, absence.ABSENT_ID):
        await acme.change(op="create", entity="resource", id=int(record_id), surname="Last")
    async with acme.client() as client:
        verdict = await check_reads.absent_id(client, "candidates")
    assert verdict.result == "error"
    assert "with a record of that id: deletions can't be proved" in verdict.reason


async def test_a_record_that_stands_in_the_list_and_is_gone_by_id_is_an_error(store_url: str) -> None:
    async with account(store_url, index_lag_seconds=3600) as acme, acme.client() as client:
        [first, *_] = (await client.pages("candidates")).rows
        await acme.change(op="delete", entity="resource", id=int(first.remote_id))
        verdict = await check_reads.resource(client, "candidates")
    assert verdict.result == "error"
    assert f"candidate {first.remote_id} is in the list and is answered 204 by id" in verdict.reason


async def test_an_empty_list_works_and_lacks_no_field(store_url: str) -> None:
    async with account(store_url, sizes={"applications": 0}) as acme, acme.client() as client:
        verdict = await check_reads.resource(client, "applications")
    assert (verdict.result, verdict.absent) == ("works", ())
    assert "0 rows on the first page" in verdict.reason


async def test_what_ends_the_process_is_no_verdict() -> None:
    async def ends() -> ReadVerdict:
        raise Fatal("the store is of a newer version")

    with pytest.raises(Fatal, match="newer version"):
        await check_reads.judge_trial("create_candidate", ends())


@pytest.mark.parametrize(
    ("name", "via"),
    [(action.name, via) for action in resources.DEFAULT.actions.values() for via in action.choices],
)
async def test_an_action_that_is_there_works_and_nothing_is_written(
    acme: Account, name: str, via: str
) -> None:
    async with acme.client(tracker={"actions": {name: via}}) as client:
        verdict = await check_reads.action(client, name)
        assert len((await client.pages("candidates", number=3)).rows) == 3
    assert verdict.result == "works", verdict.reason


async def test_where_logging_on_is_not_answered_the_credentials_are_left_open(acme: Account) -> None:
    await acme.fault("/api/widget/checkLogon", "status", status=404, times=None)
    async with acme.client() as client:
        verdict = await check_reads.action(client, "reject")
    assert verdict.result == "works"
    assert "can't determine if it accepts the credentials" in verdict.reason


@pytest.mark.parametrize(
    ("path", "reason"), [("/api/v1/Nowhere", "404"), ("PATCH /api/v1/Resource", "not PATCH")]
)
async def test_an_action_whose_path_is_wrong_is_not_found(acme: Account, path: str, reason: str) -> None:
    corrected = {"actions": {"create_candidate": "rest"}, "paths": {"create_candidate": path}}
    async with acme.client(tracker=corrected) as client:
        verdict = await check_reads.action(client, "create_candidate")
    assert verdict.result == "not_found"
    assert reason in verdict.reason
