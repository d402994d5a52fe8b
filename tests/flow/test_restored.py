"""A store that was restored to an older state: docs/operations.md brings every consumer up to date again."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
import orjson
from trackerrms_contracts import topics

from bridge import app, kafka
from bridge.cli import resync
from bridge.config import Secret
from bridge.store import overview, scans
from bridge.store.database import Database
from tests import oracle, pages
from tests.databases import Databases
from tests.installation import INTEGRATION, Install, Installation
from tests.oracle import Topics
from tests.waiting import until

RAISED = 1_000_000


async def test_what_was_restored_catches_up_with_what_consumers_know(
    databases: Databases, store_url: str, install: Install
) -> None:
    bridge = await install()
    bridge.start()
    await bridge.agree()
    await bridge.stop()
    backup = await databases.create(template=urlsplit(store_url).path.removeprefix("/"))
    bridge.start()
    await life_goes_on(bridge)
    await bridge.stop()
    await told_after_the_last_event(bridge)

    restored = databases.url(backup)
    store = msgspec.structs.replace(bridge.settings.store, url=Secret(restored))
    bridge.settings = msgspec.structs.replace(bridge.settings, store=store)
    async with await Database.open(restored) as db:
        await read_again(bridge, db)
        await db.execute(raising())
        bridge.start()
        await republished(bridge, db)
        await until(lambda: sent(db), 60)
        await bridge.stop()

    kept = consumed(await records(bridge))
    assert oracle.differences(kept, INTEGRATION, await bridge.simulator.truth()) == []
    await databases.drop(backup)


def raising() -> str:
    """Return the statement that the page on operations gives."""
    (statement,) = pages.blocks("docs/operations.md", "sql")
    assert str(RAISED) in statement
    return str(statement)


async def life_goes_on(bridge: Installation) -> None:
    """What the backup knows nothing of: records that changed several times, came, and went."""
    people = sorted(bridge.server.world.live["resource"].ids())
    for name in ("Once", "Twice", "Thrice"):
        await bridge.simulator.change("update", "resource", people[0], firstname=name)
        await bridge.agree()
    await bridge.simulator.change("delete", "resource", people[1])
    await bridge.simulator.change("create", "resource", firstname="New", surname="Example")
    await bridge.agree()


async def told_after_the_last_event(bridge: Installation) -> None:
    """While nothing runs, one that only consumers know goes, and one that they know well changes."""
    people = sorted(bridge.server.world.live["resource"].ids())
    await bridge.simulator.change("delete", "resource", people[-1])
    await bridge.simulator.change("update", "resource", people[0], firstname="Afterwards")


async def read_again(bridge: Installation, db: Database) -> None:
    """``bridge run --only poller`` until every list was seen whole."""
    began = datetime.now(UTC)
    bridge.start(app.run_roles(bridge.settings, ["poller"], signals=(), tuning=bridge.tuning))

    async def seen() -> bool:
        bridge.check()
        proved = await overview.proved_at(db, INTEGRATION)
        return {name for name, at in proved.items() if at > began} >= {"candidates", "jobs", "applications"}

    await until(seen, 60)
    await bridge.stop()
    await db.execute("UPDATE leases SET expires_at = '-infinity'")  # as if their time had passed


async def republished(bridge: Installation, db: Database) -> None:
    """``bridge resync --republish``, and its end."""
    (integration,) = bridge.settings.integrations
    followed = app.resources_of_integration(integration)
    async with app.open_installation(bridge.settings) as here:
        for resource in followed.values():
            assert (await resync.request_resync(here, integration, resource, True)).startswith("requested")

    async def done() -> bool:
        bridge.check()
        kinds = [await scans.running(db, INTEGRATION, name) for name in followed]
        return not any(scan and scan.kind == "republish" for scan in kinds)

    await until(done, 60)


async def sent(db: Database) -> bool:
    return int(await db.fetchval("SELECT count(*) FROM outbox")) == 0


async def records(bridge: Installation) -> list[kafka.ConsumedRecord]:
    names = list(topics.all_events(bridge.settings.kafka.topic_prefix).values())
    async with kafka.Consumer(bridge.settings.kafka, names, start="beginning") as consumer:
        return await consumer.read_to_end()


def consumed(read: list[kafka.ConsumedRecord]) -> Topics:
    """What a consumer holds that ignores what is not newer, and then what was not republished."""
    held: dict[str, tuple[int, dict[str, Any]]] = {}
    for record in read:
        event = orjson.loads(record.value or b"")
        if int(event["sequence"]) > held.get(event["subject"], (0, {}))[0]:
            held[event["subject"]] = int(event["sequence"]), event
    kept = Topics()
    for sequence, event in held.values():
        model, _, operation = event["type"].partition(".")
        if sequence > RAISED and operation != "deleted":
            kept.state[model][event["subject"]] = event["data"]["record"]
    return kept
