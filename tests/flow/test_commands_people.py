"""Who is who: people and records that are there already, and references that name nothing."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from trackerrms_contracts.entities import Model

from tests.commanding import code, ending, person
from tests.databases import Databases
from tests.flow.commanded import Bench, bridge_id, calm, commanded, message, warnings
from tests.waiting import patient

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS: dict[str, dict[str, Any]] = {
    "checkPerson": {},
    "own index": {"tracker": {"actions": {"find_person": "off"}}},
}
NOBODY = bridge_id(Model.APPLICATION, "999999")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bench(
    databases: Databases, kafka_bootstrap: str, request: pytest.FixtureRequest
) -> AsyncIterator[Bench]:
    settings = SETTINGS[getattr(request, "param", "checkPerson")]
    async with commanded(
        databases, kafka_bootstrap, integration=settings, deadline_seconds=patient(12)
    ) as made:
        await made.bridge.agree()
        yield made


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def as_before(bench: Bench) -> AsyncIterator[None]:
    yield
    await calm(bench)
    await bench.bridge.simulator.index(lag_seconds=1.0, flush=True)


either = pytest.mark.parametrize("bench", SETTINGS, indirect=True)


async def _known(bench: Bench, **fields: Any) -> tuple[int, dict[str, Any]]:
    """A candidate who is in TrackerRMS, and the input of a command that finds it."""
    data = await bench.create(source={"name": "Web"})
    email = data["candidate"]["email_address"]
    known = await bench.remote.change(
        "create", "resource", **{"firstName": "Ada", "surname": "Known", "email": email} | fields
    )
    data["candidate"] |= {"title": "Engineer", "location": {"country": "GB", "city": "Leeds"}}
    return known, data


@either
async def test_an_existing_candidate_is_filled_where_it_is_blank_and_kept_elsewhere(bench: Bench) -> None:
    known, data = await _known(bench, jobTitle="Baker", source="Fair", note="Speaks Welsh")
    await bench.bridge.agree()
    data["candidate"]["social_links"] = [{"url": "https://code.example.org/ada"}]
    result = await bench.caller.run("application.create", data)
    assert ending(result) == "succeeded", result
    stored = await bench.stored("resource", str(known))
    assert {
        "surname": "Known", "jobTitle": "Baker", "source": "Fair", "town": "Leeds",
        "country": "United Kingdom", "note": "Speaks Welsh\nProfile: https://code.example.org/ada",
    }.items() <= stored.items()  # fmt: skip
    [kept] = warnings(result)
    assert kept.endswith("its own values of candidate.last_name, candidate.title, source.name")
    assert await bench.people(data["candidate"]["email_address"]) == [str(known)]
    assert result["data"]["result"]["candidate"]["remote_id"] == str(known)


@either
async def test_a_source_is_not_written_to_an_existing_candidate_who_has_none(bench: Bench) -> None:
    known, data = await _known(bench, source="")
    await bench.bridge.agree()
    result = await bench.caller.run("application.create", data)
    assert (await bench.stored("resource", str(known)))["source"] == ""
    assert "source.name" in warnings(result)[0]


@either
async def test_a_candidate_whom_no_list_shows_yet_is_found_and_not_written_over(bench: Bench) -> None:
    await bench.bridge.simulator.index(lag_seconds=3)
    known, data = await _known(bench, jobTitle="Baker", source="Fair")
    result = await bench.caller.run("candidate.create", data)
    assert ending(result) == "succeeded", result
    assert await bench.people(data["candidate"]["email_address"]) == [str(known)]
    stored = await bench.stored("resource", str(known))
    assert (stored["surname"], stored["jobTitle"], stored["source"]) == ("Known", "Baker", "Fair")
    assert "existed already" in warnings(result)[0]


async def test_a_candidate_who_has_it_as_second_address_is_the_same_person(bench: Bench) -> None:
    email = bench.someone()["email_address"]
    known, data = await _known(bench, email="first@example.org", email2=email)
    data["candidate"]["email_address"] = email
    await bench.bridge.agree()
    result = await bench.caller.run("candidate.create", data)
    assert ending(result) == "succeeded", result
    assert await bench.people(email) == [str(known)]
    assert (await bench.stored("resource", str(known)))["email"] == "first@example.org"


async def test_what_could_not_be_filled_is_warned_about(bench: Bench) -> None:
    known, data = await _known(bench)
    data["sourced_by"] = {"user_id": "remote:999999"}
    await bench.bridge.agree()
    result = await bench.caller.run("candidate.create", data)
    assert "TrackerRMS did not keep sourced_by.user_id" in warnings(result)
    assert (await bench.stored("resource", str(known)))["town"] == "Leeds"


MOVE = {"application_id": "remote:1", "stage_id": "remote:4"}
REJECT = {"application_id": "remote:1", "rejection_reason_id": "remote:10"}
CREATE = {"candidate": person(), "application": {"job_id": "remote:999999"}}
NAMED = [
    ("application.move_to_stage", MOVE, "application_id"),
    ("application.reject", REJECT, "application_id"),
    ("application.move_to_stage", MOVE, "stage_id"),
    ("application.reject", REJECT, "rejection_reason_id"),
    ("candidate.create", CREATE, "application.job_id"),
    ("candidate.create", CREATE, "application.stage_id"),
    ("candidate.create", CREATE, "sourced_by.user_id"),
    ("application.create", {"candidate": person(), "job_id": "remote:1"}, "job_id"),
]


async def _input(bench: Bench, data: dict[str, Any], where: str, reference: str) -> dict[str, Any]:
    """``data`` with ids of records that there are, but for the one at ``where``."""
    filled = dict(data)
    if "application_id" in data:
        filled["application_id"] = f"remote:{await bench.an_application()}"
    if "application" in data:
        filled["application"] = {"job_id": f"remote:{await bench.job()}"}
    outer, _, inner = where.rpartition(".")
    if "job_id" in data:
        filled["job_id"] = reference
    elif outer:
        filled[outer] = {**filled.get(outer, {}), inner: reference}
    else:
        filled[inner] = reference
    return filled


@pytest.mark.parametrize(("kind", "data", "where"), NAMED)
@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (NOBODY, "is known"),
        (bridge_id(Model.CANDIDATE, "1"), "is known"),
        ("remote:x", "whole number"),
        ("remote:0", "whole number"),
        ("remote:" + "9" * 5_000, "whole number"),
        ("nonsense", "24 characters"),
        ("remote:", "24 characters"),
    ],
    ids=["unknown", "a candidate's", "no number", "0", "huge", "no id", "empty"],
)
async def test_a_reference_that_names_nothing_is_refused_by_its_key(
    bench: Bench, kind: str, data: dict[str, Any], where: str, reference: str, said: str
) -> None:
    result = await bench.caller.run(kind, await _input(bench, data, where, reference))
    assert code(result) == "PLATFORM.INPUT_INVALID", result
    assert message(result).startswith(f"{where}: ")
    assert said in message(result)


@pytest.mark.parametrize(("kind", "data", "where"), [named for named in NAMED if "user" not in named[2]])
async def test_a_record_that_trackerrms_lacks_is_refused_by_its_key(
    bench: Bench, kind: str, data: dict[str, Any], where: str
) -> None:
    result = await bench.caller.run(kind, await _input(bench, data, where, "remote:999999"))
    assert code(result) == "PLATFORM.INPUT_INVALID", result
    assert message(result).startswith(f"{where}: TrackerRMS has no ")


@pytest.mark.parametrize(("kind", "data", "where"), NAMED)
async def test_an_id_of_another_model_is_refused(
    bench: Bench, kind: str, data: dict[str, Any], where: str
) -> None:
    wrong = Model.USER if "job" in where or "application_id" in where else Model.JOB
    number = bench.user() if wrong is Model.USER else await bench.job()
    result = await bench.caller.run(kind, await _input(bench, data, where, bridge_id(wrong, number)))
    assert code(result) == "PLATFORM.INPUT_INVALID"
    assert message(result).startswith(f"{where}: is the id of a {wrong}, expected a")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"email_address": "none"}, "candidate.email_address"),
        ({"first_name": " ", "last_name": ""}, "candidate"),
        ({"additional_email_addresses": [{"email_address": "x"}]}, "candidate.additional_email_addresses[0]"),
    ],
)
async def test_a_person_who_can_not_be_meant_is_refused(
    bench: Bench, change: dict[str, Any], where: str
) -> None:
    data = await bench.create()
    result = await bench.caller.run("candidate.create", data | {"candidate": data["candidate"] | change})
    assert (code(result), message(result).partition(":")[0]) == ("PLATFORM.INPUT_INVALID", where)


@pytest.mark.parametrize(
    ("file", "where"),
    [
        ({"data": "%"}, "attachments[0].data"),
        ({"data": None}, "attachments[0]"),
        ({"data_url": "https://example.org"}, "attachments[0]"),
        ({"name": ""}, "attachments[0].name"),
        ({"name": "a\x00b"}, "attachments[0].name"),
        ({"data": "AAAA" * 3_333_334}, "attachments[0]"),
    ],
)
async def test_a_file_that_can_not_be_had_is_refused_before_anything_is_written(
    bench: Bench, file: dict[str, Any], where: str
) -> None:
    cv = {"name": "cv.pdf", "type": "CV", "data": "Y3Y="}
    data = await bench.create(attachments=[cv | file])
    result = await bench.caller.run("candidate.create", data)
    assert (code(result), message(result).partition(":")[0]) == ("PLATFORM.INPUT_INVALID", where)
    assert await bench.people(data["candidate"]["email_address"]) == []
