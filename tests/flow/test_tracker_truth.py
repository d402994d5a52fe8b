"""Everything read over HTTP and normalized is what the simulator, by its own means, says is true."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from typing import Any, get_args, get_type_hints

import aiohttp
import msgspec
import pytest
from msgspec import Struct
from trackerrms_contracts.entities import STRUCTS, Model

from bridge.tracker.by_id import Detail
from bridge.tracker.client import Client
from bridge.tracker.entity_set import EntitySet
from bridge.tracker.normalize import Normalizer
from bridge.tracker.schema import ResourceName
from tests import oracle
from tests.contracts.test_models import COVERED
from tests.flow.tracker_account import Account, account

ZONE = "America/New_York"
State = dict[str, dict[str, dict[str, Any]]]

# Why a field is empty in every record, with the fields: those that Kombo's API always sends and its
# TrackerRMS connector does not cover, and parts that TrackerRMS's records do not have.
UNFILLED: dict[str, str] = {
    "set when a change is compared and published, not when a record is read": " ".join(
        f"{model}.changed_at {model}.remote_deleted_at" for model in Model
    ),
    "TrackerRMS's API has no custom fields that could be told apart": """
        job.custom_fields job.integration_fields candidate.custom_fields candidate.integration_fields
        application_stage.custom_fields application.custom_fields application.integration_fields""",
    "TrackerRMS's API gives no address of a record's own page": """
        job.remote_url job.post_url job_posting.url candidate.remote_url application.remote_url""",
    "it has a topic of its own, and is not repeated in its relatives": """
        job.stages job.job_postings job.hiring_team candidate.applications candidate.tags
        application.candidate application.current_stage application.job""",
    "TrackerRMS has no such things": """
        user.system_roles job.weekly_hours job.experience_level job.remote_work_status
        job.screening_questions candidate.confidential application_stage.status
        application.screening_question_answers application.interviews application.offers""",
    "deprecated by Kombo, and the hiring team says more": "job.contact_id",
    "TrackerRMS keeps no moment of a rejection": "application.rejected_at",
    "not covered by Kombo's connector: a placement's update time moves without a change of these fields": (
        "application.remote_updated_at"
    ),
    "a job's place is a line, a town, a state and a postcode": (
        "job.location.country job.location.street_1 job.location.street_2"
    ),
    "TrackerRMS's addresses have no kind": "candidate.email_addresses.type",
}


@pytest.fixture(params=[3, 4])
async def acme(store_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Account]:
    sizes = {"candidates": 120, "jobs": 60, "applications": 150, "seed": request.param}
    async with account(store_url, time_zone=ZONE, sizes=sizes, changes=1500) as found:
        yield found


async def rows_of(client: Client, resource: ResourceName) -> list[tuple[str | None, int, dict[str, Any]]]:
    found = []
    for state in client.settings[resource].states:
        number, more = 1, True
        while more:
            page = await client.pages(resource, state=state, number=number)
            assert not page.bad_rows
            found += [(state, row.place, row.decode()) for row in page.rows]
            number, more = number + 1, page.has_next
    return found


async def families(client: Client) -> list[EntitySet]:
    n = Normalizer("acme", client.settings, ZONE, keep_remote_data=True)
    statuses = await rows_of(client, "statuses")
    table = n.status_table([row for _, _, row in statuses])
    found = [n.status(row, place) for _, place, row in statuses]
    found += [n.user(row) for _, _, row in await rows_of(client, "users")]
    found += [n.application(row, table) for _, _, row in await rows_of(client, "applications")]
    for state, _, row in await rows_of(client, "jobs"):
        found.append(n.job(row, await by_id(client, "jobs", row["opportunityId"]), state))
    for _, _, row in await rows_of(client, "candidates"):
        found.append(n.candidate(row, await by_id(client, "candidates", row["resourceId"])))
    return found


async def by_id(client: Client, resource: ResourceName, remote_id: int) -> dict[str, Any]:
    detail = await client.detail(resource, str(remote_id))
    assert isinstance(detail, Detail)
    return detail.record


async def truth(url: str) -> dict[str, list[dict[str, Any]]]:
    found = {}
    async with aiohttp.ClientSession(url) as session:
        for model in Model:
            async with session.get("/__truth", params={"model": model}) as answer:
                found[str(model)] = [json.loads(line) for line in (await answer.text()).splitlines()]
    return found


async def normalized(acme: Account) -> State:
    """Model → entity id → record, as JSON, of everything that the account holds."""
    found: State = defaultdict(dict)
    async with acme.client() as client:
        for family in await families(client):
            for member in family.members:
                found[member.model][member.record.id] = json.loads(msgspec.json.encode(member.record))
    return found


async def test_every_model_is_as_the_simulator_says(acme: Account) -> None:
    told = await truth(acme.url)
    assert [model for model, lines in told.items() if not lines] == []
    assert oracle.compare(await normalized(acme), "acme", told) == [], (
        "the bridge reads another value than the simulator says is true. One of the two is wrong: "
        "bridge/tracker/resources.py and normalize*.py, or bridge/simulator/plain_fields.py and truth.py"
    )


async def test_every_field_of_every_model_is_filled_in_some_record(acme: Account) -> None:
    every = {path for model, struct in STRUCTS.items() for path in fields_of(struct, model)}
    state = await normalized(acme)
    filled = {
        path for model in Model for record in state[model].values() for path in filled_in(record, model)
    }
    reasons = {path for listed in UNFILLED.values() for path in listed.split()}
    assert sorted(every - filled - reasons) == [], (
        "no record has these: say in bridge/tracker/resources.py, under the field's name, where its value is "
        "(of a field that follows a rule: make it in bridge/tracker/normalize*.py), or, where TrackerRMS has "
        "nothing for it, add it to UNFILLED with the reason"
    )
    assert sorted(reasons & filled) == [], "these are filled: take them out of UNFILLED"
    assert sorted(reasons - every) == [], "no model has these: take them out of UNFILLED"


def test_nothing_that_kombos_connector_covers_may_be_left_unfilled() -> None:
    by_the_bridge = {"changed_at", "remote_deleted_at"}
    covered = {f"{m}.{name}" for m, names in COVERED.items() for name in set(names.split()) - by_the_bridge}
    assert covered & {path for listed in UNFILLED.values() for path in listed.split()} == set()


def fields_of(struct: type[Struct], at: str) -> Iterator[str]:
    """The paths of a struct's fields, down into the structs that they hold."""
    for name, kind in get_type_hints(struct).items():
        yield f"{at}.{name}"
        for inner in _structs(kind):
            yield from fields_of(inner, f"{at}.{name}")


def _structs(kind: Any) -> Iterator[type[Struct]]:
    if isinstance(kind, type) and issubclass(kind, Struct):
        yield kind
    for part in get_args(kind):
        yield from _structs(part)


def filled_in(value: Any, at: str) -> Iterator[str]:
    """The paths at which a record says something."""
    if isinstance(value, list):
        for item in value:
            yield from filled_in(item, at)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if inner not in (None, "", [], {}):
                yield f"{at}.{name}"
            yield from filled_in(inner, f"{at}.{name}")
