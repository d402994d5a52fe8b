"""kill -9 of the bridge while it carries out commands: each has one result, TrackerRMS nothing twice."""

import asyncio
import os
from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from trackerrms_contracts.entities import Model

from bridge.app import Tuning
from bridge.commands.account import CommandLimits
from bridge.simulator.world import World
from tests.commanding import Caller, code, ending, envelope
from tests.crash.killable import Killable
from tests.installation import INTEGRATION, QUICK, Installation, installed

KILLS = int(os.environ.get("COMMAND_KILLS", "10"))
COMMANDS = int(os.environ.get("COMMAND_COUNT", "80"))
SEED = int(os.environ.get("CRASH_SEED", "5"))

TUNING = Tuning(reads=QUICK.reads, commands=CommandLimits(readback_seconds=1.0))

_WRITES = (
    "/api/widget/createResource",
    "/api/widget/resourceApplication",
    "/api/widget/updateRecord",
    "/api/widget/attachDocument",
)
_FILES = [
    {"name": "cv.pdf", "type": "CV", "content_type": "application/pdf", "data": "Y3Y="},
    {"name": "letter.txt", "type": "COVER_LETTER", "content_type": "text/plain", "data": "bGV0dGVy"},
]


class Plan:
    """The commands of a run, and what TrackerRMS must hold when all have ended."""

    def __init__(self, rng: Random, jobs: list[str], applications: list[str]) -> None:
        self.rng = rng
        self.jobs = jobs
        self.applications = applications
        self.messages: list[tuple[str, bytes]] = []
        self.ids: set[str] = set()
        self.pairs: set[tuple[str, str]] = set()
        self.moved: dict[str, str] = {}
        self._people = 0

    def fill(self, count: int) -> None:
        """So many messages: creations, repeats of them, second commands for a pair, moves."""
        while len(self.messages) < count:
            match self.rng.randrange(10):
                case 0 | 1 | 2 | 3:
                    self._create()
                case 4:
                    self._repeat()
                case 5:
                    self._resume()
                case _:
                    self._move()

    def _create(self) -> None:
        self._people += 1
        email = f"p{self._people}@example.org"
        job = self.rng.choice(self.jobs)
        self._apply(f"create-{self._people}", email, job)

    def _apply(self, command_id: str, email: str, job: str) -> None:
        data = {
            "candidate": {
                "first_name": "Ada", "last_name": email.partition("@")[0], "email_address": email,
                "title": "Engineer", "salary_expectations": {"amount": 60_000, "period": "YEAR"},
            },
            "application": {"job_id": f"remote:{job}", "stage_id": "remote:4"},
            "attachments": _FILES,
        }  # fmt: skip
        self._send("candidate.create", command_id, email, data)
        self.pairs.add((email, job))

    def _resume(self) -> None:
        """Another command for a person and a job that had one."""
        if self.pairs:
            email, job = self.rng.choice(sorted(self.pairs))
            self._apply(f"again-{len(self.messages)}", email, job)

    def _repeat(self) -> None:
        if self.messages:
            self.messages.append(self.rng.choice(self.messages))

    def _move(self) -> None:
        application = self.rng.choice(self.applications)
        stage = self.rng.choice(["3", "4", "5"])
        data = {"application_id": f"remote:{application}", "stage_id": f"remote:{stage}"}
        self._send("application.move_to_stage", f"move-{len(self.messages)}", application, data)
        self.moved[application] = stage

    def _send(self, kind: str, command_id: str, key: str, data: Any) -> None:
        self.ids.add(command_id)
        self.messages.append((key, envelope(kind, data, command_id)))


async def plan_faults(bridge: Installation, rng: Random, count: int) -> None:
    """Every now and then a call goes wrong, before or after it was carried out."""
    for path in _WRITES:
        for n in range(count):
            kind = rng.choice(["cut", "bad_json", "empty_body", "status", "status", "status"])
            more: dict[str, Any] = {"after": n * 8 + rng.randrange(8)}
            if kind == "status":
                more |= {"status": rng.choice([429, 500, 503]), "retry_after": 0.1}
                more |= {"effect": more["status"] == 500 and rng.random() < 0.5}
            await bridge.simulator.fault(path, kind, method="POST", **more)
    await bridge.simulator.fault("/api/widget/createResource", "hang", after=3, method="POST")


@pytest.mark.timeout(180 + 15 * KILLS + COMMANDS)
async def test_kills_leave_each_command_with_one_result_and_nothing_twice(
    store_url: str, kafka_bootstrap: str, topic_prefix: str, data_dir: Path
) -> None:
    rng = Random(SEED)
    world = World(7, candidates=40, jobs=20, applications=60, users=8, index_lag_seconds=0.3)
    async with installed(
        store_url, kafka_bootstrap, topic_prefix, data_dir=str(data_dir), world=world,
        integration={"requests_per_minute": 600_000},
    ) as bridge:  # fmt: skip
        bridge.settings = msgspec.structs.replace(
            bridge.settings,
            kafka=msgspec.structs.replace(bridge.settings.kafka, group_instance_id="killed"),
        )
        truth = await bridge.simulator.truth()
        jobs = [job["remote_id"] for job in truth["job"] if job["record"]["status"] == "OPEN"]
        applications = [application["remote_id"] for application in truth["application"]][:10]
        plan = Plan(rng, jobs, applications)
        plan.fill(COMMANDS)
        await plan_faults(bridge, rng, COMMANDS // 16)
        async with (
            Caller(bridge.settings) as caller,
            Killable(bridge.settings, data_dir, tuning=TUNING) as process,
        ):
            sent = 0
            for n in range(KILLS):
                await process.start()
                batch = plan.messages[sent : COMMANDS * (n + 1) // KILLS]
                sent += len(batch)
                await caller.send_many(batch)
                await some_work(bridge, caller, process, rng)
                await process.kill()
            await process.start()
            await caller.until(
                lambda: plan.ids <= caller.results.keys(), 60 + COMMANDS, "not all commands ended"
            )
            topics = await bridge.agree()
            await process.stop()
            await caller.read(1.0)
        check_results(caller, plan)
        await check_account(bridge, plan)
        assert topics.causes["command"] > 0


async def some_work(bridge: Installation, caller: Caller, process: Killable, rng: Random) -> None:
    """Until the bridge has sent some more requests or ended a command, and then a random moment longer."""
    calls, ended = _writes(bridge), len(caller.results)
    wanted = rng.randint(0, 12)
    deadline = asyncio.get_running_loop().time() + 20
    while _writes(bridge) < calls + wanted and asyncio.get_running_loop().time() < deadline:
        process.check()
        await caller.read(0.02)
        if len(caller.results) > ended + wanted:
            break
    await asyncio.sleep(rng.uniform(0, 0.1))


def _writes(bridge: Installation) -> int:
    by_path = bridge.server.site.calls.report()["by_path"]
    return sum(sum(minutes.values()) for path, minutes in by_path.items() if "/widget/" in path)


def check_results(caller: Caller, plan: Plan) -> None:
    """One final result for each command: whatever stands there twice is the same, to the letter."""
    assert caller.results.keys() == plan.ids
    endings: Counter[str] = Counter()
    for command_id, results in caller.results.items():
        assert len({result["id"] for result in results}) == 1, command_id
        assert all(result == results[0] for result in results), command_id
        endings[ending(results[0])] += 1
        if ending(results[0]) == "failed":
            # A second command for a pair that has its application; nothing else may fail.
            assert code(results[0]) == "ATS.APPLICATION_ALREADY_EXISTS", results[0]
    assert endings["unknown"] == 0, endings


async def check_account(bridge: Installation, plan: Plan) -> None:
    """One candidate a person, one application a pair, one document a file, each where it was moved."""
    truth = await bridge.simulator.truth()
    people: dict[str, list[str]] = defaultdict(list)
    for line in truth["candidate"]:
        for mail in line["record"]["email_addresses"]:
            people[mail["email_address"]].append(line["remote_id"])
    emails = {email for email, _ in plan.pairs}
    assert {email: len(people[email]) for email in emails} == dict.fromkeys(emails, 1)
    applications = Counter(
        (line["record"]["candidate_id"], line["record"]["job_id"]) for line in truth["application"]
    )
    for email, job in plan.pairs:
        assert applications[f"remote:{people[email][0]}", f"remote:{job}"] == 1
    for email in emails:
        held = bridge.server.site.documents.get(int(people[email][0]), [])
        jobs = sum(1 for other, _ in plan.pairs if other == email)
        names = Counter(str(document["filename"]) for document in held)
        assert names == {"cv.pdf": jobs, "letter.txt": jobs}, email
    stages = {line["remote_id"]: line["record"]["current_stage_id"] for line in truth["application"]}
    assert {a: stages[a] for a in plan.moved} == {a: f"remote:{s}" for a, s in plan.moved.items()}
    assert Model.CANDIDATE in truth
    assert INTEGRATION
