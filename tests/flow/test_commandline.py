"""The command line by itself: what it refuses and how it says so, migrate, simulate."""

import asyncio
import re
import signal
from pathlib import Path

import aiohttp
import pytest

from bridge.simulator.dialects import DIALECTS
from tests.flow.program import Program, account, integration
from tests.waiting import patient

ACME = '[[integrations]]\nid = "acme"\nregion = "uk"\nbearer_token = "s3cret"\n'


@pytest.mark.parametrize(
    ("arguments", "config", "code", "says"),
    [
        (["run"], "", 2, "integrations: none configured"),
        (["status"], "", 2, "integrations: none configured"),
        (
            ["run"],
            "[kafka]\npartition = 3",
            2,
            "kafka.partition: no such setting; did you mean",
        ),
        (["run", "--only", "pollers"], ACME, 2, "--only pollers: no such role; use one of poller, relay"),
        (["check", "other"], ACME, 2, "no integration has the id 'other'; use one of acme"),
        (["resync", "--resource", "people"], ACME, 2, "--resource people: acme does not follow it"),
        (["holds", "approve"], ACME, 2, "give an ID"),
        (["tail"], ACME, 3, "no embedded Kafka is running in .bridge: start one with bridge run"),
        (["status"], ACME + '[store]\nurl = "postgresql://u:pw@127.0.0.1:9/d"', 3, "127.0.0.1:9"),
        (["status"], ACME + '[store]\nurl = "mysql://h/d"', 2, "store.url: is not a PostgreSQL URL"),
        (["simulate", "--quirk-off", "rain"], "", 2, "--quirk-off rain: no such quirk"),
        (["simulate", "--dialect", "rain=1"], "", 2, "--dialect rain=1: unknown switch 'rain'"),
        (["simulate", "--dialect", "first_page=9"], "", 2, "first_page has no value '9'; use one of 1, 0"),
        (["simulate", "--dialect", "dates"], "", 2, "--dialect dates: not NAME=VALUE"),
        (["simulate", "--like", "nowhere.json"], "", 2, "--like nowhere.json: cannot be read"),
        (["simulate", "--time-zone", "Moon/Base"], "", 2, "--time-zone Moon/Base: not an IANA time zone"),
    ],
)
async def test_a_refusal_is_one_clear_line_and_its_exit_code(
    arguments: list[str], config: str, code: int, says: str, tmp_path: Path
) -> None:
    ended = await Program(tmp_path, config)(*arguments)
    assert (ended.code, ended.out) == (code, "")
    assert says in ended.err
    assert len(ended.err.splitlines()) == 1
    assert "s3cret" not in ended.err
    assert ":pw@" not in ended.err


async def test_the_address_of_a_broker_that_was_killed_is_not_believed(tmp_path: Path) -> None:
    program = Program(tmp_path, ACME)
    (tmp_path / ".bridge").mkdir()
    (tmp_path / ".bridge" / "kafka.address").write_text("127.0.0.1:9")
    ended = await program("tail")
    assert (ended.code, "no embedded Kafka is running" in ended.err) == (3, True)


async def test_a_missing_secret_names_the_key_and_the_variable(tmp_path: Path) -> None:
    ended = await Program(tmp_path, '[[integrations]]\nid = "acme"\nregion = "uk"')("run")
    assert ended.code == 2
    assert "integrations.acme.bearer_token" in ended.err
    assert "BRIDGE_INTEGRATIONS_ACME_BEARER_TOKEN" in ended.err


async def test_a_file_named_on_the_command_line_is_read(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("nonsense = 1")
    ended = await Program(tmp_path)("--config", "other.toml", "status")
    assert (ended.code, ended.err) == (2, "bridge: nonsense: no such setting\n")


async def test_the_version_is_printed(tmp_path: Path) -> None:
    ended = await Program(tmp_path)("--version")
    assert (ended.code, ended.err) == (0, "")
    assert re.fullmatch(r"bridge \d+\.\d+\.\d+\n", ended.out)


async def test_migrate_applies_what_is_missing_once(postgres_url: str, tmp_path: Path) -> None:
    program = Program(tmp_path, f'[store]\nurl = "{postgres_url}"')
    first, second = await program("migrate"), await program("migrate")
    assert (first.code, second.code) == (0, 0)
    assert "applied 0001" in first.out
    assert "up to date" in second.out


async def test_looking_at_a_store_does_not_change_its_schema(postgres_url: str, tmp_path: Path) -> None:
    ended = await Program(tmp_path, f'{ACME}[store]\nurl = "{postgres_url}"')("status")
    assert ended.code == 3
    assert "run: bridge migrate" in ended.err


async def test_check_says_of_each_model_and_action_that_it_works(store_url: str, tmp_path: Path) -> None:
    async with account() as remote:
        program = Program(tmp_path, f'[store]\nurl = "{store_url}"\n' + integration(remote.url))
        ended = await program("check", "--json")
    assert ended.code == 0
    models = [f["name"] for f in ended.json if f["kind"] == "model" and f["result"] == "works"]
    actions = [f["name"] for f in ended.json if f["kind"] == "action" and f["result"] == "works"]
    assert (len(models), len(actions)) == (12, 7)


async def test_check_fails_where_a_model_that_is_on_is_refused(store_url: str, tmp_path: Path) -> None:
    async with account() as remote, aiohttp.ClientSession(remote.url) as session:
        fault = {"path": "/api/v1/Resource/PagedSearch", "kind": "status", "status": 403, "times": None}
        await session.post("/__faults", json=fault)
        program = Program(tmp_path, f'[store]\nurl = "{store_url}"\n' + integration(remote.url))
        ended = await program("check", "acme")
    assert ended.code == 1
    assert re.search(r"candidate +refused +POST /api/v1/Resource/PagedSearch answered 403", ended.out)
    assert "3 models do not work: candidate, candidate_tag, tag" in ended.out


async def test_check_warns_of_a_wrong_time_zone(store_url: str, tmp_path: Path) -> None:
    async with account() as remote:
        await remote.change("update", "resource", 101, jobTitle="Engineer")
        config = f'[store]\nurl = "{store_url}"\n' + integration(remote.url)
        program = Program(tmp_path, config.replace("Europe/London", "America/New_York"))
        ended = await program("check", "--json")
    warnings = [f for f in ended.json if f["kind"] == "time"]
    assert [f["name"] for f in warnings] == ["candidates"]
    assert "time_zone is not this account's" in warnings[0]["reason"]


async def test_simulate_serves_an_account_until_a_signal(tmp_path: Path) -> None:
    arguments = ["simulate", "--port", "0", "--candidates", "5", "--jobs", "2", "--applications", "3"]
    async with Program(tmp_path).running(*arguments) as process:
        assert process.stdout is not None
        first = (await asyncio.wait_for(process.stdout.readline(), patient(30))).decode()
        url = first.split()[-1]
        async with aiohttp.ClientSession() as session, session.get(f"{url}/__about") as answer:
            about = await answer.json()
    assert about["records"] == {"user": 25, "resource": 5, "opportunity": 2, "opportunity_resource": 3}


async def test_simulate_is_like_a_recorded_account(tmp_path: Path) -> None:
    (tmp_path / "like.json").write_text('{"version":1,"dialect":{"page_size":"7","dates":"us"},"shapes":{}}')
    arguments = ["simulate", "--port", "0", "--like", "like.json", "--dialect", "dates=epoch"]
    async with Program(tmp_path).running(*arguments) as process:
        assert process.stdout is not None
        first = (await asyncio.wait_for(process.stdout.readline(), patient(30))).decode()
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{first.split()[-1]}/__dialect") as answer,
        ):
            spoken = await answer.json()
    assert [spoken[name]["value"] for name in ("page_size", "dates")] == ["7", "epoch"]


async def test_every_dialect_is_listed(tmp_path: Path) -> None:
    ended = await Program(tmp_path)("simulate", "--list-dialects")
    assert ended.code == 0
    assert all(f"{name}={value}" in ended.out for name, one in DIALECTS.items() for value in one.values)


async def test_what_simulate_prints_is_a_configuration_that_works(store_url: str, tmp_path: Path) -> None:
    program = Program(tmp_path)
    async with program.running("simulate", "--port", "0", "--candidates", "5") as process:
        assert process.stdout is not None
        printed = (
            await asyncio.wait_for(process.stdout.readuntil(b"requests_per_minute = "), patient(30))
        ).decode()
        printed += (await process.stdout.readline()).decode()
        snippet = printed[printed.index("[[integrations]]") :]
        program.configure(f'[store]\nurl = "{store_url}"\n{snippet}')
        ended = await program("check")
    assert ended.code == 0


async def test_a_second_signal_is_not_needed(tmp_path: Path) -> None:
    async with Program(tmp_path).running("simulate", "--port", "0") as process:
        assert process.stdout is not None
        await asyncio.wait_for(process.stdout.readline(), patient(30))
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), patient(30)) == 0
