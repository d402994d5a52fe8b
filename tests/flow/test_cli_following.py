"""What the command line shows while it happens: ``tail``, ``listen`` and ``status --watch``."""

import asyncio
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import msgspec
import pytest
from trackerrms_contracts import codec, events, ids, topics
from trackerrms_contracts.entities import Model, User

from bridge import kafka
from bridge.config import KafkaConfig
from bridge.store import outbox
from bridge.store.database import Database
from bridge.store.outbox import OutboxRow
from tests.flow.program import Program
from tests.flow.terminals import ENVIRON, terminal
from tests.flow.test_cli_tables import KEY
from tests.flow.test_cli_webhooks import listening
from tests.flow.test_commandline import ACME
from tests.waiting import patient, until

# --- tail -------------------------------------------------------------------------------------------------


@pytest.fixture
async def tailing(kafka_config: KafkaConfig, tmp_path: Path) -> Program:
    """The program of two accounts, on this test's topics, which are there and empty."""
    names = topics.all_events(kafka_config.topic_prefix).values()
    await kafka.ensure_topics(kafka_config, [kafka.TopicSpec(name=name) for name in names])
    broker = f'bootstrap_servers = "{kafka_config.bootstrap_servers}"'
    prefix = f'topic_prefix = "{kafka_config.topic_prefix}"'
    return Program(tmp_path, f"{ACME}{ACME.replace('acme', 'globex')}[kafka]\n{broker}\n{prefix}\n")


def user(integration: str, value: bytes | None = b"") -> kafka.Message:
    """A user's first event on its topic, or ``value`` in its place."""
    user_id = ids.entity_id(integration, Model.USER, "17")
    kind = events.event_type(Model.USER, "created")
    event = events.Event(
        id=ids.event_id(user_id, 1),
        source=f"trackerrms/{integration}",
        type=kind,
        subject=user_id,
        time=datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
        dataschema=events.data_schema(Model.USER),
        integrationid=integration,
        sequence=ids.format_sequence(1),
        data=events.Change(record=User(id=user_id, remote_id="17"), changed_fields=(), cause="initial"),
    )
    return kafka.Message(
        topic="", key=user_id.encode(), value=codec.encode(event) if value == b"" else value,
        headers=events.headers(event.id, kind, integration),
    )  # fmt: skip


async def publish(config: KafkaConfig, *messages: kafka.Message) -> None:
    """Onto the topic of the users, in their order: all in one partition."""
    topic = topics.events(Model.USER, config.topic_prefix)
    async with kafka.Producer(config) as producer:
        await producer.publish([msgspec.structs.replace(one, topic=topic, key=b"key") for one in messages])


async def test_tail_shows_one_account_and_says_what_is_no_event(
    tailing: Program, kafka_config: KafkaConfig
) -> None:
    broken = user("acme", b'{"type": "[user].created"}')
    await publish(kafka_config, user("globex"), user("acme", None), broken, user("acme"))
    told = await tailing(
        "tail", "--integration", "acme", "--model", "user", "--from-beginning", "--limit", "2"
    )
    unreadable, event = told.out.splitlines()
    assert unreadable.startswith("not an event: ")
    user_id = ids.entity_id("acme", Model.USER, "17")
    assert re.fullmatch(rf"09:30:00\.000 user\.created +acme {user_id} v1 initial", event)


async def test_tail_follows_until_a_signal(tailing: Program, kafka_config: KafkaConfig) -> None:
    await publish(kafka_config, user("acme"))
    async with tailing.running("tail", "--from-beginning") as process:
        assert process.stdout is not None
        assert b"user.created" in await asyncio.wait_for(process.stdout.readline(), patient(60))
        await publish(kafka_config, user("globex"))
        assert b"globex" in await asyncio.wait_for(process.stdout.readline(), patient(60))


async def test_tail_of_an_account_that_is_none_is_refused(tmp_path: Path) -> None:
    ended = await Program(tmp_path, ACME)("tail", "--integration", "globex")
    assert (ended.code, "no integration has the id 'globex'" in ended.err) == (2, True)


# --- listen -----------------------------------------------------------------------------------------------


async def test_listening_shows_whatever_arrives_and_ends_after_so_many(tmp_path: Path) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signed = {
        "webhook-id": "msg_1",
        "webhook-timestamp": f"{datetime.now(UTC).timestamp():.0f}",
        "webhook-signature": "v1,AAAA",
    }
    async with (
        listening(Program(tmp_path), "--secret", secret, "--limit", "3") as listener,
        aiohttp.ClientSession() as session,
    ):
        for asked in ("livez", ""):
            async with session.get(f"{listener.url}{asked}") as answer:
                assert answer.status == 404
        for body, headers in (("[hello]", {}), ('{"type": "[job]"}', signed), ('{"type": "[job]"}', signed)):
            async with session.post(listener.url, data=body, headers=headers) as answer:
                assert answer.status == 204
        said = [(await listener.line()).decode().strip() for _ in range(10)]
        assert await listener.ended() == 0
    heads = [re.sub(r"^\d\d:\d\d:\d\d |  answered 204$", "", line) for line in said if "answered" in line]
    refused = "no signature is valid: another secret, or a changed body"
    assert heads == [
        "not an event   webhook-id is missing",
        f"[job] msg_1  {refused}",
        f"[job] msg_1  {refused} received 2 times",
    ]
    assert [said[1], said[3:6]] == ['"[hello]"', ["{", '"type": "[job]"', "}"]]


async def test_listening_for_an_endpoint_that_is_none_says_where_to_look(
    store_url: str, tmp_path: Path
) -> None:
    ended = await Program(tmp_path, f'[store]\nurl = "{store_url}"\n')("listen", "--endpoint", "ep_1")
    assert (ended.code, "bridge endpoints list" in ended.err) == (2, True)


# --- status -----------------------------------------------------------------------------------------------


@pytest.fixture
async def watching(store_url: str, tmp_path: Path) -> Program:
    """The program over a store of this test's own."""
    sealing = f'[sealing]\nkey = "{KEY}"\n'
    return Program(tmp_path, f'{ACME}[store]\nurl = "{store_url}"\n{sealing}')


# What a terminal is told so that what stood on it before is there again at the end.
_OTHER_SCREEN, _BACK = b"\x1b[?1049h", b"\x1b[?1049l"


async def test_status_is_drawn_anew_on_a_terminal_until_a_signal(watching: Program, store_url: str) -> None:
    async with (
        terminal() as (stdout, screen),
        watching.running("status", "--watch", stdout=stdout, **ENVIRON),
        await Database.open(store_url, pool_size=1) as db,
    ):
        await until(lambda: b"empty; 0 sent" in screen.shown, 60)
        async with db.transaction() as tx:
            await outbox.append(tx, [OutboxRow(topic="t", key=b"k", value=b"v")])
        await until(lambda: b"1 waiting, the oldest for" in screen.shown, 60)
    before, in_place = screen.shown.split(_OTHER_SCREEN)
    assert (before, in_place.count(_BACK)) == (b"", 1)


async def test_a_reader_who_has_seen_enough_ends_the_program_quietly(watching: Program) -> None:
    ours, theirs = os.pipe()
    async with watching.running("status", "--watch", "--json", stdout=theirs) as process:
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe:
            assert (await asyncio.to_thread(pipe.readline)).startswith(b"{")
        assert await asyncio.wait_for(process.wait(), patient(60)) == 0
        assert process.stderr is not None
        assert await process.stderr.read() == b""
