"""Reading an account over HTTP: pages, records by id, and everything that can go wrong on the way."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import pytest
from trackerrms_contracts.entities import Model

from bridge.config import IntegrationConfig, Secret
from bridge.errors import Throttled
from bridge.runtime.account_ports import Lane
from bridge.simulator.options import BEARER_TOKEN
from bridge.tracker import check_reads
from bridge.tracker.by_id import Detail, RecordGone
from bridge.tracker.client import Client
from bridge.tracker.errors import (
    AnswerTooLarge,
    BadJson,
    EffectUnknown,
    EmptyBody,
    NoRows,
    Refused,
    Unreachable,
    Unreadable,
)
from bridge.tracker.normalize import Normalizer
from bridge.tracker.schema import ResourceName
from tests.flow.tracker_account import EXCHANGE, HASTY, Account, account

CANDIDATES = "/api/v1/Resource/PagedSearch"
RECORD = "/api/v1/Resource/"
IMPATIENT = msgspec.structs.replace(HASTY, attempts=2, attempt_seconds=0.2)


@pytest.fixture
async def acme(store_url: str) -> AsyncIterator[Account]:
    async with account(store_url) as found:
        yield found


@pytest.fixture
async def client(acme: Account) -> AsyncIterator[Client]:
    async with acme.client() as found:
        yield found


async def every_id(
    client: Client, resource: ResourceName, updated_after: datetime | None = None
) -> list[str]:
    found: list[str] = []
    for state in client.settings[resource].states:
        number = 1
        while True:
            page = await client.pages(resource, state=state, updated_after=updated_after, number=number)
            found += [row.remote_id for row in page.rows]
            if not page.has_next:
                break
            number += 1
    return found


@pytest.mark.parametrize(
    ("resource", "count"), [("candidates", 23), ("jobs", 12), ("applications", 31), ("users", 12)]
)
async def test_every_record_is_listed_once(client: Client, resource: ResourceName, count: int) -> None:
    ids = await every_id(client, resource)
    assert (len(ids), len(set(ids))) == (count, count)


async def test_statuses_come_in_one_page_in_order(client: Client) -> None:
    page = await client.statuses()
    assert [row.place for row in page.rows] == list(range(len(page.rows)))
    assert not page.has_next


async def test_what_is_listed_is_read_by_id_and_normalized(acme: Account, client: Client) -> None:
    n = Normalizer("acme", client.settings, acme.time_zone)
    (row, *_) = (await client.pages("candidates")).rows
    detail = await client.detail("candidates", row.remote_id)
    assert isinstance(detail, Detail)
    (member,) = n.candidate(row.decode(), detail.record).of(Model.CANDIDATE)
    assert member.remote_id == row.remote_id


@pytest.mark.parametrize("resource", ["candidates", "jobs", "applications"])
async def test_an_absent_id_is_gone(client: Client, resource: ResourceName) -> None:
    assert await client.detail(resource, check_reads.ABSENT_ID) == RecordGone(status=204)


async def test_only_configured_statuses_mean_gone(acme: Account) -> None:
    async with acme.client(tracker={"absence": {"statuses": [404]}}) as client:
        with pytest.raises(EmptyBody, match="answered 204"):
            await client.detail("candidates", check_reads.ABSENT_ID)


@pytest.mark.parametrize(("kind", "problem"), [("empty_body", EmptyBody), ("bad_json", BadJson)])
async def test_an_unreadable_answer_is_told_and_never_means_gone(
    acme: Account, client: Client, kind: str, problem: type[Unreadable]
) -> None:
    (row, *_) = (await client.pages("candidates")).rows
    await acme.fault(CANDIDATES, kind)
    with pytest.raises(problem):
        await client.pages("candidates")
    await acme.fault(RECORD, kind)
    with pytest.raises(problem):
        await client.detail("candidates", row.remote_id)


async def test_rows_under_another_key_are_missed_and_the_answers_keys_named(acme: Account) -> None:
    async with acme.client(tracker={"rows": {"candidates": "people"}}) as client:
        with pytest.raises(NoRows, match=r"no 'people'; its keys: .*resources"):
            await client.pages("candidates")


async def test_a_row_of_the_wrong_shape_does_not_lose_the_page(acme: Account, client: Client) -> None:
    (first, *_) = (await client.pages("candidates")).rows
    await acme.change(entity="resource", id=int(first.remote_id), raw={"row": ["odd"], "detail": {}})
    page = await client.pages("candidates")
    assert (len(page.rows), len(page.bad_rows)) == (9, 1)


@pytest.mark.parametrize("kind", ["status", "cut"])
async def test_a_failure_that_passes_is_not_noticed(acme: Account, client: Client, kind: str) -> None:
    await acme.fault(CANDIDATES, kind, times=3)
    assert (await client.pages("candidates")).rows


async def test_a_clients_lane_is_that_of_every_call_that_names_none(acme: Account) -> None:
    lanes: list[str] = []

    class Watched:
        async def acquire(self, lane: Lane) -> None:
            lanes.append(lane)

        async def pause(self, seconds: float, why: str) -> None:
            raise AssertionError(seconds)

    config = IntegrationConfig(id="acme", base_url=acme.url, bearer_token=Secret(BEARER_TOKEN))
    async with Client(config, Watched(), acme.vault(), patience=HASTY, lane="command") as client:
        await client.pages("candidates")
        await client.detail("candidates", "101")
        await client.statuses()
        await client.request("GET", "/api/v1/MetaData")
        assert lanes == ["command"] * 5
        await client.pages("candidates", lane="poll")
    assert lanes[5:] == ["poll"]


async def test_every_attempt_is_charged_to_the_budget(acme: Account) -> None:
    await acme.fault(CANDIDATES, "status", status=503, times=2)
    async with acme.client(per_minute=600) as client:
        await client.pages("candidates")
    sent = await acme.calls(EXCHANGE) + await acme.calls(CANDIDATES)
    assert (await acme.charged(), sent) == (4, 4)


@pytest.mark.parametrize("kind", ["status", "cut", "hang"])
async def test_a_failure_that_stays_is_unreachable(acme: Account, kind: str) -> None:
    await acme.fault(CANDIDATES, kind, times=None)
    async with acme.client(IMPATIENT) as client:
        with pytest.raises(Unreachable, match="PagedSearch"):
            await client.pages("candidates")
    assert await acme.calls(CANDIDATES) == 2


async def test_no_server_is_unreachable(acme: Account) -> None:
    twice = msgspec.structs.replace(HASTY, attempts=2)
    async with acme.client(twice, base_url="http://127.0.0.1:9") as client:
        with pytest.raises(Unreachable, match="can't connect"):
            await client.pages("candidates")


async def test_a_429_is_waited_out_as_long_as_it_asks(acme: Account, client: Client) -> None:
    await client.pages("candidates")
    await acme.fault(CANDIDATES, "status", status=429, retry_after=1)
    started = time.monotonic()
    assert (await client.pages("candidates")).rows
    assert time.monotonic() - started >= 1


async def test_a_429_holds_every_process(acme: Account, client: Client) -> None:
    await client.pages("users")
    await acme.fault(CANDIDATES, "status", status=429, retry_after=3600, times=None)
    short = msgspec.structs.replace(HASTY, deadline_seconds=1)
    async with acme.client(short) as other:
        with pytest.raises(Throttled) as told:
            await other.pages("candidates")
    assert told.value.retry_after_seconds == 300
    assert await acme.calls(CANDIDATES) == 1


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_refusal_is_permanent_and_not_repeated(acme: Account, client: Client, status: int) -> None:
    await acme.fault(CANDIDATES, "status", status=status, times=None)
    with pytest.raises(Refused) as told:
        await client.pages("candidates")
    assert told.value.status == status
    # A 403 may mean that the JWT was superseded: it is renewed once.
    assert await acme.calls(CANDIDATES) == (2 if status == 403 else 1)


async def test_a_write_whose_answer_is_lost_is_not_repeated(acme: Account, client: Client) -> None:
    await acme.fault("/api/v1/Resource", "cut", method="POST", times=None)
    with pytest.raises(EffectUnknown):
        await client.request("POST", "/api/v1/Resource", data={"firstName": "A", "surname": "B"})
    assert await acme.calls("/api/v1/Resource") == 1


async def test_a_writes_failure_is_the_callers_to_read(acme: Account, client: Client) -> None:
    await acme.fault("/api/v1/Resource", "status", method="POST", status=500, times=None)
    answer = await client.request("POST", "/api/v1/Resource", data={"surname": "B"})
    assert answer.status == 500
    assert await acme.calls("/api/v1/Resource") == 1


async def test_an_answer_over_the_limit_is_refused(acme: Account) -> None:
    async with acme.client(msgspec.structs.replace(HASTY, body_limit_bytes=1000)) as client:
        with pytest.raises(AnswerTooLarge, match="more than 1000 bytes"):
            await client.pages("candidates")


@pytest.mark.parametrize("path", ["evil.test/x", "@evil.test/x", ".evil.test/x", ""])
async def test_a_path_cannot_name_another_host(client: Client, path: str) -> None:
    with pytest.raises(Refused, match="must start with /"):
        await client.request("GET", path)


async def test_the_servers_clock_is_known_after_an_answer(client: Client) -> None:
    assert client.clock_skew_seconds is None
    await client.pages("users")
    assert client.clock_skew_seconds is not None
    assert abs(client.clock_skew_seconds) < 60


@pytest.mark.parametrize("zone", ["Europe/London", "America/Los_Angeles"])
async def test_updated_after_finds_what_changed_since_in_any_zone(store_url: str, zone: str) -> None:
    now = datetime(2026, 7, 1, 12, tzinfo=UTC)
    async with account(store_url, time_zone=zone, clock=lambda: now) as acme:
        (some, *_) = await found_ids(acme)
        before, now = now, datetime(2026, 7, 1, 12, 5, tzinfo=UTC)
        await acme.change(entity="resource", id=int(some), jobTitle="Pilot")
        async with acme.client(clock=lambda: now) as client:
            assert await every_id(client, "candidates", before.replace(minute=1)) == [some]


async def test_a_change_in_the_hour_that_comes_twice_is_found(store_url: str) -> None:
    now = datetime(2026, 10, 25, 0, 50, tzinfo=UTC)  # 01:50 by summer time
    async with account(store_url, clock=lambda: now) as acme:
        (some, *_) = await found_ids(acme)
        before, now = now, datetime(2026, 10, 25, 1, 5, tzinfo=UTC)  # 01:05 again, by winter time
        await acme.change(entity="resource", id=int(some), jobTitle="Pilot")
        async with acme.client(clock=lambda: now) as client:
            assert some in await every_id(client, "candidates", before)


async def found_ids(acme: Account) -> list[str]:
    async with acme.client() as client:
        return await every_id(client, "candidates")


async def test_a_callers_headers_cannot_replace_the_authorization(client: Client) -> None:
    answer = await client.request("GET", "/api/v1/MetaData", headers={"authorization": "Bearer of bad news"})
    assert answer.status == 200
