"""The demo shows what it claims, says so when it doesn't, and leaves nothing behind."""

import signal
from pathlib import Path
from typing import Any

import pytest

from bridge.demo import truth
from bridge.demo.watching import Expectation, Seen
from contracts import ids
from contracts.entities import Model
from tests.flow.program import Program


async def test_every_change_arrives_and_kafka_says_what_trackerrms_says(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    ended = await Program(tmp_path)("demo", TMPDIR=str(temporary))
    assert (ended.code, ended.err) == (0, "")
    equal = [line.split()[0] for line in ended.out.splitlines() if line.rstrip().endswith("yes")]
    assert equal == list(Model)
    for kind in ("candidate.created", "candidate.updated", "candidate.deleted", "application.updated"):
        assert kind in ended.out
    assert "Every change arrived" in ended.out
    assert list(temporary.glob("trackerrms-demo-*")) == []


async def test_what_does_not_arrive_in_time_is_said_and_fails(tmp_path: Path) -> None:
    ended = await Program(tmp_path)("demo", "--seconds", "2", TMPDIR=str(tmp_path))
    assert ended.code == 1
    assert "did not arrive" in ended.out
    assert "Not everything arrived as it should." in ended.out
    assert "The log is in" in ended.out


async def test_a_kept_demo_tells_how_to_look_on_and_ends_at_a_signal(tmp_path: Path) -> None:
    program = Program(tmp_path)
    async with program.running("demo", "--keep") as process:
        assert process.stdout is not None
        printed = (await process.stdout.readuntil(b"Ctrl-C ends it.")).decode()
        configuration = next(line for line in printed.splitlines() if line.endswith(" tail")).split()[2]
        told = await program("--config", configuration, "tail", "--from-beginning", "--limit", "1", "--json")
        status = await program("--config", configuration, "status", "--json")
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    assert told.lines[0]["integrationid"] == "demo"
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
    assert truth.differences("demo", Model.APPLICATION, {"9": TRUE}, topic) == says


def event(kind: str) -> Seen:
    return Seen(
        type=kind, model=Model.APPLICATION, subject=ID, sequence=1, changed_fields=(), cause="poll",
        record={}, at=1.0,
    )  # fmt: skip


def test_a_change_is_complete_when_each_of_its_events_came_once() -> None:
    journal = [{"model": "application", "op": op, "remote_id": "9"} for op in ("deleted", "created")]
    change = Expectation("It went and came back", "demo", 0.0, journal)
    assert change.take(event("application.deleted"))
    assert not change.take(event("application.deleted"))
    assert not change.take(event("application.updated"))
    assert not change.complete.is_set()
    assert change.take(event("application.created"))
    assert change.complete.is_set()
