"""A running bridge, a service that commands it, and the account they work on: one for many tests."""

import contextlib
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import msgspec
import orjson
from trackerrms_contracts import ids, topics
from trackerrms_contracts.entities import Model

from bridge import app, kafka
from bridge.app import Tuning
from bridge.commands.account import CommandLimits
from bridge.commands.stage import CommandDependencies, CommandStage
from bridge.outbound import Outbound
from bridge.runtime import supervisor
from bridge.simulator.options import Options
from bridge.simulator.remote import Remote
from bridge.simulator.world import World
from bridge.tracker.retry_policy import RetryPolicy
from tests.commanding import Caller, person
from tests.databases import Databases
from tests.installation import INTEGRATION, QUICK, Installation, installed
from tests.waiting import patient

READBACK_SECONDS = 0.5

CV = {"name": "cv.pdf", "type": "CV", "content_type": "application/pdf", "data": "Y3Y="}
LETTER = {"name": "letter", "type": "COVER_LETTER", "content_type": "text/plain", "data": "bGV0dGVy"}
OTHER = {"name": "portfolio.html", "type": "OTHER", "content_type": "text/html", "data": "PHA+"}
REST = dict.fromkeys(
    ("create_candidate", "update_candidate", "add_to_job", "move_stage", "reject", "attach_document"), "rest"
)
WIDGET_CALLS = {
    "find": ("POST", "/api/widget/checkPerson"),
    "create": ("POST", "/api/widget/createResource"),
    "fill": ("POST", "/api/widget/updateRecord"),
    "add": ("POST", "/api/widget/resourceApplication"),
    "attach": ("POST", "/api/widget/attachDocument"),
}


class Bench:
    """What the tests of commands need to know and do, in few words."""

    def __init__(self, bridge: Installation, caller: Caller, remote: Remote) -> None:
        self.bridge = bridge
        self.caller = caller
        self.remote = remote
        self._numbers = itertools.count(1)

    @property
    def world(self) -> World:
        """The account's truth."""
        return self.bridge.server.world

    def someone(self, **more: Any) -> dict[str, Any]:
        """A person whom nobody knows yet."""
        return person(next(self._numbers), **more)

    async def fault(self, step: str, kind: str, **more: Any) -> None:
        """Let a step's call by the widget API go wrong."""
        method, path = WIDGET_CALLS[step]
        await self.remote.fault(path, kind, **{"method": method, **more})

    async def jobs(self, status: str = "OPEN") -> list[str]:
        """Remote ids of the jobs in that status."""
        found = await self.remote.truth("job")
        return [job for job, record in found.items() if record["status"] == status]

    async def job(self) -> str:
        """An open one."""
        return (await self.jobs())[0]

    def user(self) -> str:
        """Remote id of a user."""
        return str(next(iter(self.world.live["user"].ids())))

    async def create(self, **more: Any) -> dict[str, Any]:
        """The input that makes somebody unknown apply to an open job."""
        place = {"application": {"job_id": f"remote:{await self.job()}"}}
        return {"candidate": self.someone()} | place | more

    async def an_application(self, **fields: Any) -> str:
        """Remote id of an application that no other test knows."""
        candidate = await self.remote.change("create", "resource", surname="Applicant")
        given = {"opportunityId": int(await self.job()), "opportunityResourceStatusId": 3} | fields
        return str(await self.remote.change("create", "opportunity_resource", resourceId=candidate, **given))

    async def people(self, email: str) -> list[str]:
        """Remote ids of the candidates with that address."""
        return [
            number
            for number, record in (await self.remote.truth("candidate")).items()
            if any(mail["email_address"].casefold() == email.casefold() for mail in record["email_addresses"])
        ]

    async def applications(self, candidate: str) -> list[str]:
        """Remote ids of a candidate's applications."""
        found = await self.remote.truth("application")
        return [number for number, one in found.items() if one["candidate_id"] == f"remote:{candidate}"]

    async def stored(self, entity: str, remote_id: str) -> dict[str, Any]:
        """A record as the simulator keeps it."""
        return await self.remote.record(entity, remote_id)

    async def documents(self, candidate: str) -> list[tuple[str, str, str]]:
        """(name, type, ``digest`` of the content) of a candidate's documents, as they were attached."""
        found = await self.remote.documents()
        return [
            (one["filename"], one["documentType"], one["sha256"])
            for one in found
            if str(one["candidate"]) == candidate
        ]

    async def events(self, model: Model, command_id: str) -> list[dict[str, Any]]:
        """The events of a model that a command caused, once there is one."""
        found: list[dict[str, Any]] = []
        topic = topics.events(model, self.bridge.settings.kafka.topic_prefix)
        async with kafka.Consumer(self.bridge.settings.kafka, [topic]) as consumer:

            async def caused() -> bool:
                records = await consumer.read_to_end()
                events = [orjson.loads(record.value) for record in records if record.value]
                found.extend(event for event in events if event["data"].get("command_id") == command_id)
                return bool(found)

            await self.until(caused, f"{command_id} caused no event of {model}")
        return found

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        """Read results until ``holds``: that waits a little for the broker, and nothing here sleeps."""
        deadline = time.monotonic() + patient(30)
        while not await holds():
            if time.monotonic() > deadline:
                raise AssertionError(what)
            self.bridge.check()
            await self.caller.read(0.05)

    async def faults(self) -> list[dict[str, Any]]:
        """Those that are planned, and how many requests each has ``matched``."""
        async with aiohttp.ClientSession(self.remote.url) as http, http.get("/__faults") as answer:
            return list(await answer.json())

    async def calls(self, path: str = "") -> int:
        """How many requests the simulator received at paths that begin so."""
        by_path: Mapping[str, Mapping[str, int]] = (await self.remote.calls())["by_path"]
        return sum(sum(n.values()) for name, n in by_path.items() if name.partition(" ")[2].startswith(path))

    async def dead_letters(self) -> list[dict[str, Any]]:
        """All that came so far."""
        topic = topics.dead_letter(self.bridge.settings.kafka.topic_prefix)
        async with kafka.Consumer(self.bridge.settings.kafka, [topic]) as consumer:
            return [orjson.loads(record.value or b"") for record in await consumer.read_to_end()]


def bridge_id(model: Model, remote_id: str) -> str:
    """The bridge's id of a record of TrackerRMS."""
    return ids.entity_id(INTEGRATION, model, remote_id)


def digest(content: bytes) -> str:
    """As the simulator tells documents' contents."""
    return sha256(content).hexdigest()


def warnings(result: dict[str, Any]) -> list[str]:
    """What a result warns about."""
    return [warning["message"] for warning in result["data"]["warnings"]]


def message(result: dict[str, Any]) -> str:
    """What a result's error says."""
    return str(result["data"]["error"]["message"])


@contextlib.asynccontextmanager
async def commanded(
    databases: Databases,
    kafka_bootstrap: str,
    *,
    world: World | None = None,
    options: Options | None = None,
    start: bool = True,
    integration: dict[str, Any] | None = None,
    kafka_: dict[str, Any] | None = None,
    in_flight: int = CommandLimits().in_flight,
    **commands: Any,
) -> AsyncIterator[Bench]:
    """A bridge that carries out commands; ``commands`` lie over its configuration of them."""
    small = World(7, candidates=20, jobs=12, applications=20, users=6, index_lag_seconds=0.2)
    calm = Options(rate_limit_per_minute=0, index_lag_seconds=0.2, quirks_off=("empty_bodies",))
    name = await databases.create(template=await databases.migrated())
    with tempfile.TemporaryDirectory(prefix="bridge-test-") as directory:
        async with installed(
            databases.url(name),
            kafka_bootstrap,
            f"t{uuid4().hex[:12]}",
            data_dir=str(Path(directory) / "data"),
            world=world or small,
            options=options or calm,
            integration=integration,
            topics_=kafka_,
            roles=("poller", "relay", "commands"),
            tuning=Tuning(
                reads=QUICK.reads,
                commands=CommandLimits(in_flight=in_flight, readback_seconds=READBACK_SECONDS),
            ),
        ) as bridge:
            given = {"deadline_seconds": patient(20)} | commands
            bridge.settings = msgspec.structs.replace(
                bridge.settings,
                commands=msgspec.structs.replace(bridge.settings.commands, **given),
                outbound=msgspec.structs.replace(
                    bridge.settings.outbound, allow_http=True, allow_networks=("127.0.0.2/32",)
                ),
            )
            async with Caller(bridge.settings) as caller, Remote(bridge.server.url) as remote:
                if start:
                    bridge.start()
                yield Bench(bridge, caller, remote)
                bridge.check()
    await databases.drop(name)


async def hand_built(
    bridge: Installation, *, patience: RetryPolicy | None = None, outbound: type[Outbound] = Outbound
) -> int:
    """``app.run_roles``, but for the patience and the downloads of the command stage."""
    settings = bridge.settings
    async with (
        app.open_installation(settings, tuning=bridge.tuning) as opened,
        kafka.Producer(settings.kafka) as producer,
    ):
        limit = await app.make_topics(settings)
        stages = dict(app.stages(opened, producer, ("relay", "poller"), limit))
        parts = CommandDependencies(
            db=opened.db,
            hasher=opened.keys.hasher,
            sealer=opened.keys.sealer,
            kafka=settings.kafka,
            config=settings.commands,
            retention_days=settings.store.retention_days,
            integrations=settings.integrations,
            max_message_bytes=limit,
            connect=lambda integration: app.client(opened, integration, patience=patience, lane="command"),
            outbound=lambda: outbound(settings.outbound),
            limits=bridge.tuning.commands,
        )
        return await supervisor.supervise(stages | {"commands": CommandStage(parts).run}, signals=())


async def calm(bench: Bench) -> None:
    """Forget the faults that a test planned."""
    async with aiohttp.ClientSession(bench.remote.url) as http, http.delete("/__faults") as answer:
        answer.raise_for_status()
