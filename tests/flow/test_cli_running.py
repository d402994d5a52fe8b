"""The command line on a running bridge: status, tail, deletions, resync, and its own embedded servers."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from trackerrms_contracts import ids

from bridge.simulator.remote import Remote
from tests import pages
from tests.flow.program import CANDIDATES, RECORDS, Program, Simulated, integration
from tests.waiting import patient, until


def resource(status: Any, name: str) -> Any:
    """One resource of what ``bridge status --json`` says of an integration."""
    return next(r for r in status["resources"] if r["name"] == name)


async def test_a_first_load_is_told_by_status_and_tail(program: Program) -> None:
    async with program.running("run"):
        await program.loaded()
        status = await program.status()
        shown = await program("status")
        told = await program("tail", "--from-beginning", "--model", "user", "--limit", "5", "--json")
    assert status["poller"] is not None
    assert {m: n for r in status["resources"] for m, n in r["models"].items() if m in RECORDS} == RECORDS
    assert status["budget"]["used"] > 0
    assert "being read" in shown.out
    assert [(e["type"], e["data"]["cause"]) for e in told.lines] == [("user.created", "initial")] * 5


async def test_tail_shows_one_line_an_event_without_values(program: Program, remote: Remote) -> None:
    async with program.running("run"):
        await program.loaded()
        await remote.change("update", "resource", 101, jobTitle="Lion tamer")
        # The first load's events come first: as many as there are, and one more.
        tail = await program(
            "tail", "--from-beginning", "--model", "candidate", "--limit", str(CANDIDATES + 1)
        )
    updated = [line for line in tail.out.splitlines() if "candidate.updated" in line]
    assert len(updated) == 1
    assert ids.entity_id("acme", "candidate", "101") in updated[0]
    assert "title, remote_updated_at" in updated[0]
    assert "Lion tamer" not in tail.out


async def test_deletions_held_are_shown_listed_and_approved(program: Program, remote: Simulated) -> None:
    gone = CANDIDATES // 2
    async with program.running("run"):
        await program.loaded()
        for n in range(gone):
            remote.world.change("delete", "resource", 101 + n)
        await until(lambda: held(program), 60)
        shown, listed = await program("status"), await program("holds", "list", "--json")
        one = next(h for h in listed.json if h["resource"] == "candidates")
        assert (one["row_count"], one["known_count"], one["state"]) == (gone, CANDIDATES, "held")
        assert f"bridge holds approve {one['id']}" in shown.out
        approved = await program("holds", "approve", "--all")
        assert f"approved {one['id']}: {gone} candidates of acme" in approved.out
        await until(lambda: candidates(program, CANDIDATES - gone), 60)


async def held(program: Program) -> bool:
    """Whether a deletion of candidates is held."""
    return any(h["resource"] == "candidates" for h in (await program.status())["holds"])


async def candidates(program: Program, count: int) -> bool:
    """Whether the bridge knows so many candidates."""
    found = resource(await program.status(), "candidates")["models"]["candidate"]
    return bool(found == count)


async def test_nothing_held_is_said_so_and_an_unknown_id_fails(program: Program) -> None:
    await program("migrate")
    listed, discarded = await program("holds", "list"), await program("holds", "discard", "--all")
    unknown = await program("holds", "approve", "7")
    assert (listed.code, listed.out) == (0, "Nothing is held back.\n")
    assert (discarded.code, discarded.out) == (0, "Nothing is held back.\n")
    assert (unknown.code, unknown.out) == (1, "Nothing is held back under 7.\n")


async def test_a_republished_resource_is_created_again_on_kafka(program: Program) -> None:
    async with program.running("run"):
        await program.loaded()
        begun = await program("resync", "acme", "--resource", "candidates", "--republish")
        assert (begun.code, begun.out.split(":")[0]) == (0, "acme candidates")
        told = await program(
            "tail", "--from-beginning", "--model", "candidate", "--limit", str(2 * CANDIDATES), "--json"
        )
    causes = [(e["type"], e["data"]["cause"]) for e in told.lines]
    assert causes.count(("candidate.created", "initial")) == CANDIDATES
    assert causes.count(("candidate.created", "resync")) == CANDIDATES


async def test_a_resync_before_the_first_load_is_pointless_and_says_so(program: Program) -> None:
    await program("migrate")
    ended = await program("resync", "--resource", "jobs")
    assert ended.code == 0
    assert "its first load is not complete" in ended.out


async def test_a_resource_in_trouble_says_why(program: Program, remote: Remote) -> None:
    async with aiohttp.ClientSession(remote.url) as session:
        fault = {"path": "/api/v1/Resource/PagedSearch", "kind": "status", "status": 403, "times": None}
        await session.post("/__faults", json=fault)

    async def in_trouble() -> bool:
        return resource(await program.status(), "candidates")["polls"]["error"] is not None

    async with program.running("run"):
        await until(in_trouble, 60)
        shown = await program("status")
    assert "in trouble" in shown.out
    assert "POST /api/v1/Resource/PagedSearch answered 403" in shown.out


async def test_a_record_that_can_not_be_read_is_listed_with_its_reason(
    program: Program, remote: Remote
) -> None:
    await remote.change("update", "resource", 105, raw={"detail": {"id": 105, "contactDetails": 7}})

    async def parked() -> bool:
        return bool(resource(await program.status(), "candidates")["parked"])

    async with program.running("run"):
        await until(parked, 60)
        shown = await program("status", "--parked")
    assert "parked candidates 105" in shown.out
    assert "contactDetails" in shown.out


async def test_roles_run_in_processes_of_their_own(program: Program) -> None:
    async with program.running("run", "--only", "poller"):
        await program.loaded()
        waiting = (await program("status", "--json")).json["outbox"]
    assert waiting["depth"] > sum(RECORDS.values())
    async with program.running("run", "--only", "relay"):
        told = await program("tail", "--from-beginning", "--model", "job", "--limit", "6", "--json")
    assert len(told.lines) == RECORDS["job"]


async def test_with_nothing_configured_it_brings_its_own_servers(remote: Remote, tmp_path: Path) -> None:
    program = Program(tmp_path / "own", integration(remote.url))
    async with program.running("run") as process:
        assert process.stdout is not None
        introduction = (await process.stdout.readuntil(b"Ctrl-C ends.")).decode()
        told = await program("tail", "--from-beginning", "--model", "user", "--limit", "5")
        status = await program.status()
    assert "it forgets everything at exit" in introduction
    assert (told.code, len(told.out.splitlines())) == (0, 5)
    assert status["id"] == "acme"
    after = await program("tail")
    assert (after.code, "no embedded Kafka is running" in after.err) == (3, True)
    # The embedded PostgreSQL keeps its data: status still knows.
    assert resource(await program.status(), "users")["models"]["user"] == RECORDS["user"]


async def test_the_python_example_reads_events(
    program: Program, kafka_bootstrap: str, topic_prefix: str
) -> None:
    (example,) = pages.blocks("docs/events.md", "python")
    example = example.replace("localhost:9092", kafka_bootstrap).replace("trackerrms.", f"{topic_prefix}.")
    async with program.running("run"):
        await program.loaded()
        reader = await asyncio.create_subprocess_exec(
            sys.executable, "-u", "-c", example.replace("my-service", topic_prefix),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert reader.stdout is not None
        first = await asyncio.wait_for(reader.stdout.readline(), patient(60))
        reader.kill()
        await reader.communicate()
    assert first.startswith(b"candidate.created ")


async def test_status_can_be_followed_line_by_line_until_a_signal(program: Program) -> None:
    await program("migrate")
    async with program.running("status", "--watch", "--json") as process:
        assert process.stdout is not None
        told = [await asyncio.wait_for(process.stdout.readline(), patient(30)) for _ in range(2)]
    assert [msgspec.json.decode(line)["integrations"][0]["id"] for line in told] == ["acme", "acme"]
