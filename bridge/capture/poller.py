"""The poller: one per integration, under a lease; reads what the schedule says until it is told to stop.

Trouble with one resource holds up only that resource; trouble with the account holds up them all. Trouble
with the store goes to the supervisor.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec
import structlog
from msgspec import Struct

from bridge import heartbeat, metrics
from bridge.capture import schedule
from bridge.capture.byid import WHOLE
from bridge.capture.deletion import Doors
from bridge.capture.hinted import Hinted
from bridge.capture.rows import Context
from bridge.capture.schedule import Standing, Task, Wait
from bridge.capture.status_list import PlacementStatuses
from bridge.capture.walk import Pace, Walk
from bridge.errors import BridgeError, LeaseLost, Permanent, Throttled, Transient
from bridge.store import cursors, deletions, hints, leases, outbox, scans
from bridge.store.leases import Held
from bridge.store.outbox import Wakeup
from bridge.tracker.normalise import Normaliser
from bridge.tracker.problems import AccountFault, Unreachable
from bridge.tracker.shapes import Resource, ResourceName

_log = structlog.get_logger(__name__)
# Users and statuses change seldom and are read whole.
_WHOLE_EVERY = 4.0
_LONGEST_BACKOFF_SECONDS = 300.0
_TICK_SECONDS = 1.0


class Rhythm(Struct, frozen=True, kw_only=True):
    """How often: seconds from poll to poll, and from the start of a sweep to the next one's."""

    poll_seconds: float
    sweep_seconds: float


class Salt(Protocol):
    """The key of a list's fingerprints, from what reading it depends on."""

    def __call__(self, *parts: bytes) -> bytes: ...


class Poller:
    """Reads one integration. ``resources`` are those that feed a model that is on."""

    def __init__(
        self,
        doors: Doors,
        hinted: Hinted,
        held: Held,
        normaliser: Normaliser,
        resources: dict[ResourceName, Resource],
        pace: Pace,
        rhythm: Rhythm,
        salt: Salt,
    ) -> None:
        self._doors = doors
        self._hinted = hinted
        self._hints_blocked_until = 0.0
        self._held = held
        self._normaliser = normaliser
        # By any text: a task's resource is one.
        self._resources: dict[str, Resource] = dict(resources.items())
        self._rhythm = rhythm
        self._salt = salt
        self._walks = {name: Walk(doors, pace, resource) for name, resource in self._resources.items()}
        self._standings: dict[str, Standing] = {}
        self._backoffs: dict[str, float] = {}
        self._statuses = PlacementStatuses(doors, normaliser.settings)
        self._statuses_digest = b""

    async def run(self, stop: asyncio.Event) -> None:
        """Read until ``stop``. Raises ``LeaseLost``, and ``Transient`` when the store can't be reached."""
        async with outbox.listening(self._doors.db, hints.CHANNEL) as wakeup:
            stopped = asyncio.create_task(stop.wait(), name="poller stop")
            stopped.add_done_callback(wakeup.notify)
            try:
                await self._run(stop, wakeup)
            finally:
                stopped.cancel()

    async def _run(self, stop: asyncio.Event, wakeup: Wakeup) -> None:
        await self._take_stock()
        # Polls that take longer than their interval must not keep the loads and the sweeps waiting for ever.
        background_by = time.monotonic() + self._rhythm.poll_seconds
        while not stop.is_set():
            heartbeat.beat()
            if self._held.lost.is_set():
                raise LeaseLost(f"{self._held.lease.name}: another process polls this integration now")
            await self._notice_approvals()
            # A poll may take a minute: what somebody knows to have changed goes before the next step.
            await self._follow_hints()
            match schedule.choose(self._standings, time.monotonic(), background_by):
                case Wait(seconds=seconds):
                    await wakeup.wait(min(seconds, _TICK_SECONDS))
                case Task() as task:
                    await self._attempt(task)
                    if task.work != "poll":
                        background_by = time.monotonic() + self._rhythm.poll_seconds

    async def _take_stock(self) -> None:
        """Where each resource stands, by the store: a restart goes on where the last run stopped."""
        now = time.monotonic()
        for name, resource in self._resources.items():
            running = await scans.running(self._doors.db, self._doors.integration_id, name)
            last = await scans.last_finished_age(self._doors.db, self._doors.integration_id, name)
            age = last if running is None else await scans.age_seconds(self._doors.db, running.id)
            self._standings[name] = Standing(
                incremental=resource.updated_after,
                loaded=last is not None,
                scanning=running is not None,
                sweep_due_at=now if age is None else now + self._rhythm.sweep_seconds - age,
            )
            if not resource.updated_after:
                # Only an approved deletion fails in the background there, and a person may have discarded it.
                await cursors.scan_went_on(self._doors.db, self._doors.integration_id, name)

    async def _notice_approvals(self) -> None:
        waiting = await deletions.waiting(self._doors.db, self._doors.integration_id)
        approved = {held.resource for held in waiting if held.state == "approved"}
        running = await scans.all_running(self._doors.db, self._doors.integration_id)
        for name, standing in self._standings.items():
            if standing.approved and name not in approved:
                await cursors.scan_went_on(self._doors.db, self._doors.integration_id, name)
            standing.approved = name in approved
            # A resync that a person asked for begins at once.
            standing.scanning = name in running

    async def _follow_hints(self) -> None:
        """Follow all hints there are. Trouble with TrackerRMS leaves them for later; polls have it too."""
        more = time.monotonic() >= self._hints_blocked_until
        while more:
            try:
                applied, more = await self._hinted.follow(self._hint_context)
            except (Throttled, AccountFault, Unreachable) as error:
                seconds = self._next_backoff("hints")
                self._hints_blocked_until = time.monotonic() + seconds
                _log.warning(
                    "hints.delayed",
                    integration=self._doors.integration_id,
                    reason=str(error),
                    retry_in_seconds=round(seconds, 1),
                )
                return
            self._backoffs.pop("hints", None)
            if applied.let_go:
                walk = self._walks.get("candidates")
                if walk is not None:
                    walk.unclaimed.note(applied)
            self._meet(applied.unknown_statuses)

    def _hint_context(self, name: str) -> Context | None:
        """What reading a hinted record needs; ``None`` for what this integration does not follow."""
        if name not in self._resources or name not in WHOLE:
            return None
        if name == "applications" and not self._statuses_digest:
            raise Unreachable("applications wait until the placement statuses have been read")
        return self._context(name, None)

    def _meet(self, unknown_statuses: Iterable[str]) -> None:
        """A status that is not in our list may have been made a moment ago: read the list again, once."""
        if self._statuses.meet(unknown_statuses) and "statuses" in self._standings:
            self._standings["statuses"].poll_due_at = time.monotonic()

    async def _attempt(self, task: Task) -> None:
        try:
            await self._do(task)
            self._meet(self._walks[task.resource].take_unknown_statuses())
        except LeaseLost:
            raise
        except Throttled as error:
            await self._account_failed(error, error.retry_after_seconds)
        except AccountFault as error:
            await self._account_failed(error, self._next_backoff("account"))
        except (Permanent, Transient) as error:
            await self._failed(task, error, self._next_backoff(_lane(task)))
        else:
            self._backoffs.pop(_lane(task), None)
            self._backoffs.pop("account", None)
            if task.work != "poll":
                await cursors.scan_went_on(self._doors.db, self._doors.integration_id, task.resource)

    def _next_backoff(self, name: str) -> float:
        """Doubling from a second to five minutes: a burst is over soon, what needs a person takes long."""
        backoff = min(2.0 * self._backoffs.get(name, 0.5), _LONGEST_BACKOFF_SECONDS)
        self._backoffs[name] = backoff
        return backoff * random.uniform(0.7, 1.0)  # noqa: S311 (no secret)

    async def _failed(self, task: Task, error: BridgeError, seconds: float) -> None:
        """Leave the polls of a resource alone for a while, or all else of it, and say why. The other goes on:
        where a list's last page can't be read, what changed may well be. Raises if the store is the trouble.
        """
        name, until = task.resource, time.monotonic() + seconds
        if task.work == "poll":
            self._standings[name].blocked_until = until
            await cursors.fail(self._doors.db, self._doors.integration_id, name, str(error))
        else:
            self._standings[name].background_blocked_until = until
            await cursors.fail_scan(self._doors.db, self._doors.integration_id, name, str(error))
        self._report(task.work, [name], error, seconds)

    async def _account_failed(self, error: BridgeError, seconds: float) -> None:
        """Leave the whole account alone for a while. The polls tell why, for they are the first to go on."""
        until = time.monotonic() + seconds
        for name, standing in self._standings.items():
            standing.blocked_until = standing.background_blocked_until = until
            await cursors.fail(self._doors.db, self._doors.integration_id, name, str(error))
        self._report("account", list(self._standings), error, seconds)

    def _report(self, work: str, names: list[str], error: BridgeError, seconds: float) -> None:
        _log.warning(
            "capture.failed",
            integration=self._doors.integration_id,
            work=work,
            resources=names,
            error=type(error).__name__,
            reason=str(error),
            retry_in_seconds=round(seconds, 1),
        )

    async def _do(self, task: Task) -> None:
        name = task.resource
        match task.work:
            case "poll":
                await self._poll(name)
            case "load" | "sweep":
                await self._scan(name)
            case "delete":
                await self._carry_out(name)

    async def _poll(self, name: str) -> None:
        standing, walk = self._standings[name], self._walks[name]
        cursor = await cursors.load(self._doors.db, self._doors.integration_id, name)
        started = time.monotonic()
        if not standing.incremental:
            await self._read_whole(name, first=cursor.polled_at is None)
            self._polled(name, started)
            standing.poll_due_at = started + self._rhythm.poll_seconds * _WHOLE_EVERY
            return
        self._check_statuses(name)
        if cursor.polled_until is None:
            # The first load takes hours; what changes meanwhile must not wait for its end.
            await cursors.begin(
                self._doors.db, self._doors.integration_id, name, self._doors.rows.server_now()
            )
        else:
            await walk.poll(self._contexts(name), cursor, loaded=standing.loaded)
            self._polled(name, started)
        standing.poll_due_at = started + self._rhythm.poll_seconds

    def _polled(self, name: str, started: float) -> None:
        seconds = time.monotonic() - started
        metrics.POLL_SECONDS.labels(self._doors.integration_id, name).observe(seconds)

    async def _read_whole(self, name: str, *, first: bool) -> str | None:
        """Read all of a short list, and carry out a resync that a person asked for; says what flaw it had."""
        scan = await scans.running(self._doors.db, self._doors.integration_id, name)
        if name == "statuses":
            await self._learn_statuses(accept=scan is not None)
        context = self._context(name, None, reread=scan is not None)
        _, flaw = await self._walks[name].read_whole(context, first=first, scan=scan)
        return flaw

    async def _learn_statuses(self, *, accept: bool) -> None:
        """The tenant's placement statuses, which decide what applications mean."""
        page = await self._doors.pages.run(self._resources["statuses"], None, 1, 1)
        rows = [row.decode() for row in page.pages[0].rows]
        try:
            await self._statuses.learn(rows, accept=accept)
        except Transient:
            # A list that makes no sense: applications go on by the one before.
            await self._take_up_statuses()
            raise
        await self._take_up_statuses()

    async def _take_up_statuses(self) -> None:
        self._statuses_digest = self._salt(msgspec.json.encode(self._statuses.table, order="sorted"))
        await self._sweep_if_read_otherwise("applications")

    def _check_statuses(self, name: str) -> None:
        if name == "applications" and not self._statuses_digest:
            raise Transient("applications wait until the placement statuses have been read")

    async def _sweep_if_read_otherwise(self, name: str) -> None:
        """What a status means is part of every application that stands at it: where the newest scan was read
        by another meaning, the next is due. The store is asked: a restart would wipe our memory."""
        standing, now = self._standings.get(name), time.monotonic()
        if standing is None or standing.sweep_due_at <= now:
            return
        db, integration_id = self._doors.db, self._doors.integration_id
        if not await scans.has_meaning(db, integration_id, name, self._statuses_digest):
            standing.sweep_due_at = now

    async def _scan(self, name: str) -> None:
        standing, walk = self._standings[name], self._walks[name]
        db, integration_id = self._doors.db, self._doors.integration_id
        self._check_statuses(name)
        scan = await scans.running(db, integration_id, name)
        if scan is None:
            scan = await scans.start(db, integration_id, name, "sweep" if standing.loaded else "initial")
            standing.sweep_due_at = time.monotonic() + self._rhythm.sweep_seconds
        standing.scanning = True
        if name == "applications" and scan.pages_read == 0:
            async with leases.fenced(db, self._doors.lease) as tx:
                await scans.note_meaning(tx, scan.id, self._statuses_digest)
        read_to_the_end = scan.segment >= len(self._resources[name].states)
        reread = scan.kind in ("resync", "republish")
        if read_to_the_end or await walk.step(scan, self._contexts(name, reread=reread)):
            ended = await scans.running(db, integration_id, name)
            if ended is None or ended.id != scan.id:
                return  # A person's resync took its place meanwhile.
            await walk.finish(ended)
            # By the store, which remembers over a restart when it began.
            seconds = await scans.age_seconds(db, scan.id)
            metrics.SCAN_SECONDS.labels(integration_id, name, scan.kind).observe(seconds)
            standing.loaded, standing.scanning = True, False

    async def _carry_out(self, name: str) -> None:
        if self._resources[name].by_id is None:
            # Its list alone tells what came back since a person was asked; and one that was flawed or cut off
            # since then has ended the row of misses.
            for _ in range(2):
                flaw = await self._read_whole(name, first=False)
                if flaw is not None:
                    raise Transient(f"approved deletions wait for two complete reads: {flaw}")
        for held in await deletions.waiting(self._doors.db, self._doors.integration_id):
            if held.resource == name and held.state == "approved":
                walk = self._walks[name]
                walk.unclaimed.note(await walk.deletion.carry_out(held))

    def _contexts(self, name: str, *, reread: bool = False) -> Callable[[str | None], Context]:
        return lambda state: self._context(name, state, reread=reread)

    def _context(self, name: str, state: str | None, *, reread: bool = False) -> Context:
        parts = [name.encode()]
        if name == "applications":
            parts.append(self._statuses_digest)
        return Context(
            resource=self._resources[name],
            state=state,
            key=self._salt(*parts),
            statuses=self._statuses.table,
            reread=reread,
            places=self._statuses.places if name == "statuses" else {},
        )


def _lane(task: Task) -> str:
    """Whose failures are counted together: the polls of a resource, or all else of it."""
    return task.resource if task.work == "poll" else f"{task.resource} in the background"
