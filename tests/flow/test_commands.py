"""Commands through a whole bridge: what is asked of Kafka happens in TrackerRMS once, and is answered."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from bridge import kafka
from bridge.simulator.world import World
from contracts import codec, ids, topics
from contracts.entities import Model
from tests.commanding import Caller, code, ending, envelope, person
from tests.installation import INTEGRATION, Installation, installed
from tests.oracle import Topics

CV = {"name": "cv.pdf", "type": "CV", "content_type": "application/pdf", "data": "Y3Y="}
LETTER = {"name": "letter", "type": "COVER_LETTER", "content_type": "text/plain", "data": "bGV0dGVy"}
REST = dict.fromkeys(("create_candidate", "update_candidate", "add_to_job", "move_stage", "reject", "attach_document"), "rest")  # fmt: skip  # noqa: E501
WRITES = {
    "create": "/api/widget/createResource",
    "fill": "/api/widget/updateRecord",
    "add": "/api/widget/resourceApplication",
    "attach": "/api/widget/attachDocument",
}


class Bench:
    """A running bridge, a service that commands it, and the account they work on."""

    def __init__(self, bridge: Installation, caller: Caller) -> None:
        self.bridge = bridge
        self.caller = caller

    @property
    def world(self) -> World:
        """The account's truth."""
        return self.bridge.server.world

    async def jobs(self, status: str = "OPEN") -> list[str]:
        """Remote ids of the jobs in that status."""
        found = (await self.bridge.simulator.truth())["job"]
        return [job["remote_id"] for job in found if job["record"]["status"] == status]

    async def application(self) -> str:
        """Remote id of an application that is there."""
        return str((await self.bridge.simulator.truth())["application"][0]["remote_id"])

    async def people(self, email: str) -> list[str]:
        """Remote ids of the candidates with that address."""
        found = (await self.bridge.simulator.truth())["candidate"]
        return [
            line["remote_id"]
            for line in found
            if any(mail["email_address"] == email for mail in line["record"]["email_addresses"])
        ]

    async def applications(self, candidate: str) -> list[dict[str, Any]]:
        """The applications of a candidate."""
        found = (await self.bridge.simulator.truth())["application"]
        return [line["record"] for line in found if line["record"]["candidate_id"] == f"remote:{candidate}"]

    def record(self, candidate: str) -> dict[str, Any]:
        """A candidate as the simulator stores it."""
        return dict(self.world.live["resource"].get(int(candidate)) or {})

    def documents(self, candidate: str) -> list[tuple[object, object, bytes]]:
        """(name, type, content) of a candidate's documents."""
        held = self.bridge.server.site.documents.get(int(candidate), [])
        return [
            (one["filename"], one["documentType"], base64.b64decode(str(one["filecontent"]))) for one in held
        ]


@pytest.fixture
async def bench(
    store_url: str, kafka_bootstrap: str, topic_prefix: str, data_dir: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Bench]:
    """With ``integration`` settings from the test's parameter, if it has one."""
    world = World(7, candidates=20, jobs=12, applications=20, users=6, index_lag_seconds=0.2)
    more = getattr(request, "param", {})
    async with installed(
        store_url, kafka_bootstrap, topic_prefix, data_dir=str(data_dir), world=world, integration=more
    ) as bridge:
        commands = msgspec.structs.replace(
            bridge.settings.commands, readback_seconds=0.5, deadline_seconds=15.0
        )
        bridge.settings = msgspec.structs.replace(bridge.settings, commands=commands)
        await bridge.simulator.quirks(empty_bodies=False)
        async with Caller(bridge.settings) as caller:
            bridge.start()
            yield Bench(bridge, caller)
            bridge.check()


FULL = {
    "candidate": {
        "first_name": "Ada",
        "last_name": "Example",
        "email_address": "Ada@example.org",
        "additional_email_addresses": [
            {"type": "WORK", "email_address": "ada@work.example.org"},
            {"type": "OTHER", "email_address": "ada@third.example.org"},
        ],
        "title": "Engineer",
        "phone_number": "+44 7700 900123",
        "location": {
            "city": "Leeds", "country": "GB", "state": "West Yorkshire", "street_1": "1 Mill Lane",
            "zip_code": "LS1 1AA",
        },
        "salary_expectations": {"period": "MONTH", "amount": 5000},
        "social_links": [
            {"url": "https://www.linkedin.com/in/ada-example"}, {"url": "https://code.example.org/ada"},
        ],
    },
    "attachments": [CV, LETTER],
    "source": {"name": "Careers page"},
    "screening_question_answers": [{"question_id": "q", "answer": True}],
}  # fmt: skip


def _input(kind: str, job: str, user: str) -> dict[str, Any]:
    place = {"job_id": f"remote:{job}", "stage_id": "remote:4"}
    sourced = {"sourced_by": {"user_id": f"remote:{user}"}}
    return FULL | sourced | ({"application": place} if kind == "candidate.create" else place)


@pytest.mark.parametrize("kind", ["candidate.create", "application.create"])
@pytest.mark.parametrize(
    "bench",
    [{"remote_data": True}, {"remote_data": True, "tracker": {"actions": REST}}],
    ids=["widget", "rest"],
    indirect=True,
)
async def test_every_input_field_is_stored_and_comes_back_in_the_event(bench: Bench, kind: str) -> None:
    job = (await bench.jobs())[0]
    user = str(next(iter(bench.world.live["user"].ids())))
    result = await bench.caller.run(kind, _input(kind, job, user))
    assert ending(result) == "succeeded", result
    warnings = [warning["message"] for warning in result["data"]["warnings"]]
    assert [w.partition(":")[0] for w in warnings] == ["screening_question_answers"]
    [candidate] = await bench.people("Ada@example.org")
    stored = bench.record(candidate)
    assert {
        "firstName": "Ada", "surname": "Example", "email": "Ada@example.org",
        "email2": "ada@work.example.org", "jobTitle": "Engineer", "mobilePhone": "+44 7700 900123",
        "town": "Leeds", "country": "United Kingdom", "county": "West Yorkshire",
        "addressLine1": "1 Mill Lane", "postcode": "LS1 1AA", "desiredSalaryNum": 60_000,
        "desiredSalary": "5000 a month", "source": "Careers page",
        "linkedin": "https://www.linkedin.com/in/ada-example",
        "note": "Other e-mail: ada@third.example.org\nProfile: https://code.example.org/ada",
        "ownerId": int(user),
    }.items() <= stored.items(), stored  # fmt: skip
    assert bench.documents(candidate) == [
        ("cv.pdf", "resume", b"cv"),
        ("letter.txt", "general", b"letter"),
    ]
    [application] = await bench.applications(candidate)
    assert (application["job_id"], application["current_stage_id"]) == (f"remote:{job}", "remote:4")
    topics_ = await bench.bridge.agree()
    event = topics_.state["candidate"][ids.entity_id(INTEGRATION, Model.CANDIDATE, candidate)]
    assert event["title"] == "Engineer"
    assert event["location"]["country"] == "GB"
    raw = event["remote_data"]["/api/v1/Resource/{id}"]
    assert (raw["desiredSalary"], raw["owner"]["id"]) == ("5000 a month", int(user))
    assert topics_.causes["command"] >= 2


async def test_the_event_names_the_command_and_nothing_is_told_twice(bench: Bench) -> None:
    job = (await bench.jobs())[0]
    await bench.caller.run("candidate.create", _create(job), command_id="mine")
    await bench.bridge.agree()
    told = await events_of(bench, Model.CANDIDATE, "mine")
    assert [event["type"] for event in told] == ["candidate.created"]
    assert [e["type"] for e in await events_of(bench, Model.APPLICATION, "mine")] == ["application.created"]


async def events_of(bench: Bench, model: Model, command_id: str) -> list[dict[str, Any]]:
    """The events of a model that a command caused."""
    topic = topics.events(model, bench.bridge.settings.kafka.topic_prefix)
    async with kafka.Consumer(bench.bridge.settings.kafka, [topic]) as consumer:
        records = await consumer.read_to_end()
    events = [orjson.loads(record.value) for record in records if record.value]
    return [event for event in events if event["data"].get("command_id") == command_id]


def _create(job: str, n: int = 1, **more: Any) -> dict[str, Any]:
    return {"candidate": person(n), "application": {"job_id": f"remote:{job}"}} | more


@pytest.mark.parametrize("step", WRITES)
async def test_a_command_that_failed_is_resumed_by_the_next_for_the_same_person_and_job(
    bench: Bench, step: str
) -> None:
    job = (await bench.jobs())[0]
    await bench.bridge.simulator.fault(WRITES[step], "status", status=403, method="POST", times=1)
    first = await bench.caller.run("candidate.create", _resumable(job, "ada1@example.org"))
    assert code(first) == "INTEGRATION.PERMISSION_MISSING"
    second = await bench.caller.run("application.create", _resumable(job, "ADA1@example.org"))
    assert ending(second) == "succeeded", second
    await _expect_one_of_each(bench, job)


def _resumable(job: str, email: str) -> dict[str, Any]:
    return {
        "candidate": person(1, email_address=email, salary_expectations={"amount": 1, "period": "YEAR"}),
        "application": {"job_id": f"remote:{job}", "stage_id": "remote:4"},
        "attachments": [CV, LETTER],
    }


async def _expect_one_of_each(bench: Bench, job: str) -> None:
    truth = await bench.bridge.simulator.truth()
    named = [line["remote_id"] for line in truth["candidate"] if line["record"]["last_name"] == "Example1"]
    assert len(named) == 1
    [application] = await bench.applications(named[0])
    assert application["job_id"] == f"remote:{job}"
    assert sorted(str(name) for name, _, _ in bench.documents(named[0])) == ["cv.pdf", "letter.txt"]


@pytest.mark.parametrize("step", WRITES)
@pytest.mark.parametrize("kind", ["cut", "bad_json", "status"])
async def test_an_answer_that_is_lost_leads_to_no_second_record(bench: Bench, step: str, kind: str) -> None:
    job = (await bench.jobs())[0]
    more = {"status": 500, "effect": True} if kind == "status" else {}
    await bench.bridge.simulator.fault(WRITES[step], kind, method="POST", times=1, **more)
    result = await bench.caller.run("candidate.create", _resumable(job, "ada1@example.org"))
    assert ending(result) == "succeeded", result
    await _expect_one_of_each(bench, job)


async def test_an_existing_candidate_is_filled_where_it_is_blank_and_kept_elsewhere(bench: Bench) -> None:
    job = (await bench.jobs())[0]
    known = await bench.bridge.simulator.change(
        "create", "resource", firstName="Ada", surname="Known", email="ada1@example.org", jobTitle="Baker",
        source="Fair", town="",
    )  # fmt: skip
    data = _create(job) | {"source": {"name": "Web"}}
    data["candidate"] = person(1, title="Engineer", location={"country": "GB", "city": "Leeds"})
    result = await bench.caller.run("application.create", data)
    assert ending(result) == "succeeded", result
    stored = bench.record(str(known))
    assert (stored["jobTitle"], stored["source"], stored["town"]) == ("Baker", "Fair", "Leeds")
    [warning] = [w["message"] for w in result["data"]["warnings"]]
    assert "candidate.title" in warning
    assert await bench.people("ada1@example.org") == [str(known)]


async def test_a_second_application_of_the_same_person_to_the_same_job_is_refused(bench: Bench) -> None:
    job = (await bench.jobs())[0]
    await bench.caller.run("candidate.create", _create(job))
    assert code(await bench.caller.run("candidate.create", _create(job))) == "ATS.APPLICATION_ALREADY_EXISTS"


async def test_a_closed_job_takes_no_application(bench: Bench) -> None:
    job = (await bench.jobs("CLOSED"))[0]
    assert code(await bench.caller.run("candidate.create", _create(job))) == "ATS.JOB_CLOSED"
    assert await bench.people("ada1@example.org") == []


@pytest.mark.parametrize(
    ("kind", "data", "where"),
    [
        ("application.move_to_stage", {"application_id": "remote:999999", "stage_id": "remote:4"}, "application_id"),  # noqa: E501 - a case a line
        ("application.move_to_stage", {"application_id": "remote:x", "stage_id": "remote:4"}, "application_id"),  # noqa: E501 - a case a line
        ("application.move_to_stage", {"application_id": "nonsense", "stage_id": "remote:4"}, "application_id"),  # noqa: E501 - a case a line
        ("application.reject", {"application_id": "remote:500", "rejection_reason_id": "remote:4"}, "rejection_reason_id"),  # noqa: E501 - a case a line
        ("candidate.create", {"candidate": person(1, email_address="none"), "application": {"job_id": "remote:1"}}, "email"),  # noqa: E501 - a case a line
        ("candidate.create", {"candidate": person(1), "application": {"job_id": "remote:999999"}}, "job_id"),
        ("candidate.create", _create("1001", attachments=[CV | {"data": "%"}]), "attachments[0]"),
        ("passthrough.request", {"method": "GET", "path": "/\\example.org/x"}, "path"),
        ("passthrough.request", {"method": "POST", "path": "/api/auth/exchangetoken"}, "path"),
    ],
)  # fmt: skip
async def test_what_can_not_be_meant_is_refused_naming_the_key(
    bench: Bench, kind: str, data: dict[str, Any], where: str
) -> None:
    result = await bench.caller.run(kind, data)
    assert code(result) == "PLATFORM.INPUT_INVALID", result
    assert where in result["data"]["error"]["message"]


async def test_moving_and_rejecting_by_the_bridges_own_ids(bench: Bench) -> None:
    topics_ = await bench.bridge.agree()
    application = next(iter(topics_.state["application"].values()))
    reasons = list(topics_.state["rejection_reason"].values())
    stage = next(s for s in topics_.state["application_stage"].values() if s["remote_id"] == "4")
    move = {"application_id": application["id"], "stage_id": stage["id"]}
    assert ending(await bench.caller.run("application.move_to_stage", move)) == "succeeded"
    assert (await _told(bench, application["id"]))["current_stage_id"] == stage["id"]
    reject = {"application_id": application["id"], "rejection_reason_id": reasons[0]["id"]}
    noted = await bench.caller.run("application.reject", reject | {"note": "Chose another"})
    assert (ending(noted), noted["data"]["result"], noted["data"]["warnings"]) == ("succeeded", {}, [])
    assert (await _told(bench, application["id"]))["rejection_reason_name"] == "Chose another"
    await bench.caller.run("application.reject", reject)
    assert (await _told(bench, application["id"]))["rejection_reason_name"] == reasons[0]["name"]


async def _told(bench: Bench, application: str) -> dict[str, Any]:
    topics_: Topics = await bench.bridge.agree()
    return topics_.state["application"][application]


async def test_an_id_of_another_model_is_refused(bench: Bench) -> None:
    job = next(iter((await bench.bridge.agree()).state["job"]))
    data = {"application_id": job, "stage_id": "remote:4"}
    result = await bench.caller.run("application.move_to_stage", data)
    assert "is the id of a job" in result["data"]["error"]["message"]


async def test_the_same_command_again_is_answered_the_same_and_another_with_its_id_is_refused(
    bench: Bench,
) -> None:
    application = await bench.application()
    move = {"application_id": f"remote:{application}", "stage_id": "remote:4"}
    for _ in range(2):
        await bench.caller.send("application.move_to_stage", move, command_id="one")
    await bench.caller.until(lambda: len(bench.caller.results["one"]) == 2, 30, "two results")
    first, second = bench.caller.results["one"]
    assert first == second
    await bench.caller.send("application.move_to_stage", move | {"stage_id": "remote:5"}, command_id="one")
    await bench.caller.until(lambda: len(bench.caller.results["one"]) == 3, 30, "three results")
    refused = bench.caller.results["one"][2]
    assert code(refused) == "PLATFORM.INPUT_INVALID"
    assert refused["id"] != first["id"]


async def test_trouble_that_lasts_is_tried_again_until_the_deadline_and_then_fails(bench: Bench) -> None:
    await bench.bridge.simulator.fault(WRITES["fill"], "status", status=503, times=None, method="POST")
    move = {"application_id": f"remote:{await bench.application()}", "stage_id": "remote:5"}
    result = await bench.caller.run("application.move_to_stage", move)
    assert code(result) == "REMOTE.SERVICE_UNAVAILABLE"
    assert result["data"]["error"]["retryable"]


async def test_a_passthrough_is_answered_with_what_trackerrms_said(bench: Bench) -> None:
    candidate = next(iter(bench.world.live["resource"].ids()))
    read = {"method": "GET", "path": f"/api/v1/Resource/{candidate}"}
    result = (await bench.caller.run("passthrough.request", read))["data"]["result"]
    assert (result["status"], result["data"]["id"]) == (200, candidate)
    write = {"method": "PATCH", "path": read["path"], "data": {"jobTitle": "Potter"}}
    assert (await bench.caller.run("passthrough.request", write))["data"]["result"]["status"] == 200
    assert bench.record(str(candidate))["jobTitle"] == "Potter"
    missing = await bench.caller.run("passthrough.request", {"method": "GET", "path": "/api/v1/Nothing"})
    assert missing["data"]["result"]["status"] == 404


async def test_a_passthrough_whose_answer_is_lost_is_unknown_and_not_repeated(bench: Bench) -> None:
    candidate = next(iter(bench.world.live["resource"].ids()))
    path = f"/api/v1/Resource/{candidate}"
    await bench.bridge.simulator.fault(path, "cut", method="PATCH")
    data = {"method": "PATCH", "path": path, "data": {"jobTitle": "Potter"}}
    result = await bench.caller.run("passthrough.request", data)
    assert ending(result) == "unknown"
    assert len(await bench.people("x")) == 0
    assert codec.decode_command(envelope("passthrough.request", data, "x"))


async def test_commands_of_one_application_are_carried_out_in_order_beside_others(bench: Bench) -> None:
    application = await bench.application()
    for n in range(9):
        move = {"application_id": f"remote:{application}", "stage_id": f"remote:{3 + n % 3}"}
        await bench.caller.send("application.move_to_stage", move, command_id=f"m{n}", key=application)
    await bench.caller.until(lambda: {f"m{n}" for n in range(9)} <= bench.caller.results.keys(), 30, "all")
    found = bench.world.live["opportunity_resource"].get(int(application))
    assert found is not None
    assert found["opportunityResourceStatusId"] == 5
