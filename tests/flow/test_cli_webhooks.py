"""``bridge endpoints``, ``deliveries``, ``tokens`` and ``listen``, as a person uses them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from bridge.config import KafkaConfig
from tests.flow.program import Program, account, integration
from tests.waiting import patient, until

URL = "https://example.com/hooks"


@pytest.fixture
def program(store_url: str, tmp_path: Path) -> Program:
    """The program over a store of this test's own."""
    return Program(tmp_path, f'[store]\nurl = "{store_url}"\n')


async def made(program: Program, *options: str, url: str = URL) -> Any:
    """A new endpoint, with its secrets."""
    ended = await program("endpoints", "create", url, "--json", *options)
    assert ended.code == 0, ended.err
    return ended.json


# --- endpoints --------------------------------------------------------------------------------------------


async def test_a_secret_is_shown_when_it_is_made_and_never_again(program: Program) -> None:
    created = await program("endpoints", "create", URL, "--header", "X-Key: sesame")
    assert created.code == 0, created.err
    assert "whsec_" in created.out
    assert "not shown again" in created.out
    (listed,) = (await program("endpoints", "list", "--json")).json
    shown = await program("endpoints", "show", listed["id"])
    assert "X-Key" in shown.out
    assert "whsec_" not in shown.out + (await program("endpoints", "show", listed["id"], "--json")).out
    assert "sesame" not in created.out + shown.out


async def test_what_is_asked_for_is_what_is_made(program: Program) -> None:
    endpoint = (
        await made(
            program,
            *("--owner", "acme", "--event", "application.*", "--event", "candidate.updated"),
            *("--changed-field", "current_stage_id", "--rate", "5", "--timeout", "10"),
            *("--order", "per_entity", "--signature", "both", "--description", "the reports"),
        )
    )["endpoint"]
    assert endpoint["event_types"] == ["application.*", "candidate.updated"]
    assert (endpoint["rate_limit_per_second"], endpoint["timeout_seconds"]) == (5.0, 10.0)
    assert (endpoint["order"], endpoint["owner"], endpoint["signature"]) == ("per_entity", "acme", "both")
    assert endpoint["public_key"].startswith("whpk_")


async def test_an_update_changes_what_is_given(program: Program) -> None:
    endpoint = (await made(program, "--rate", "5", "--event", "job.*", "--header", "X-A: 1"))["endpoint"]
    ended = await program("endpoints", "update", endpoint["id"], "--rate", "0", "--no-headers", "--json")
    changed = ended.json["endpoint"]
    assert (changed["rate_limit_per_second"], changed["header_names"]) == (None, [])
    assert changed["event_types"] == ["job.*"]


async def test_a_rotation_gives_a_new_secret(program: Program) -> None:
    before = await made(program)
    after = await program("endpoints", "rotate", before["endpoint"]["id"], "--json")
    assert after.json["secrets"] != before["secrets"]


async def test_enabling_disabling_and_deleting(program: Program) -> None:
    endpoint_id = (await made(program, "--disabled"))["endpoint"]["id"]
    assert "disabled" in (await program("endpoints", "list")).out
    assert (await program("endpoints", "enable", endpoint_id)).out == f"enabled {endpoint_id}\n"
    assert "was already enabled" in (await program("endpoints", "enable", endpoint_id)).out
    assert (await program("endpoints", "disable", endpoint_id)).code == 0
    refused = await program("endpoints", "test", endpoint_id)
    assert (refused.code, f"bridge endpoints enable {endpoint_id}" in refused.err) == (2, True)
    assert (await program("endpoints", "delete", endpoint_id)).code == 0
    assert (await program("endpoints", "list")).out.startswith("No endpoints.")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("http://example.com/",), "URL: the URL must start with https://"),
        (("https://127.0.0.1/",), "outbound.allow_networks"),
        ((URL, "--event", "candidate.changed"), "--event: write <model>.created"),
        ((URL, "--order", "always"), "--order: Invalid enum value"),
        ((URL, "--header", "nonsense"), "--header: not NAME:VALUE"),
        ((URL, "--header", "Host: x"), "--header: Host: the bridge sets this header itself"),
        ((URL, "--since", "tomorrow"), "--since tomorrow: not a time; write 30m, 2h or 3d ago"),
        ((URL, "--since", "2999-01-01"), "not in the past"),
        ((URL, "--owner", "a b"), "--owner: letters, digits"),
    ],
)
async def test_what_can_not_work_is_refused_by_the_name_of_the_option(
    program: Program, options: tuple[str, ...], said: str
) -> None:
    ended = await program("endpoints", "create", *options)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


async def test_an_id_that_is_none_says_where_to_look(program: Program) -> None:
    for command in ("show", "rotate", "enable", "disable", "test", "delete"):
        ended = await program("endpoints", command, "ep_1")
        assert (ended.code, "bridge endpoints list" in ended.err) == (2, True), ended.err
    ended = await program("deliveries", "show", "dl_1")
    assert (ended.code, "bridge deliveries list" in ended.err) == (2, True)


# --- tokens -----------------------------------------------------------------------------------------------


async def test_a_token_is_made_listed_and_revoked(program: Program) -> None:
    token = (await program("tokens", "create", "--owner", "acme", "--days", "3", "--json")).json
    assert (token["scope"], token["token"][:4]) == ("owner", "trb_")
    listed = await program("tokens", "list", "--json")
    assert token["token"] not in listed.out
    assert [(one["id"], one["owner"]) for one in listed.json] == [(token["id"], "acme")]
    assert (await program("tokens", "revoke", token["id"])).out == f"revoked {token['id']}\n"
    assert "revoked" in (await program("tokens", "list")).out
    assert (await program("tokens", "revoke", "tok_1")).code == 2


async def test_a_token_is_for_an_owner_or_for_all(program: Program) -> None:
    for options in ((), ("--admin", "--owner", "acme")):
        ended = await program("tokens", "create", *options)
        assert (ended.code, "--owner NAME, or --admin" in ended.err) == (2, True)


# --- listening, with a bridge that runs -------------------------------------------------------------------


class Listener:
    """A ``bridge listen`` that runs."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self._process = process
        self.url = url

    @property
    def port(self) -> str:
        """Where it listens."""
        return self.url.rstrip("/").rpartition(":")[2]

    async def line(self) -> bytes:
        """The next line that it prints."""
        assert self._process.stdout is not None
        return await asyncio.wait_for(self._process.stdout.readline(), patient(60))

    async def next(self) -> Any:
        """What it tells of the next delivery, with ``--json``."""
        return msgspec.json.decode(await self.line())

    async def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        return await asyncio.wait_for(self._process.wait(), patient(60))


@contextlib.asynccontextmanager
async def listening(program: Program, *options: str) -> AsyncIterator[Listener]:
    """It listens while the block lasts."""
    async with program.running("listen", "--port", "0", *options) as process:
        assert process.stderr is not None
        said = (await asyncio.wait_for(process.stderr.readline(), patient(60))).decode()
        yield Listener(process, said.split()[2].rstrip("."))


def delivering(store_url: str, kafka: KafkaConfig, more: str = "") -> str:
    """A bridge.toml of a bridge that may deliver to this machine."""
    return f"""
    [store]
    url = "{store_url}"
    [kafka]
    bootstrap_servers = "{kafka.bootstrap_servers}"
    topic_prefix = "{kafka.topic_prefix}"
    [outbound]
    allow_networks = ["127.0.0.0/8"]
    allow_http = true
    [webhooks]
    retry_seconds = [0.2, 0.2, 0.2]
    {more}
    """


async def test_a_change_arrives_verified_and_the_log_shows_it(
    store_url: str, kafka_config: KafkaConfig, tmp_path: Path
) -> None:
    async with account() as remote:
        program = Program(tmp_path, delivering(store_url, kafka_config, integration(remote.url)))
        created = await made(program, "--event", "candidate.updated")
        async with program.running("run"):
            await program.loaded()
            secret = created["secrets"][0]["secret"]
            async with listening(program, "--json", "--secret", secret) as listener:
                await program("endpoints", "update", created["endpoint"]["id"], "--url", listener.url)
                await remote.change("update", "resource", 101, jobTitle="Engineer")
                arrived = await listener.next()
            assert (arrived["type"], arrived["verified"]) == ("candidate.updated", "v1")
            assert arrived["event"]["data"]["record"]["title"] == "Engineer"

            async def logged() -> bool:
                listed = await program("deliveries", "list", "--state", "delivered", "--json")
                return [one["event_id"] for one in listed.json] == [arrived["id"]]

            await until(logged, 60)


async def test_retries_can_be_watched_and_a_delivery_resent(
    store_url: str, kafka_config: KafkaConfig, tmp_path: Path
) -> None:
    program = Program(tmp_path, delivering(store_url, kafka_config))
    async with (
        listening(program, "--json", "--status", "500", "--times", "2") as listener,
        program.running("run", "--only", "webhooks"),
    ):
        endpoint_id = (await made(program, url=listener.url))["endpoint"]["id"]
        sent = await program("endpoints", "test", endpoint_id)
        delivery_id = sent.out.split()[-1]
        arrived = [await listener.next() for _ in range(3)]
        assert [one["answered"] for one in arrived] == [500, 500, 204]
        assert [one["attempt"] for one in arrived] == [1, 2, 3]
        assert {one["type"] for one in arrived} == {"webhook.test"}
        assert "give --secret" in arrived[0]["problem"]

        async def delivered() -> bool:
            shown = (await program("deliveries", "show", delivery_id, "--json")).json
            return shown["delivery"]["state"] == "delivered" and len(shown["attempts"]) == 3

        await until(delivered, 60)
        again = await program("deliveries", "resend", delivery_id)
        assert again.code == 0, again.err
        told = await program("deliveries", "show", delivery_id)
        assert "500" in told.out


async def test_listening_takes_the_secrets_of_an_endpoint_from_the_store(
    store_url: str, kafka_config: KafkaConfig, tmp_path: Path
) -> None:
    program = Program(tmp_path, delivering(store_url, kafka_config))
    endpoint_id = (await made(program, "--signature", "both"))["endpoint"]["id"]
    await program("endpoints", "rotate", endpoint_id)
    options = ("--endpoint", endpoint_id, "--brief")
    async with (
        program.running("run", "--only", "webhooks"),
        listening(program, *options) as listener,
    ):
        await program("endpoints", "update", endpoint_id, "--url", listener.url)
        await program("endpoints", "test", endpoint_id)
        said = (await listener.line()).decode()
    assert "verified v1" in said
    assert "webhook.test" in said


async def test_a_recovery_is_asked_for_and_shown(program: Program) -> None:
    endpoint_id = (await made(program))["endpoint"]["id"]
    ended = await program("deliveries", "recover", endpoint_id, "--since", "2h")
    assert ended.code == 0, ended.err
    (found,) = (await program("deliveries", "recoveries", endpoint_id, "--json")).json
    assert found["id"] == ended.out.split()[0]
    refused = await program("deliveries", "recover", endpoint_id, "--since", "1h", "--until", "2h")
    assert (refused.code, "must be later than" in refused.err) == (2, True)


async def test_listening_on_a_port_that_is_taken_says_so(program: Program) -> None:
    async with listening(program) as listener:
        ended = await program("listen", "--port", listener.port)
    assert (ended.code, f"--port {listener.port}: can't listen" in ended.err) == (3, True)


async def test_listening_refuses_a_secret_that_is_none(program: Program) -> None:
    ended = await program("listen", "--secret", "hello")
    assert (ended.code, "whsec_… or whpk_…" in ended.err) == (2, True)


async def test_the_running_bridge_serves_the_api(
    store_url: str, kafka_config: KafkaConfig, tmp_path: Path
) -> None:
    program = Program(tmp_path, delivering(store_url, kafka_config))
    token = (await program("tokens", "create", "--admin", "--json")).json["token"]
    async with program.running("run", "--only", "api") as process:
        assert process.stderr is not None
        url = ""
        while not url:
            line = msgspec.json.decode(await asyncio.wait_for(process.stderr.readline(), patient(60)))
            url = line["url"] if line["event"] == "api.listening" else ""
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(f"{url}/v1/endpoints", json={"url": URL, "owner": "acme"}) as answer,
        ):
            assert answer.status == 201
    assert len((await program("endpoints", "list", "--json")).json) == 1
