"""One command, one result: asked twice, at once, out of turn, across restarts and processes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import orjson
import pytest
import pytest_asyncio
from trackerrms_contracts.entities import Model

from bridge import app
from bridge.tracker.retry_policy import RetryPolicy
from tests.commanding import code, ending, envelope
from tests.databases import Databases
from tests.flow.commanded import CV, LETTER, REST, Bench, bridge_id, calm, commanded, hand_built, message
from tests.waiting import cut_off

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOVE = "application.move_to_stage"
STEPS = {
    "widget": [
        "/api/widget/createResource",
        "/api/widget/updateRecord",
        "/api/widget/resourceApplication",
        "/api/widget/attachDocument",
    ],
    "rest": [
        "/api/v1/Resourc[e]",
        "/api/v1/Opportunity/*/shortlist/*",
        "/api/v1/OpportunityResource/[0-9]*",
        "/api/v1/Resource/AttachDocument",
    ],
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bench(databases: Databases, kafka_bootstrap: str) -> AsyncIterator[Bench]:
    async with commanded(databases, kafka_bootstrap) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def without_faults(bench: Bench) -> AsyncIterator[None]:
    yield
    await calm(bench)


async def _moving(bench: Bench, stage: int = 4) -> dict[str, Any]:
    return {"application_id": f"remote:{await bench.an_application()}", "stage_id": f"remote:{stage}"}


async def _stage(bench: Bench, moving: dict[str, Any]) -> int:
    application = moving["application_id"].removeprefix("remote:")
    return int((await bench.stored("opportunity_resource", application))["opportunityResourceStatusId"])


async def _results(bench: Bench, command_id: str, count: int) -> list[dict[str, Any]]:
    found = bench.caller.results[command_id]
    await bench.caller.until(lambda: len(found) >= count, 30, f"{count} results of {command_id}")
    return found


async def test_the_same_command_again_is_answered_with_the_same_bytes_and_not_carried_out(
    bench: Bench,
) -> None:
    data = await bench.create()
    first = await bench.caller.run("candidate.create", data, command_id="again")
    turned = orjson.loads(envelope("candidate.create", data, "again"))
    await bench.caller.send_raw(orjson.dumps(dict(reversed(turned.items()))), key="elsewhere")
    _, second = await _results(bench, "again", 2)
    assert orjson.dumps(second) == orjson.dumps(first)
    assert len(await bench.people(data["candidate"]["email_address"])) == 1


async def test_a_failure_is_answered_again_too(bench: Bench) -> None:
    data = {"application_id": "remote:999999", "stage_id": "remote:4"}
    for _ in range(2):
        await bench.caller.send(MOVE, data, command_id="failing")
    first, second = await _results(bench, "failing", 2)
    assert (code(first), first) == ("PLATFORM.INPUT_INVALID", second)


@pytest.mark.parametrize("change", ["data", "type"])
async def test_an_id_that_is_taken_is_refused_to_another_content(bench: Bench, change: str) -> None:
    data, other = await _moving(bench), await _moving(bench, 5)
    command_id = f"taken-{change}"
    first = await bench.caller.run(MOVE, data, command_id=command_id)
    if change == "data":
        await bench.caller.send(MOVE, other, command_id=command_id)
    else:
        reject = {"application_id": other["application_id"], "rejection_reason_id": "remote:10"}
        await bench.caller.send("application.reject", reject, command_id=command_id)
    _, refused = await _results(bench, command_id, 2)
    assert (ending(refused), code(refused)) == ("failed", "PLATFORM.INPUT_INVALID")
    assert message(refused).startswith("id: ")
    assert refused["id"] != first["id"]
    assert await _stage(bench, other) == 3


async def test_an_id_that_is_in_use_is_refused_to_another_content(bench: Bench) -> None:
    data, other = await _moving(bench), await _moving(bench, 5)
    await bench.fault("fill", "status", status=503, times=None)
    both = [envelope(MOVE, data, "in-use"), envelope(MOVE, other, "in-use")]
    await bench.caller.send_many([("one", value) for value in both])
    refused = await bench.caller.result("in-use")
    assert (code(refused), message(refused)[:4]) == ("PLATFORM.INPUT_INVALID", "id: ")
    await calm(bench)
    _, first = await _results(bench, "in-use", 2)
    assert ending(first) == "succeeded"
    assert (await _stage(bench, data), await _stage(bench, other)) == (4, 3)


async def test_copies_that_come_at_once_are_carried_out_once(bench: Bench) -> None:
    data = await bench.create(attachments=[CV, LETTER])
    value = envelope("candidate.create", data, "copies")
    await bench.caller.send_many([(str(key), value) for key in range(8)])
    found = await _results(bench, "copies", 8)
    assert all(one == found[0] for one in found)
    [candidate] = await bench.people(data["candidate"]["email_address"])
    assert (len(await bench.applications(candidate)), len(await bench.documents(candidate))) == (1, 2)


async def test_commands_of_one_person_that_come_at_once_make_one_candidate(bench: Bench) -> None:
    data = await bench.create()
    shouted = data["candidate"] | {"email_address": data["candidate"]["email_address"].upper()}
    sent = [
        (f"{n}", envelope("application.create", {"candidate": shouted, "job_id": f"remote:{job}"}, f"at-{n}"))
        for n, job in enumerate((await bench.jobs())[:3])
    ]
    await bench.caller.send_many(sent)
    for n in range(len(sent)):
        assert ending(await bench.caller.result(f"at-{n}")) == "succeeded"
    [candidate] = await bench.people(data["candidate"]["email_address"])
    assert len(await bench.applications(candidate)) == len(sent)


async def test_commands_of_one_application_go_in_order_however_it_is_named(bench: Bench) -> None:
    moving = await _moving(bench)
    await bench.bridge.agree()
    number = moving["application_id"].removeprefix("remote:")
    names = [f"remote:{number}", f"remote:00{number}", bridge_id(Model.APPLICATION, number)]
    wanted, saved = [4 + n % 5 for n in range(24)], list[Any]()

    def note(entity: str, action: str, record_id: int) -> None:
        if (entity, str(record_id)) == ("opportunity_resource", number):
            record = bench.world.live[entity].get(record_id) or {}
            saved.append(record["opportunityResourceStatusId"])

    bench.world.listeners.append(note)
    moves = [
        {"application_id": names[n % 3], "stage_id": f"remote:{stage}"} for n, stage in enumerate(wanted)
    ]
    await bench.caller.send_many([("one", envelope(MOVE, move, f"n{n}")) for n, move in enumerate(moves)])
    for n in range(len(wanted)):
        assert ending(await bench.caller.result(f"n{n}")) == "succeeded"
    bench.world.listeners.remove(note)
    assert saved == wanted


async def test_a_call_that_hangs_holds_back_its_own_application_and_no_other(
    databases: Databases, kafka_bootstrap: str
) -> None:
    async with commanded(databases, kafka_bootstrap) as bench:
        slow, quick = await _moving(bench), await _moving(bench)
        await bench.fault("fill", "hang")
        await bench.caller.send(MOVE, slow, command_id="hanging")
        await bench.until(lambda: _met(bench, 1), "nothing hangs")
        await bench.caller.send(MOVE, slow | {"stage_id": "remote:5"}, command_id="behind")
        for n in range(5):
            assert (
                ending(await bench.caller.run(MOVE, quick | {"stage_id": f"remote:{4 + n}"})) == "succeeded"
            )
        assert not {"hanging", "behind"} & bench.caller.results.keys()


async def _met(bench: Bench, count: int) -> bool:
    return sum(int(fault["matched"]) for fault in await bench.faults()) >= count


async def test_no_more_are_in_flight_than_allowed(databases: Databases, kafka_bootstrap: str) -> None:
    async with commanded(databases, kafka_bootstrap, in_flight=3) as bench:
        await bench.fault("fill", "hang", times=None)
        for _ in range(8):
            await bench.caller.send(MOVE, await _moving(bench))
        await bench.until(lambda: _met(bench, 3), "not even as many as allowed")
        polls = await bench.calls("/api/v1/Resource/PagedSearch")

        async def polled() -> bool:
            # A call that hangs is given up after a minute, and makes room for another.
            return await bench.calls("/api/v1/Resource/PagedSearch") > polls + 2

        await bench.until(polled, "the bridge stands still")
        assert sum(int(fault["matched"]) for fault in await bench.faults()) == 3


async def test_a_command_does_not_wait_behind_polls_for_the_budget(
    databases: Databases, kafka_bootstrap: str
) -> None:
    slow = {"requests_per_minute": 20}
    async with commanded(databases, kafka_bootstrap, integration=slow) as bench:

        async def loading() -> bool:
            return await bench.calls("/api/v1/") >= 2

        await bench.until(loading, "nothing is read")
        before = await bench.calls()
        result = await bench.caller.result(await bench.caller.send(MOVE, await _moving(bench)), 12)
        assert ending(result) == "succeeded"
        # Its own two calls, of the statuses and of the move, and hardly any poll's between.
        assert await bench.calls() - before <= 5


async def test_a_restart_in_the_middle_goes_on(databases: Databases, kafka_bootstrap: str) -> None:
    async with commanded(databases, kafka_bootstrap) as bench:
        data = await bench.create(attachments=[CV, LETTER])
        await bench.fault("attach", "status", status=503, times=None, after=1)
        await bench.caller.send("candidate.create", data, command_id="cut-off")
        await bench.until(lambda: _met(bench, 2), "the second file was not tried")
        await bench.bridge.stop()
        await calm(bench)
        bench.bridge.start()
        assert ending(await bench.caller.result("cut-off")) == "succeeded"
        [candidate] = await bench.people(data["candidate"]["email_address"])
        assert len(await bench.applications(candidate)) == 1
        assert [name for name, _, _ in await bench.documents(candidate)] == ["cv.pdf", "letter.txt"]
        assert len(bench.caller.results["cut-off"]) == 1


async def _living(bench: Bench) -> int:
    """How many processes carry out commands."""
    url = bench.bridge.settings.store.url
    assert url is not None
    db = await asyncpg.connect(url.reveal())
    try:
        return int(
            await db.fetchval(
                "SELECT count(*) FROM leases WHERE name LIKE 'commands:%' AND expires_at > clock_timestamp()"
            )
        )
    finally:
        await db.close()


async def test_two_processes_share_the_work_and_nothing_is_done_twice(
    databases: Databases, kafka_bootstrap: str
) -> None:
    async with commanded(databases, kafka_bootstrap) as bench:
        bridge = bench.bridge
        running = app.run_roles(bridge.settings, ["commands"], signals=(), tuning=bridge.tuning)
        other = asyncio.create_task(running)

        async def both() -> bool:
            return await _living(bench) == 2

        await bench.until(both, "there is one process only")
        sent = [await bench.create(attachments=[CV]) for _ in range(40)]
        values = [envelope("candidate.create", data, f"shared-{n}") for n, data in enumerate(sent)]
        # Each of them twice, in another partition as like as not.
        await bench.caller.send_many([(f"a{n}", value) for n, value in enumerate(values)])
        await bench.caller.send_many([(f"b{n * 7}", value) for n, value in enumerate(values)])
        await bench.caller.result("shared-3")
        await cut_off(other)
        for n, data in enumerate(sent):
            found = bench.caller.results[f"shared-{n}"]
            await bench.caller.until(lambda found=found: found, 120, f"no result of shared-{n}")
            assert ending(found[0]) == "succeeded", found[0]
            assert all(one == found[0] for one in found)
            [candidate] = await bench.people(data["candidate"]["email_address"])
            assert len(await bench.applications(candidate)) == 1
            assert len(await bench.documents(candidate)) == 1


@pytest.mark.parametrize("via", STEPS)
async def test_a_call_that_hangs_after_it_was_carried_out_leads_to_no_second_record(
    databases: Databases, kafka_bootstrap: str, via: str
) -> None:
    steps = STEPS[via]
    settings = {"tracker": {"actions": REST}} if via == "rest" else {}
    async with commanded(databases, kafka_bootstrap, start=False, integration=settings) as bench:
        hasty = RetryPolicy(attempts=1, attempt_seconds=1.0, deadline_seconds=1.0)
        bench.bridge.start(hand_built(bench.bridge, patience=hasty))
        sent = {}
        for path in steps:
            method = "PATCH" if "[0-9]" in path else "POST"
            await bench.remote.fault(path, "hang", method=method, effect=True)
            data = await bench.create(attachments=[CV, LETTER])
            data["application"]["stage_id"] = "remote:4"
            data["candidate"]["salary_expectations"] = {"amount": 1, "period": "YEAR"}
            sent[await bench.caller.send("candidate.create", data)] = data
        for command, data in sent.items():
            result = await bench.caller.result(command)
            assert ending(result) == "succeeded", result
            [candidate] = await bench.people(data["candidate"]["email_address"])
            assert len(await bench.applications(candidate)) == 1
            assert [name for name, _, _ in await bench.documents(candidate)] == ["cv.pdf", "letter.txt"]
        assert all(fault["matched"] for fault in await bench.faults())
