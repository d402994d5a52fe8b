"""What is true after each kind of change, for all twelve models, and that the journal tells of it."""

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.simulator.truth import MODELS
from bridge.simulator.world import World
from tests.simulator.account import Account, Clock

Keys = set[tuple[str, str]]


async def test_a_user(account: Account) -> None:
    new = await account.change("create", "user", firstName="Ann", surname="Lee", email="ann@agency.example")
    expected = {
        "remote_id": str(new),
        "first_name": "Ann",
        "last_name": "Lee",
        "email": "ann@agency.example",
        "status": "ACTIVE",
        "system_roles": [],
    }
    assert (await account.truth("user"))[str(new)] == expected
    await account.change("update", "user", new, email="not an e-mail", firstName=" ")
    assert (await account.truth("user"))[str(new)] == {**expected, "first_name": None, "email": None}
    await account.change("update", "user", new, active=False)
    assert (await account.truth("user"))[str(new)]["status"] == "INACTIVE"
    await account.change("delete", "user", new)
    assert str(new) not in await account.truth("user")
    assert [op for op, model, _ in await account.journal() if model == "user"] == [
        "created",
        "updated",
        "updated",
        "deleted",
    ]


async def test_a_candidate(account: Account) -> None:
    new = await account.change(
        "create",
        "resource",
        firstName="Zoë",
        surname="Ng",
        jobTitle="Nurse",
        source="Referral",
        contactDetails={
            "email": "zoe@example.com",
            "email2": "nonsense",
            "mobilePhone": "+44 7700 900123",
            "telephone": "020 7946 0000",
            "linkedin": "https://www.linkedin.com/in/zoe-ng",
        },
        address={"addressLine1": "1 High St", "town": "Leeds", "country": "United Kingdom"},
        currentClient={"id": -1, "name": "Acme"},
    )
    expected = {
        "remote_id": str(new),
        "first_name": "Zoë",
        "last_name": "Ng",
        "company": "Acme",
        "title": "Nurse",
        "source": "Referral",
        "phone_numbers": [
            {"phone_number": "+44 7700 900123", "type": "MOBILE"},
            {"phone_number": "020 7946 0000", "type": None},
        ],
        "email_addresses": [{"email_address": "zoe@example.com", "type": None}],
        "social_media": [
            {"link": "https://www.linkedin.com/in/zoe-ng", "type": "LINKEDIN", "username": "zoe-ng"}
        ],
        "location": {
            "city": "Leeds",
            "country": "GB",
            "raw": "1 High St, Leeds, United Kingdom",
            "state": None,
            "street_1": "1 High St",
            "street_2": None,
            "zip_code": None,
        },
        "remote_created_at": "2026-11-23T12:00:00.000Z",
        "remote_updated_at": "2026-11-23T12:00:00.000Z",
    }
    candidate = (await account.truth("candidate"))[str(new)]
    assert {key: candidate.pop(key) for key in expected} == expected
    nothing: dict[str, Any] = {"integration_fields": [], "applications": [], "tags": []}
    assert candidate == dict.fromkeys(candidate) | nothing, "nothing was given of the other fields"


async def test_tags_live_as_long_as_somebody_has_them(account: Account) -> None:
    await account.change("update", "resource", 101, tagText=" Falconer ,, Falconer,VIP ")
    await account.change("update", "resource", 102, tagText="Falconer")
    pair = {"candidate_id": "remote:101", "tag_id": "remote:Falconer"}
    assert (await account.truth("candidate_tag"))["101:Falconer"] == pair
    assert (await account.truth("tag"))["Falconer"] == {"remote_id": "Falconer", "name": "Falconer"}
    await account.change("update", "resource", 101, tagText="")
    assert "Falconer" in await account.truth("tag")
    await account.change("delete", "resource", 102)
    assert "Falconer" not in await account.truth("tag")
    told = [op for op, model, name in await account.journal() if (model, name) == ("tag", "Falconer")]
    assert told == ["created", "deleted"]


async def test_a_tag_over_200_characters_keeps_its_name_and_has_an_id_of_200(account: Account) -> None:
    names = ["x" * 200, "x" * 201, "x" * 201 + "y"]
    await account.change("update", "resource", 101, tagText=",".join(names))
    told = {tag["name"]: tag_id for tag_id, tag in (await account.truth("tag")).items()}
    assert told[names[0]] == names[0]
    assert [len(told[name]) for name in names] == [200] * 3
    assert len({told[name] for name in names}) == 3
    await account.change("update", "resource", 101, tagText="")
    assert not set(names) & {tag["name"] for tag in (await account.truth("tag")).values()}


JOB: dict[str, Any] = {
    "opportunityName": "Baker",
    "opportunityStatusId": 2,
    "publishReference": "",
    "opportunityDescription": "",
    "publishDescription": "<p>Bread</p>",
    "workType": "Temporary",
    "advertStatus": "A",
    "publishOnline": "n",
    "publishTitle": "Baker wanted",
    "publishSector": "Food",
    "department": {"id": 4, "name": "Sales"},
    "publishSalaryFrom": "30000",
    "publishSalaryTo": "Competitive",
    "publishSalaryPer": "annum",
    "currencyCode": "GBP",
    "location": "Leeds, Yorkshire",
    "locationCity": "Leeds",
    "dateOpened": "2026-07-01T09:00:00",
}


async def test_a_job(account: Account) -> None:
    new = await account.change("create", "opportunity", **JOB)
    job = (await account.truth("job"))[str(new)]
    expected = {
        "name": "Baker",
        "job_code": None,
        "description": "<p>Bread</p>",
        "confidential": False,
        "employment_type": "CONTRACT",
        "status": "OPEN",
        "visibility": "UNLISTED",
        "category": "Food",
        "department": "Sales",
        "salary_amount": 30000,
        "salary_amount_from": 30000,
        "salary_amount_to": None,
        "salary_currency": "GBP",
        "salary_period": "YEAR",
        "opened_at": "2026-07-01T08:00:00.000Z",  # British Summer Time
        "closed_at": None,
    }
    assert {key: job[key] for key in expected} == expected
    assert job["location"]["raw"] == "Leeds, Yorkshire"


async def test_a_job_that_is_won_is_closed_with_a_date(account: Account) -> None:
    new = await account.change("create", "opportunity", **JOB)
    account.clock.advance(3600)
    await account.change("update", "opportunity", new, opportunityStatusId=6)
    job = (await account.truth("job"))[str(new)]
    assert (job["status"], job["closed_at"]) == ("CLOSED", "2026-11-23T13:00:00.000Z")
    await account.change("update", "opportunity", new, opportunityStatusId=1)
    job = (await account.truth("job"))[str(new)]
    assert (job["status"], job["closed_at"]) == ("DRAFT", None)


async def test_a_posting_comes_and_goes_with_the_advert(account: Account) -> None:
    new = await account.change("create", "opportunity", **JOB)
    posting = (await account.truth("job_posting"))[str(new)]
    assert posting == {
        "remote_id": str(new),
        "title": "Baker wanted",
        "description_html": "<p>Bread</p>",
        "status": "ACTIVE",
        "visibility": "UNLISTED",
        "url": None,
        "job_id": f"remote:{new}",
        "remote_created_at": "2026-11-23T12:00:00.000Z",
        "remote_updated_at": "2026-11-23T12:00:00.000Z",
    }
    await account.change("update", "opportunity", new, advertStatus="C")
    assert (await account.truth("job_posting"))[str(new)]["status"] == "INACTIVE"
    await account.change("update", "opportunity", new, advertStatus="")
    assert str(new) not in await account.truth("job_posting")


async def test_owners_become_team_members_assignments_and_roles(account: Account) -> None:
    owners = [{"ownerId": 21, "roleId": 77}, {"ownerId": 22, "roleId": 4}, {"ownerId": 21, "roleId": 2}]
    new = await account.change("create", "opportunity", **JOB, owners=[*owners, {"ownerId": 23}])
    team = {
        key: line for key, line in (await account.truth("job_hiring_team_member")).items() if str(new) in key
    }
    assert team == {
        f"{new}:21": {"roles": ["RECRUITER"], "job_id": f"remote:{new}", "user_id": "remote:21"},
        f"{new}:22": {"roles": ["HIRING_MANAGER"], "job_id": f"remote:{new}", "user_id": "remote:22"},
        f"{new}:23": {"roles": [], "job_id": f"remote:{new}", "user_id": "remote:23"},
    }
    assignments = await account.truth("job_user_role_assignment")
    expected = {"job_user_id": f"remote:{new}:23", "role_id": "remote:owner"}
    assert assignments[f"{new}:23:owner"] == expected
    assert {key for key in assignments if key.startswith(f"{new}:21")} == {f"{new}:21:77", f"{new}:21:2"}
    unnamed = {"remote_id": "77", "remote_label": "Owner", "scope": "JOB", "unified_type": None}
    assert (await account.truth("role"))["77"] == unnamed
    await account.change("delete", "opportunity", new)
    assert "77" not in await account.truth("role")


async def _placed(account: Account) -> int:
    job = await account.change("create", "opportunity", **JOB)
    ids = {"opportunityId": job, "resourceId": 101, "opportunityResourceStatusId": 5}
    return await account.change("create", "opportunity_resource", **ids)


async def test_an_application_moves_and_is_rejected(account: Account) -> None:
    new = await _placed(account)
    first = (await account.truth("application"))[str(new)]
    assert (first["outcome"], first["current_stage_id"]) == ("PENDING", "remote:5")
    assert first["candidate_id"] == "remote:101"
    await account.change("update", "opportunity_resource", new, opportunityResourceStatusId=9)
    assert (await account.truth("application"))[str(new)]["outcome"] == "HIRED"
    await account.change("update", "opportunity_resource", new, opportunityResourceStatusId=10)
    rejected = (await account.truth("application"))[str(new)]
    assert (rejected["outcome"], rejected["rejection_reason_name"]) == ("DECLINED", "Rejected - Not Suitable")
    await account.change("update", "opportunity_resource", new, rejectionReason="Too far away")
    assert (await account.truth("application"))[str(new)]["rejection_reason_name"] == "Too far away"


async def test_deleting_a_parent_deletes_its_applications(account: Account) -> None:
    new = await _placed(account)
    mine = {
        key
        for key, line in (await account.truth("application")).items()
        if line["candidate_id"] == "remote:101"
    }
    assert str(new) in mine
    assert len(mine) > 1
    await account.change("delete", "resource", 101)
    assert not mine & (await account.truth("application")).keys()
    assert mine == {
        key for op, model, key in await account.journal() if (op, model) == ("deleted", "application")
    }


async def test_undelete_brings_a_record_back(account: Account) -> None:
    before = (await account.truth("candidate"))["110"]
    await account.change("delete", "resource", 110)
    await account.change("undelete", "resource", 110)
    after = (await account.truth("candidate"))["110"]
    assert after == {**before, "remote_updated_at": "2026-11-23T12:00:00.000Z"}
    assert (await account.page("Resource"))["totalCount"] == 35


async def test_stages_and_reasons_keep_their_order(account: Account) -> None:
    new = await account.change("create", "status", name="Ghosted", group="Rejected", position=1)
    stages = await account.truth("application_stage")
    nothing = {"status": None, "custom_fields": None}
    assert stages[str(new)] == {"remote_id": str(new), "name": "Ghosted", "global_index": 1, **nothing}
    assert (stages["1"]["global_index"], stages["2"]["global_index"]) == (0, 2)
    assert (await account.truth("rejection_reason"))[str(new)] == {"remote_id": str(new), "name": "Ghosted"}
    await account.change("delete", "status", new)
    assert str(new) not in await account.truth("rejection_reason")
    assert (await account.truth("application_stage"))["2"]["global_index"] == 1


async def test_a_status_in_use_stays(account: Account) -> None:
    status, _ = await account.call("POST", "/__change", {"op": "delete", "entity": "status", "id": 2})
    assert status == 409


async def test_renaming_a_reason_renames_it_on_its_applications(account: Account) -> None:
    new = await _placed(account)
    await account.change("update", "opportunity_resource", new, opportunityResourceStatusId=12)
    start = len(await account.journal())
    await account.change("update", "status", 12, name="Withdrew")
    assert (await account.truth("application"))[str(new)]["rejection_reason_name"] == "Withdrew"
    told = await account.journal(start)
    assert {("updated", "application_stage", "12"), ("updated", "rejection_reason", "12")} <= set(told)
    assert ("updated", "application", str(new)) in told


async def test_a_save_without_a_change_only_moves_the_update_time(account: Account) -> None:
    await account.change("update", "user", 21)
    assert await account.journal() == []
    account.clock.advance(5)
    await account.change("update", "resource", 101)
    assert await account.journal() == [("updated", "candidate", "101")]


async def test_the_truth_is_live_where_search_lags(account: Account) -> None:
    await account.control("POST", "/__index", {"lag_seconds": 60})
    await account.change("update", "resource", 135, surname="Ahead")
    assert (await account.truth("candidate"))["135"]["last_name"] == "Ahead"
    assert (await account.page("Resource"))["rows"][0]["surname"] != "Ahead"


async def test_bad_changes_are_refused_with_the_reason(account: Account) -> None:
    async def status(**body: Any) -> int:
        return (await account.call("POST", "/__change", body))[0]

    assert await status(op="explode", entity="resource", id=101) == 400
    assert await status(op="update", entity="resource", id=101, shoeSize=9) == 400
    assert await status(op="update", entity="resource", id=101, surname=["x"]) == 400
    assert await status(op="update", entity="resource", id=9999, surname="x") == 404
    assert await status(op="create", entity="opportunity_resource", opportunityId=1, resourceId=101) == 409


def _world(seed: int, clock: Clock) -> World:
    return World(seed, candidates=60, jobs=25, applications=90, users=8, clock=clock, timer=clock.seconds)


def _truth(world: World) -> dict[tuple[str, str], Any]:
    return {(model, remote_id): record for model in MODELS for remote_id, record in world.truth(model)}


def _replay(known: Keys, world: World, after: int) -> None:
    for entry in world.journal.after(after):
        key = (str(entry["model"]), str(entry["remote_id"]))
        assert (key in known) == (entry["op"] != "created"), entry
        if entry["op"] == "created":
            known.add(key)
        elif entry["op"] == "deleted":
            known.remove(key)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), changes=st.integers(1, 300))
def test_the_journal_accounts_for_every_difference(seed: int, changes: int) -> None:
    clock, rng = Clock(), Random(seed)
    world = _world(seed, clock)
    before = _truth(world)
    for _ in range(changes):
        clock.advance(rng.random() * 5)
        world.random_change(rng)
    after, known = _truth(world), set(before)
    _replay(known, world, 0)
    assert known == after.keys()
    touched = {(entry["model"], entry["remote_id"]) for entry in world.journal.after(0)}
    assert {key for key in before.keys() & after.keys() if before[key] != after[key]} <= touched


def test_the_same_seed_makes_the_same_world() -> None:
    assert _truth(_world(3, Clock())) == _truth(_world(3, Clock()))
    assert _truth(_world(3, Clock())) != _truth(_world(4, Clock()))


def test_the_index_catches_up_with_the_live_records() -> None:
    clock, rng = Clock(), Random(5)
    world = _world(5, clock)
    for _ in range(500):
        world.random_change(rng)
    world.index.flush()
    for entity, live in world.live.items():
        searched, total = world.index.table(entity).search("", None, 0, 10_000)
        assert searched == sorted(live.ids(), reverse=True)
        assert total == len(live)


def test_random_change_reaches_every_model_and_operation() -> None:
    clock, rng = Clock(), Random(1)
    world = _world(1, clock)
    wanted = {(op, model) for op in ("created", "deleted") for model in MODELS}
    seen: set[Any] = set()
    for _ in range(10):  # what is chosen when depends on the keys that records have
        for _ in range(3000):
            clock.advance(1)
            world.random_change(rng)
        seen = {(entry["op"], entry["model"]) for entry in world.journal.after(0)}
        if wanted <= seen:
            break
    assert wanted <= seen
    assert {"created", "updated", "deleted"} == {op for op, _ in seen}


@settings(max_examples=15, deadline=None)
@given(
    candidates=st.integers(1, 40), jobs=st.integers(1, 40), share=st.floats(0, 1), seed=st.integers(0, 100)
)
def test_no_candidate_applies_twice_and_parents_find_their_applications(
    candidates: int, jobs: int, share: float, seed: int
) -> None:
    applications = int(candidates * jobs * share)
    world = World(seed, candidates, jobs, applications, clock=Clock())
    records = dict(world.truth("application"))
    pairs = {(record["job_id"], record["candidate_id"]) for record in records.values()}
    assert len(pairs) == len(records) == applications
    for entity, key in (("opportunity", "job_id"), ("resource", "candidate_id")):
        parent = world.live[entity].ids()[0]
        mine = {int(n) for n, record in records.items() if record[key] == f"remote:{parent}"}
        assert set(world.lookup.placements(entity, parent)) == mine


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_references_never_dangle_but_to_deleted_users(seed: int) -> None:
    clock, rng = Clock(), Random(seed)
    world = _world(seed, clock)
    for _ in range(200):
        world.random_change(rng)
    truth = _truth(world)
    targets = {
        "job_id": "job",
        "candidate_id": "candidate",
        "current_stage_id": "application_stage",
        "tag_id": "tag",
        "role_id": "role",
        "job_user_id": "job_hiring_team_member",
    }
    for record in truth.values():
        for field, model in targets.items():
            if field in record:
                assert (model, record[field].removeprefix("remote:")) in truth


def test_a_world_of_nothing_is_a_world() -> None:
    world = World(1, candidates=0, jobs=0, applications=0, users=1, clock=Clock())
    assert {model for model, _ in _truth(world)} == {"user", "application_stage", "rejection_reason"}
    for _ in range(100):
        world.random_change(Random(_))
    assert ("created", "candidate") in {(e["op"], e["model"]) for e in world.journal.after(0)}
