"""The demo shows what it claims, says so when it doesn't, and leaves nothing behind."""

import re
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from trackerrms_contracts import ids
from trackerrms_contracts.entities import Model

from bridge import app
from bridge.config import Config, Secret, StoreConfig
from bridge.demo import expected_records
from bridge.demo.receiver import Receiver
from bridge.demo.watcher import Expectation, SeenEvent, Watch, journalled
from bridge.store import endpoints, signing_secrets
from bridge.webhooks.signing import Signer, SigningKey
from tests.flow.program import Program
from tests.flow.terminals import ENVIRON, terminal
from tests.waiting import patient, until


@pytest.mark.slow
async def test_every_change_arrives_and_kafka_says_what_trackerrms_says(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    ended = await Program(tmp_path)("demo", "--seconds", str(patient(60)), TMPDIR=str(temporary))
    assert (ended.code, ended.err) == (0, ""), ended.out
    equal = [line.split()[0] for line in ended.out.splitlines() if line.rstrip().endswith("yes")]
    assert equal == list(Model)
    for kind in ("candidate.created", "candidate.updated", "candidate.deleted", "application.updated"):
        assert kind in ended.out
    for kind in (
        "candidate.create",
        "passthrough.request",
        "application.move_to_stage",
        "application.reject",
    ):
        assert f"{kind}.succeeded" in ended.out
    assert len(re.findall(r"application\.updated .*\d m?s.*\n +command: ", ended.out)) == 2
    assert max(len(line) for line in ended.out.splitlines()) <= 80
    assert "same result, nothing repeated" in ended.out
    assert "CV.pdf (resume)" in ended.out
    assert re.search(r"\d+ of their events came as webhooks, each verified", ended.out)
    assert "missing" not in ended.out
    assert "Every change arrived, every command was carried out once, each event was delivered" in " ".join(
        ended.out.split()
    )
    assert list(temporary.glob("trackerrms-demo-*")) == []


async def test_what_does_not_arrive_in_time_is_said_and_fails(tmp_path: Path) -> None:
    async with terminal() as (stdout, screen):
        ended = await Program(tmp_path)(
            "demo", "--seconds", "2", stdout=stdout, TMPDIR=str(tmp_path), **ENVIRON
        )
        await until(lambda: b"The log is in" in screen.shown)
    out = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", screen.shown.decode())
    assert ended.code == 1
    assert "did not arrive" in out
    assert "no result of " in out
    assert "Something is missing or wrong" in out
    # What is under way is seen while it is.
    assert re.search(r"First load  ━+ [\d,]+ of [\d,]+ records", out)
    assert re.search(r"⋯ .* \w+\.(created|updated|deleted)\b.* \d\.\d s", out)


@pytest.mark.slow
async def test_a_kept_demo_tells_how_to_look_on_and_ends_at_a_signal(tmp_path: Path) -> None:
    program = Program(tmp_path)
    async with program.running("demo", "--keep", "--seconds", str(patient(60))) as process:
        assert process.stdout is not None
        printed = (await process.stdout.readuntil(b"Press Ctrl-C to stop.")).decode()
        configuration = printed.partition("export BRIDGE_CONFIG=")[2].split()[0]
        told = await program("--config", configuration, "tail", "--from-beginning", "--limit", "1", "--json")
        status = await program("--config", configuration, "status", "--json")
        listed = await program("--config", configuration, "deliveries", "list", "--json")
        move = ["send", "application.move_to_stage", "--wait", "--data"]
        data = '{"application_id": "remote:521", "stage_id": "remote:7"}'
        moved = await program("--config", configuration, *move, data)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    assert {one["state"] for one in listed.json} == {"delivered"}
    assert told.lines[0]["integrationid"] == "demo"
    assert (moved.code, moved.out.split()[0]) == (0, "succeeded"), moved.err
    assert status.json["integrations"][0]["poller"] is not None


# --- the comparison can fail ------------------------------------------------------------------------------

JOB = ids.entity_id("demo", Model.JOB, "7")
TRUE: dict[str, Any] = {
    "remote_id": "9",
    "job_id": "remote:7",
    "remote_created_at": "2026-01-02T03:04:05.000Z",
}
TOLD: dict[str, Any] = {**TRUE, "job_id": JOB, "remote_created_at": "2026-01-02T03:04:05+00:00"}
ID = ids.entity_id("demo", Model.APPLICATION, "9")


@pytest.mark.parametrize(
    ("topic", "says"),
    [
        ({ID: TOLD}, []),
        ({}, [f"application {ID}: not on Kafka"]),
        ({ID: TOLD, JOB: TOLD}, [f"application {JOB}: on Kafka, not in TrackerRMS"]),
        ({ID: {**TOLD, "job_id": ID}}, [f"application {ID}: job_id differ"]),
        ({ID: {**TOLD, "remote_created_at": None}}, [f"application {ID}: remote_created_at differ"]),
        (
            {ID: {**TOLD, "remote_created_at": "2026-01-02T03:04:06Z"}},
            [f"application {ID}: remote_created_at differ"],
        ),
    ],
)
def test_a_difference_between_kafka_and_the_truth_is_found(topic: dict[str, Any], says: list[str]) -> None:
    assert expected_records.differences("demo", Model.APPLICATION, {"9": TRUE}, topic) == says


def event(kind: str) -> SeenEvent:
    return SeenEvent(
        type=kind, model=Model.APPLICATION, subject=ID, sequence=1, changed_fields=(), cause="poll",
        record={}, at=1.0,
    )  # fmt: skip


def test_a_change_is_complete_when_each_of_its_events_came_once() -> None:
    journal = [{"model": "application", "op": op, "remote_id": "9"} for op in ("deleted", "created")]
    change = Expectation("It went and came back", 0.0, journalled("demo", journal))
    assert change.take(event("application.deleted"))
    assert not change.take(event("application.deleted"))
    assert not change.take(event("application.updated"))
    assert not change.complete.is_set()
    assert change.take(event("application.created"))
    assert change.complete.is_set()


def test_what_a_command_touched_may_change_again_and_nothing_else() -> None:
    watch = Watch()
    watch.expect(Expectation("A command", 0.0, [("application.created", ID)], touched=[ID]))
    assert watch.expectations[0].take(event("application.created"))
    watch.left += [event("application.updated"), msgspec.structs.replace(event("job.updated"), subject=JOB)]
    assert [one.subject for one in watch.unasked] == [JOB]


def test_an_event_from_before_a_change_is_not_the_change() -> None:
    change = Expectation("Later", 2.0, [("application.updated", ID)])
    assert not change.take(event("application.updated"))


# --- a webhook that does not come, or does not verify, is noticed -------------------------------------------


async def test_what_is_signed_with_another_secret_is_refused_and_counted(
    store_url: str, tmp_path: Path
) -> None:
    config = Config(data_dir=str(tmp_path), store=StoreConfig(url=Secret(store_url)))
    receiver = Receiver()
    async with (
        app.open_installation(config, migrate=False) as installed,
        receiver.subscribed(installed) as endpoint_id,
    ):
        stored = await endpoints.for_dispatch(installed.db, installed.keys.sealer, endpoint_id)
        assert stored is not None
        forged = Signer([SigningKey(kind="v1", secret=signing_secrets.new("v1").secret)])
        real = Signer([SigningKey(kind="v1", secret=stored.secrets[0].secret)])
        answers = []
        async with aiohttp.ClientSession() as session:
            for name, signer in (("evt_forged", forged), ("evt_real", real)):
                headers = signer.headers(name, b"{}", datetime.now(UTC))
                async with session.post(stored.endpoint.url, data=b"{}", headers=headers) as answer:
                    answers.append(answer.status)
        await receiver.wait(["evt_real"], time.monotonic() + patient(10))
    assert answers == [400, 204]
    assert list(receiver.verified) == ["evt_real"]
    assert len(receiver.refused) == 1
