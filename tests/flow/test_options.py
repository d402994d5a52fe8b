"""What an integration may choose: a silent first load, kept values, raw records, some of the models."""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import msgspec
import orjson
import pytest
from trackerrms_contracts import ids, topics
from trackerrms_contracts.entities import Model

from bridge import app, kafka
from bridge.capture.change_writer import ChangeWriter
from bridge.capture.event_builder import EventBuilder, Identity
from bridge.capture.observations import Observation
from bridge.capture.proof import Guard
from bridge.config import LogConfig
from bridge.simulator.options import BEARER_TOKEN
from bridge.store.database import Database
from bridge.store.stored_records import RowState
from tests import oracle
from tests.crash.killable import Killable
from tests.flow.tracker_account import SEALER
from tests.installation import INTEGRATION, Install, Installation
from tests.unit.capture_records import HASHER, family, member
from tests.waiting import until

Event = dict[str, Any]
Started = Callable[..., Any]


class Watched:
    """A bridge that runs, and every event of it as it stands on the topics."""

    def __init__(self, bridge: Installation, db: asyncpg.Connection, consumer: kafka.Consumer) -> None:
        self.bridge, self.world = bridge, bridge.server.world
        self.db, self.seen = db, list[Event]()
        self._consumer = consumer

    async def events(self) -> list[Event]:
        """All events up to now."""
        found = await self._consumer.read_to_end()
        self.seen += [orjson.loads(record.value) for record in found if record.value is not None]
        return self.seen

    async def of(self, remote_id: int, kind: str) -> Event:
        """Wait for the event of that type of that record."""
        key = entity_id(kind.partition(".")[0], str(remote_id))

        async def found() -> Event | None:
            self.bridge.check()
            events = await self.events()
            return next((e for e in events if (e["subject"], e["type"]) == (key, kind)), None)

        await until(lambda: there(found), 30)
        return next(e for e in self.seen if (e["subject"], e["type"]) == (key, kind))

    async def loaded(self, loads: int = 3) -> None:
        """Wait until the first loads are over and Kafka has everything."""
        query = """
            SELECT (SELECT count(*) FROM scans WHERE kind = 'initial' AND finished_at IS NOT NULL) = $1
                   AND NOT EXISTS (SELECT FROM outbox)
        """
        await until(lambda: self.db.fetchval(query, loads), 60)

    async def drained(self) -> None:
        """Wait until Kafka has everything."""
        await until(lambda: self.db.fetchval("SELECT NOT EXISTS (SELECT FROM outbox)"))

    async def agrees_on(self, changed: set[tuple[str, str]]) -> bool:
        """Whether the events leave those records as they are."""
        self.bridge.check()
        state = oracle.Topics()
        for event in await self.events():
            model, _, operation = event["type"].partition(".")
            state.state[model].pop(event["subject"], None)
            if operation != "deleted":
                state.state[model][event["subject"]] = event["data"]["record"]
        truth = {
            model: [line for line in lines if (model, line["remote_id"]) in changed]
            for model, lines in (await self.bridge.simulator.truth()).items()
        }
        return not oracle.differences(state, INTEGRATION, truth)


async def there(found: Callable[[], Any]) -> bool:
    """Whether it is there."""
    return await found() is not None


def entity_id(model: str, remote_id: str) -> str:
    """The bridge's id of that record."""
    return ids.entity_id(INTEGRATION, Model(model), remote_id)


@pytest.fixture
async def start(install: Install, store_url: str, topic_prefix: str) -> AsyncIterator[Started]:
    """``await start(keep_previous=True)`` runs a bridge with those settings of its integration."""
    async with AsyncExitStack() as stack:

        async def started(run: bool = True, **settings: Any) -> Watched:
            bridge = await install(integration=settings)
            await app.make_topics(bridge.settings)
            names = list(topics.all_events(topic_prefix).values())
            consumer = kafka.Consumer(bridge.settings.kafka, names, start="beginning")
            await stack.enter_async_context(consumer)
            db = await asyncpg.connect(store_url)
            stack.push_async_callback(db.close)
            if run:
                bridge.start()
                stack.push_async_callback(bridge.stop)
            return Watched(bridge, db, consumer)

        yield started


def candidate_of(watched: Watched, n: int) -> int:
    """The id of one of the account's candidates."""
    return int(watched.world.resources.first_id + n)


# --- the first load ---------------------------------------------------------------------------------------


async def test_a_silent_first_load_says_nothing_of_what_existed(start: Started) -> None:
    watched = await start(initial_load="silent")
    await watched.loaded()
    swept = "SELECT count(DISTINCT resource) = 3 FROM scans WHERE kind = 'sweep' AND finished_at IS NOT NULL"
    await until(lambda: watched.db.fetchval(swept))
    await watched.drained()
    assert await watched.events() == []


async def test_after_a_silent_first_load_a_change_is_the_second_version(start: Started) -> None:
    watched = await start(initial_load="silent")
    await watched.loaded()
    await watched.bridge.simulator.change("update", "resource", candidate_of(watched, 3), jobTitle="Cook")
    updated = await watched.of(candidate_of(watched, 3), "candidate.updated")
    assert (updated["sequence"], updated["data"]["record"]["title"]) == ("0000000002", "Cook")
    assert "title" in updated["data"]["changed_fields"]
    new = await watched.bridge.simulator.change("create", "resource", firstName="Ann", surname="Oakley")
    assert (await watched.of(new, "candidate.created"))["sequence"] == "0000000001"


async def test_after_a_silent_first_load_the_topics_follow_what_changes(start: Started) -> None:
    watched = await start(initial_load="silent")
    await watched.loaded()
    before, rng = by_key(await watched.bridge.simulator.truth()), Random(4)
    n = len(watched.world.journal)
    for _ in range(60):
        watched.world.random_change(rng)
    after = by_key(await watched.bridge.simulator.truth())
    # What went and came back before anybody looked did not change.
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert len(changed) > 20
    await until(lambda: watched.agrees_on(changed), 60)
    touched = {entity_id(line["model"], line["remote_id"]) for line in watched.world.journal.after(n)}
    assert {event["subject"] for event in watched.seen} <= touched


def by_key(truth: dict[str, list[dict[str, Any]]]) -> dict[tuple[str, str], dict[str, Any]]:
    """The records by model and remote id."""
    return {(model, line["remote_id"]): line["record"] for model, lines in truth.items() for line in lines}


def seen(title: str) -> Observation:
    """Candidate 17 as just read."""
    found = family("candidates", "17", member(Model.CANDIDATE, title=title))
    source = RowState(row_id=17, quick=None, fingerprint=None, version=None)
    return Observation(source=source, latest=None, found=found)


async def test_a_silent_load_tells_on_what_a_poll_has_told_before(store_url: str) -> None:
    identity = Identity(integration_id=INTEGRATION, topic_prefix="ats")
    publisher = EventBuilder(identity, SEALER, keep_values=False, max_message_bytes=1_000_000)
    changes = ChangeWriter(
        identity, HASHER, publisher, frozenset(Model), keys={}, limits=Guard(count=500, percent=10.0)
    )
    async with await Database.open(store_url) as db, db.transaction() as tx:
        await changes.apply(tx, "candidates", [seen("Cook")], "poll")
        await changes.apply(tx, "candidates", [seen("Chef")], "initial", silent=True)
        told = [orjson.loads(row[0]) for row in await tx.fetch("SELECT value FROM outbox ORDER BY position")]
    assert [(event["type"], int(event["sequence"])) for event in told] == [
        ("candidate.created", 1),
        ("candidate.updated", 2),
    ]


# --- kept values ------------------------------------------------------------------------------------------


def assert_previous_is_what_was(events: list[Event]) -> int:
    """Of every update exactly the changed fields, as the version before had them; returns how many."""
    last: dict[str, Event] = {}
    updates = 0
    for event in sorted(events, key=lambda e: e["sequence"]):
        data = event["data"]
        if event["type"].endswith(".updated"):
            before = last[event["subject"]]
            assert data["previous"] == {name: before[name] for name in data["changed_fields"]}
            updates += 1
        else:
            assert "previous" not in data
        last[event["subject"]] = data["record"]
    return updates


async def test_kept_values_are_told_as_previous_of_exactly_what_changed(start: Started) -> None:
    watched = await start(keep_previous=True)
    await watched.bridge.agree()
    rng = Random(4)
    for _ in range(60):
        watched.world.random_change(rng)
    await watched.bridge.agree()
    assert assert_previous_is_what_was(await watched.events()) > 10


async def test_a_deletion_carries_the_last_record_where_values_are_kept(start: Started) -> None:
    watched = await start(keep_previous=True)
    gone = candidate_of(watched, 5)
    last = (await watched.of(gone, "candidate.created"))["data"]["record"]
    await watched.loaded()
    await watched.bridge.simulator.change("delete", "resource", gone)
    told = (await watched.of(gone, "candidate.deleted"))["data"]["record"]
    moment = told["remote_deleted_at"]
    assert moment is not None
    assert told == last | {"changed_at": moment, "remote_deleted_at": moment}


async def test_without_kept_values_there_is_no_previous_and_a_deletion_carries_only_ids(
    start: Started,
) -> None:
    watched = await start()
    gone = candidate_of(watched, 5)
    await watched.loaded()
    await watched.bridge.simulator.change("update", "resource", gone, jobTitle="Cook")
    assert "previous" not in (await watched.of(gone, "candidate.updated"))["data"]
    await watched.bridge.simulator.change("delete", "resource", gone)
    told = (await watched.of(gone, "candidate.deleted"))["data"]["record"]
    told = {name for name, value in told.items() if value not in (None, [])}
    assert told == {"id", "remote_id", "changed_at", "remote_deleted_at"}


# --- personal data ----------------------------------------------------------------------------------------


def personal(truth: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Names of five letters and more, e-mails and telephone numbers of all candidates and users."""
    for line in truth["candidate"] + truth["user"]:
        record = line["record"]
        names = (record.get("first_name"), record.get("last_name"))
        yield from (name for name in names if name and len(name) >= 5)
        contacts = [*(record.get("email_addresses") or ()), *(record.get("phone_numbers") or ())]
        contacts.append({"email": record.get("email")})
        yield from (v for c in contacts for k, v in c.items() if k != "type" and v and len(v) >= 5)


def said(texts: set[str], where: str) -> set[str]:
    """Which of the texts stand there, as words of their own."""
    return {text for text in texts if re.search(rf"(?<!\w){re.escape(text)}(?!\w)", where)}


async def dumped(db: asyncpg.Connection) -> str:
    """Every value of every column of every table as text; bytes too, as far as they are text."""
    tables = await db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = [row for table in tables for row in await db.fetch(f'SELECT * FROM "{table[0]}"')]
    values = [value for row in rows for value in row.values() if value is not None]
    return "\n".join(v.decode("utf-8", "ignore") if isinstance(v, bytes) else str(v) for v in values)


@pytest.mark.parametrize("keep_previous", [True, False])
async def test_no_personal_data_rests_in_the_database(start: Started, keep_previous: bool) -> None:
    watched = await start(keep_previous=keep_previous)
    texts = set(personal(await watched.bridge.simulator.truth()))
    await watched.bridge.agree()
    rng = Random(4)
    for _ in range(60):
        watched.world.random_change(rng)
    await watched.bridge.agree()
    texts |= set(personal(await watched.bridge.simulator.truth()))
    await watched.drained()
    rest = await dumped(watched.db)
    assert len(texts) > 100
    assert "candidate" in rest
    assert said(texts | {BEARER_TOKEN}, rest) == set()


async def test_no_personal_data_and_no_token_stands_in_the_log(start: Started, data_dir: Path) -> None:
    watched = await start(run=False)
    bridge = watched.bridge
    for path, kind in (("/api/v1/Resource", "bad_json"), ("/api/v1/OpportunityResource", "cut")):
        await bridge.simulator.fault(path, kind, after=3, times=2)
    first = candidate_of(watched, 0)
    watched.world.set_raw("resource", first, {"detail": {"id": first, "firstName": ["Persephone"]}})
    settings = msgspec.structs.replace(bridge.settings, log=LogConfig(level="debug"))
    async with Killable(settings, data_dir) as process:
        await process.start()
        await watched.loaded()
        await process.stop()
        lines = [orjson.loads(line) for line in process.log().splitlines()]
        texts = set(personal(await bridge.simulator.truth())) | {BEARER_TOKEN, "Persephone"}
        assert len(lines) > 10
        assert said(texts, process.log()) == set()
        assert "eyJ" not in process.log()


# --- raw records, and which models ------------------------------------------------------------------------


async def test_remote_data_is_the_raw_record_under_its_path(start: Started) -> None:
    watched = await start(remote_data=True)
    record = (await watched.of(candidate_of(watched, 3), "candidate.created"))["data"]["record"]
    raw = record["remote_data"]
    assert set(raw) == {"/api/v1/Resource/PagedSearch", "/api/v1/Resource/{id}"}
    assert str(raw["/api/v1/Resource/PagedSearch"]["resourceId"]) == record["remote_id"]
    assert raw["/api/v1/Resource/{id}"]["jobTitle"] == record["title"]


async def test_without_remote_data_there_is_none(start: Started) -> None:
    watched = await start()
    record = (await watched.of(candidate_of(watched, 3), "candidate.created"))["data"]["record"]
    assert record["remote_data"] is None


async def test_models_that_are_off_are_neither_read_nor_told(start: Started) -> None:
    watched = await start(models=["candidate"])
    await watched.loaded(loads=1)
    await watched.bridge.simulator.change("update", "opportunity", watched.world.opportunities.first_id)
    new = await watched.bridge.simulator.change("create", "resource", firstName="Ann", tagText="Java")
    await watched.of(new, "candidate.created")
    assert {event["type"].partition(".")[0] for event in watched.seen} == {"candidate"}
    paths = (await watched.bridge.simulator.calls())["by_path"]
    assert [path for path in paths if "Opportunity" in path or "User" in path] == []
    assert len(watched.seen) == len((await watched.bridge.simulator.truth())["candidate"])
