"""One entry of the matrix: an account that speaks some dialect, and what the bridge makes of it.

Right: the topics say what the account holds, after the first load and after changes. Loud: they don't, and no
event that is untrue was published, the check ends with 1 and names a key, and the status names the cause.
Anything else is silent.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, Literal

from msgspec import Struct

from bridge import app
from bridge.app import Tuning
from bridge.cli import check_results, check_rows, installation_status
from bridge.commands.account import CommandLimits
from bridge.simulator.options import Options
from bridge.simulator.recording import ListSkeletons
from bridge.simulator.truth import MODELS
from bridge.simulator.world import World
from tests import oracle
from tests.commanding import Caller
from tests.installation import INTEGRATION, QUICK, Installation, installed
from tests.matrix import acting, shown
from tests.oracle import Topics
from tests.waiting import patient

Verdict = Literal["right", "loud", "silent", "endless"]
_QUIET_SECONDS = 2.5
_LONGEST_SECONDS = 12.0
_MOST_CALLS_A_SECOND = 400


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of an entry. ``differs``: where topics and account differ; ``untrue``: events that never
    were true; ``check``: the failing lines of the check; ``causes``: what the status says."""

    dialect: Mapping[str, str]
    verdict: Verdict
    differs: tuple[str, ...] = ()
    untrue: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    seconds: float = 0.0


class EveryRecord(Topics):
    """The topics, with every record that was ever published."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[tuple[str, str, dict[str, Any]]] = []

    def _apply(self, model: str, operation: str, key: str, event: dict[str, Any]) -> None:
        super()._apply(model, operation, key, event)
        if operation != "deleted":
            self.published.append((model, key, event["data"]["record"]))


class Versions:
    """Every record that the account ever held, as the topics should say it."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def add(self, truth: Mapping[str, list[dict[str, Any]]]) -> None:
        """Take the account as it is now."""
        for model, lines in truth.items():
            for key, record in oracle.expected(INTEGRATION, model, lines).items():
                versions = self._known.setdefault((model, key), [])
                if record not in versions:
                    versions.append(record)

    def untrue(self, published: Iterable[tuple[str, str, dict[str, Any]]]) -> list[str]:
        """The published records that say what the account never held. What they leave out is no untruth."""
        found: dict[str, None] = {}
        for model, key, record in published:
            wrong = [_wrong(record, version) for version in self._known.get((model, key), [])]
            if not wrong or all(wrong):
                names = min(wrong, key=len, default=["never was"])
                found[f"{model} {record.get('remote_id')}: {', '.join(names)}"] = None
        return list(found)


def _without(record: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


def _wrong(have: Mapping[str, Any], want: Mapping[str, Any]) -> list[str]:
    """Where a record says otherwise, but for the fields that it leaves out, of objects inside it too."""
    told = {name: value for name, value in have.items() if value not in (None, [], "")}
    known = {name: want[name] for name in told if name in want}
    for name, value in told.items():
        if isinstance(value, dict) and isinstance(known.get(name), dict):
            said = {key for key, part in value.items() if part is not None}
            told[name] = {key: part for key, part in value.items() if key in said}
            known[name] = {key: part for key, part in known[name].items() if key in said}
    return list(oracle.differing(told, known))


async def tried(
    dialect: Mapping[str, str], store_url: str, bootstrap: str, topic_prefix: str, data_dir: str,
    shapes: ListSkeletons | None = None,
) -> Outcome:  # fmt: skip
    """Load the account, change it, and judge. ``shapes``: those of a recording, which is played then."""
    began = time.monotonic()
    world = World(seed=7, candidates=25, jobs=14, applications=30, users=12, index_lag_seconds=0)
    options = Options(
        rate_limit_per_minute=0, index_lag_seconds=0, dialect=dialect, quirks_off=("empty_bodies",),
        shapes=shapes or {},
    )  # fmt: skip
    writes = bool(acting.parts_touched(dialect))
    async with installed(
        store_url, bootstrap, topic_prefix, world=world, options=options, data_dir=data_dir,
        integration={"learn": True, "tracker": acting.settings_for(dialect)}, capture={"poll_seconds": 0.3},
        roles=("poller", "relay", "commands") if writes else ("poller", "relay"),
        tuning=Tuning(reads=QUICK.reads, commands=CommandLimits(readback_seconds=0.5)),
    ) as bridge:  # fmt: skip
        bridge.settings = acting.hurried(bridge.settings)
        bridge.topics = topics = EveryRecord()
        versions = Versions()

        def held() -> shown.Truth:
            return shown.as_shown(dialect, _held(world), world.local)

        async def truth() -> shown.Truth:
            return shown.as_shown(dialect, await bridge.simulator.truth(), world.local)

        versions.add(held())
        world.listeners.append(lambda *_: versions.add(held()))
        bridge.start()
        await settled(bridge, truth)
        acts = await _acted(bridge) if writes else acting.Acted()
        for change in changes(bridge.server.world):
            await bridge.simulator.change(**change)
        differs = await settled(bridge, truth)
        await bridge.read()
        # Reading moves a record's last update there: the truth between two changes is not taken down. So does
        # a deletion that leaves the record where it is.
        listed = dialect.get("deletions") in ("listed_inactive", "listed_flagged")
        moving = {"remote_updated_at"} if dialect.get("saves") == "views_too" or listed else set()
        untrue = versions.untrue((m, k, _without(r, moving)) for m, k, r in topics.published)
        untrue += oracle.false_deletions(topics, INTEGRATION, await bridge.simulator.journal())
        untrue += acts.untrue
        busiest = (await bridge.simulator.calls())["total"] / (time.monotonic() - began)
        check, causes = await said(bridge, write=writes)
        await bridge.stop()
    verdict = judged(differs, untrue, acts.failed, check, causes)
    if verdict != "right" and busiest > _MOST_CALLS_A_SECOND:
        verdict = "endless"
    return Outcome(
        dialect=dialect, verdict=verdict, differs=tuple(differs), untrue=tuple(untrue),
        failed=acts.failed, check=check, causes=causes, seconds=round(time.monotonic() - began, 1),
    )  # fmt: skip


async def _acted(bridge: Installation) -> acting.Acted:
    async with Caller(bridge.settings) as caller:
        return await acting.acted(bridge, caller)


def _held(world: World) -> dict[str, list[dict[str, Any]]]:
    """What the account holds now, as ``Simulated.truth`` has it."""
    return {
        model: [{"remote_id": remote_id, "record": record} for remote_id, record in world.truth(model)]
        for model in MODELS
    }


def judged(
    differs: list[str],
    untrue: list[str],
    failed: tuple[str, ...],
    check: tuple[str, ...],
    causes: tuple[str, ...],
) -> Verdict:
    """Right, loud or silent. What an action's result says is loud by itself; the check must say it too."""
    if not differs and not untrue and not failed:
        return "right"
    names_a_key = any(
        word in line for line in check for word in ("tracker.", "integrations.tracker", "bridge.toml")
    )
    return "loud" if names_a_key and (causes or not differs) and not untrue else "silent"


def changes(world: World) -> Iterable[dict[str, Any]]:
    """Changes of every kind, one after another."""
    candidates, jobs = list(world.live["resource"].ids()), list(world.live["opportunity"].ids())
    placements = list(world.live["opportunity_resource"].ids())
    yield {"op": "update", "entity": "resource", "record_id": candidates[3], "jobTitle": "Welder"}
    yield {"op": "update", "entity": "resource", "record_id": candidates[4], "tagText": "fresh, keen"}
    yield {"op": "update", "entity": "opportunity", "record_id": jobs[2], "opportunityName": "Rigger"}
    yield {
        "op": "update", "entity": "opportunity_resource", "record_id": placements[1],
        "opportunityResourceStatusId": 4,
    }  # fmt: skip
    yield {"op": "create", "entity": "resource", "firstName": "Ada", "surname": "Byron", "email": "ada@b.org"}
    yield {"op": "delete", "entity": "opportunity_resource", "record_id": placements[5]}
    yield {"op": "delete", "entity": "resource", "record_id": candidates[7]}


async def settled(bridge: Installation, truth: Callable[[], Awaitable[shown.Truth]]) -> list[str]:
    """Wait until the topics agree with the account, or nothing has come for a while."""
    deadline = time.monotonic() + patient(_LONGEST_SECONDS)
    last, since = -1, time.monotonic()
    while True:
        bridge.check()
        topics = await bridge.read()
        differs = oracle.differences(topics, INTEGRATION, await truth())
        now = time.monotonic()
        if len(topics.sent) != last:
            last, since = len(topics.sent), now
        if not differs or now > deadline or now - since > patient(_QUIET_SECONDS):
            return differs
        await asyncio.sleep(0.2)


async def said(bridge: Installation, *, write: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The failing lines of the check, and the causes that the status names."""
    (integration,) = bridge.settings.integrations
    async with app.open_installation(bridge.settings) as here:
        lines = [one async for one in check_results.findings(here, integration, write=write)]
        now = await installation_status.read_installation_status(here, with_parked=True)
    failing = [
        line for line in lines if line.fails or (write and line.kind == "action" and line.result != "works")
    ]
    check = tuple(f"{line.name}: {line.reason}" for line in failing)
    return check, tuple(causes_of(now))


def causes_of(now: installation_status.InstallationStatus) -> Iterable[str]:
    """What a status says of troubles."""
    for integration in now.integrations:
        yield from (f"{question.assumption}: {question.evidence}" for question in integration.questions)
        for resource in integration.resources:
            for text in (resource.polls.error, resource.polls.scan_error):
                if text:
                    yield f"{resource.name}: {text}"
            if resource.last_scan is not None and resource.last_scan.flaw:
                yield f"{resource.name}: {resource.last_scan.flaw}"
            if resource.parked:
                yield f"{resource.name}: {resource.parked} parked"
            if resource.unlisted:
                yield f"{resource.name}: {resource.unlisted} in no list"
        yield from (
            f"{one.resource}: held: {one.kind} {one.key}: {one.evidence}" for one in integration.holds
        )
        yield from (f"{one.resource}: {one.code}: {one.text}" for one in integration.remarks)
        yield from (
            f"{one.resource}: {one.field} left out: {one.reason}"
            for one in integration.gaps
            if check_rows.names_a_key(one.reason)
        )
