"""The poller: one per integration, under a lease; reads what the schedule says until it is told to stop.

The resources are read side by side, each in steps: what is slow about one of them (by-id reads by the
thousand, a call that is not answered, a proof of many deletions) holds up no other. Within one resource
nothing runs at the same time, so no read of a record is older than what is stored of it.

Trouble with one resource holds up only that resource; trouble with the account holds up them all. Trouble
with the store goes to the supervisor.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Protocol

import msgspec
import structlog
from msgspec import Struct

from bridge import heartbeat, metering, metrics
from bridge.capture import schedule
from bridge.capture.deletion import CaptureContext
from bridge.capture.observations import WHOLE
from bridge.capture.poll import PollReader
from bridge.capture.read_requests import ReadRequests
from bridge.capture.record_reader import Context
from bridge.capture.resource_reader import ReadPace, ResourceReader
from bridge.capture.schedule import ResourceState, Task
from bridge.capture.status_list import PlacementStatuses
from bridge.capture.whole_read import WholeReads
from bridge.errors import BridgeError, LeaseLost, Permanent, Throttled, Transient
from bridge.store import cursors, habits, holds, leases, outbox, read_requests, scans, snapshots
from bridge.store.holds import Hold
from bridge.store.leases import LeaseKeeper
from bridge.store.outbox import Wakeup
from bridge.store.scans import Scan
from bridge.tracker.errors import AccountFault, Unreachable
from bridge.tracker.normalize import Normalizer
from bridge.tracker.schema import Resource, ResourceName

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
        doors: CaptureContext,
        hinted: ReadRequests,
        held: LeaseKeeper,
        normalizer: Normalizer,
        resources: dict[ResourceName, Resource],
        pace: ReadPace,
        rhythm: Rhythm,
        salt: Salt,
    ) -> None:
        self._doors = doors
        self._hinted = hinted
        self._poll_began: dict[str, float] = {}
        self._account_blocked_until = 0.0
        self._held = held
        self._normalizer = normalizer
        # By any text: a task's resource is one.
        self._resources: dict[str, Resource] = dict(resources.items())
        self._rhythm = rhythm
        self._salt = salt
        self._walks = {
            name: ResourceReader(doors, pace, resource) for name, resource in self._resources.items()
        }
        self._polls = {name: PollReader(walk) for name, walk in self._walks.items()}
        self._whole_reads = {name: WholeReads(walk) for name, walk in self._walks.items()}
        self._standings: dict[str, ResourceState] = {}
        self._backoffs: dict[str, float] = {}
        self._statuses = PlacementStatuses(doors, normalizer.settings)
        self._statuses_digest = b""
        self._statuses_lack = False
        self._statuses_approved = False
        self._held_back: list[Hold] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Read until ``stop``. Raises ``LeaseLost``, and ``Transient`` when the store can't be reached."""
        async with outbox.listen_for_commits(self._doors.db, read_requests.CHANNEL) as wakeup:
            stopped = asyncio.create_task(stop.wait(), name="poller stop")
            stopped.add_done_callback(wakeup.notify)
            try:
                await self._run(stop, wakeup)
            finally:
                stopped.cancel()

    async def _run(self, stop: asyncio.Event, wakeup: Wakeup) -> None:
        await self._take_stock()
        steps: dict[asyncio.Task[None], str] = {}
        try:
            while not stop.is_set():
                if self._held.lost.is_set():
                    raise LeaseLost(f"{self._held.lease.name}: another process polls this integration now")
                self._end(steps)
                await self._look()
                self._begin(steps, wakeup)
                if not steps:
                    # A step that hangs must not be hidden by the loop; each beats while it moves.
                    heartbeat.beat()
                idle = schedule.idle_seconds(self._standings, time.monotonic())
                await wakeup.wait(min(idle, _TICK_SECONDS))
            # What is under way is done to its end, but what is only begun again.
            await asyncio.gather(*steps)
        finally:
            for step in steps:
                step.cancel()
            await asyncio.gather(*steps, return_exceptions=True)

    def _begin(self, steps: dict[asyncio.Task[None], str], wakeup: Wakeup) -> None:
        """Begin every step that is due, each in a task of its own."""
        for task in schedule.due(self._standings, time.monotonic()):
            self._standings[task.resource].doing = task.work
            step = asyncio.create_task(self._attempt(task), name=f"{task.work} {task.resource}")
            steps[step] = task.resource
            step.add_done_callback(wakeup.notify)

    def _end(self, steps: dict[asyncio.Task[None], str]) -> None:
        """Give the turn on where a step has ended. Raises what is no trouble of that step alone."""
        for step in [step for step in steps if step.done()]:
            heartbeat.beat()
            standing = self._standings[steps.pop(step)]
            standing.did, standing.doing = standing.doing, None
            step.result()

    async def _take_stock(self) -> None:
        """Where each resource stands, by the store: a restart goes on where the last run stopped."""
        now = time.monotonic()
        for name, resource in self._resources.items():
            await self._walks[name].spots.forget_cured()
            await self._doors.rows.soft_deletes.forget_answered(resource)
            running = await scans.running(self._doors.db, self._doors.integration_id, name)
            last = await scans.last_finished_age(self._doors.db, self._doors.integration_id, name)
            age = last if running is None else await scans.age_seconds(self._doors.db, running.id)
            self._standings[name] = ResourceState(
                incremental=resource.updated_after,
                waits=name == "applications" and "statuses" in self._resources,
                loaded=last is not None,
                scanning=running is not None,
                sweep_due_at=now if age is None else now + self._rhythm.sweep_seconds - age,
            )
            if not resource.updated_after:
                # Only an approved deletion fails in the background there, and a person may have discarded it.
                await cursors.scan_went_on(self._doors.db, self._doors.integration_id, name)

    async def _look(self) -> None:
        """What persons and commands ask for: decided holds, resyncs, records to read."""
        db, integration_id = self._doors.db, self._doors.integration_id
        # What a step is doing meanwhile may make old what is read here.
        idle = [name for name, standing in self._standings.items() if standing.doing is None]
        self._held_back = await holds.load_waiting_holds(db, integration_id)
        running = await scans.all_running(db, integration_id)
        hinted = await read_requests.requested_resources(db, integration_id)
        approved = {h.resource for h in self._held_back if h.state == "approved" and h.kind == "deletions"}
        for name in hinted - self._standings.keys():
            await self._hinted.follow(name, lambda _: None)
        for name in idle:
            standing = self._standings[name]
            if standing.approved and name not in approved:
                await cursors.scan_went_on(db, integration_id, name)
            standing.approved = name in approved
            # A resync that a person asked for begins at once.
            standing.scanning = name in running
            standing.hinted = name in hinted
        for name in await self._ended_holds(idle):
            if name in self._standings:
                # What was held back has no fingerprint: the next sight of its row reads it.
                self._standings[name].sweep_due_at = self._standings[name].poll_due_at = time.monotonic()

    async def _ended_holds(self, idle: Sequence[str]) -> set[str]:
        """Those of the resources whose holds were approved or healed since, deletions apart: what they held
        back is to be read."""
        if not await holds.any_unseen(self._doors.db, self._doors.integration_id, idle):
            return set()
        async with leases.fenced(self._doors.db, self._doors.lease) as tx:
            await snapshots.lock(tx, self._doors.integration_id)
            ended = await holds.take_unseen(tx, self._doors.integration_id, idle)
            believed = [one for one in ended if one.state == "approved" and one.kind != "deletions"]
            for hold in believed:
                await habits.forget_key(tx, hold.integration_id, hold.resource, hold.key)
                await holds.finish_hold(tx, hold.id)
        for hold in ended:
            if hold.state in ("approved", "discarded"):
                self._doors.shape.forget(hold.resource, hold.key)
                _log.info(
                    f"hold.{hold.state}", integration=hold.integration_id, resource=hold.resource,
                    kind=hold.kind, key=hold.key, hold=hold.id, records=hold.row_count,
                )  # fmt: skip
        self._statuses_approved |= any(one.resource == "statuses" for one in believed)
        healed = [one for one in ended if one.state == "healed"]
        return {hold.resource for hold in believed + healed}

    async def _follow_requests(self, name: str) -> None:
        """Follow some of a resource's requests."""
        applied, row_ids = await self._hinted.follow(name, self._request_context)
        self._walks[name].note_read(row_ids)
        if applied.let_go:
            self._walks[name].unclaimed.note(applied)
        self._meet(applied.unknown_statuses)

    def _request_context(self, name: str) -> Context | None:
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
        metering.begin_work(task.resource)
        try:
            await self._do(task)
            self._meet(self._walks[task.resource].take_unknown_statuses())
        except LeaseLost:
            raise
        except Throttled as error:
            await self._account_failed(error, error.retry_after_seconds)
        except AccountFault as error:
            await self._account_failed(error, None)
        except (Permanent, Transient) as error:
            await self._failed(task, error, self._next_backoff(_lane(task)))
        else:
            self._backoffs.pop(_lane(task), None)
            self._backoffs.pop("account", None)
            if task.work not in ("poll", "requests"):
                await cursors.scan_went_on(self._doors.db, self._doors.integration_id, task.resource)
        finally:
            if task.resource == "statuses":
                # Read, or in trouble that the applications tell of too.
                for standing in self._standings.values():
                    standing.waits = False

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
        if task.work == "requests":
            # They stay; polls have the trouble too, and tell of it.
            self._standings[name].requests_blocked_until = until
        elif task.work == "poll":
            self._standings[name].blocked_until = until
            self._poll_began.pop(name, None)
            await cursors.fail(self._doors.db, self._doors.integration_id, name, str(error))
        else:
            self._standings[name].background_blocked_until = until
            await cursors.fail_scan(self._doors.db, self._doors.integration_id, name, str(error))
        self._report(task.work, [name], error, seconds)

    async def _account_failed(self, error: BridgeError, seconds: float | None) -> None:
        """Leave the whole account alone for a while. The polls tell why, for they are the first to go on."""
        now = time.monotonic()
        if now < self._account_blocked_until and seconds is None:
            return  # Steps that were under way together fail together.
        pause = self._next_backoff("account") if seconds is None else seconds
        self._account_blocked_until = now + pause
        for name, standing in self._standings.items():
            standing.blocked_until = standing.background_blocked_until = now + pause
            standing.requests_blocked_until = now + pause
            await cursors.fail(self._doors.db, self._doors.integration_id, name, str(error))
        self._report("account", list(self._standings), error, pause)

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
            case "requests":
                await self._follow_requests(name)
            case "poll":
                await self._poll(name)
            case "load" | "sweep":
                await self._scan(name)
            case "delete":
                await self._carry_out(name)

    async def _poll(self, name: str) -> None:
        standing, resource = self._standings[name], self._resources[name]
        await self._doors.shape.look_again(resource, resource.states[0], self._held_back)
        await self._doors.vouching.look_again(self._context(name, resource.states[0]), self._held_back)
        cursor = await cursors.load_cursor(self._doors.db, self._doors.integration_id, name)
        started = time.monotonic()
        if not standing.incremental:
            await self._read_whole(name, first=cursor.polled_at is None)
            self._polled(name, started)
            standing.poll_due_at = started + self._rhythm.poll_seconds * _WHOLE_EVERY
            return
        self._check_statuses(name)
        if cursor.polled_until is None:
            # The first load takes hours; what changes meanwhile must not wait for its end.
            await cursors.start_cursor(
                self._doors.db, self._doors.integration_id, name, self._doors.rows.server_now()
            )
        else:
            applied = await self._polls[name].step(self._contexts(name), cursor, loaded=standing.loaded)
            if applied is None:
                # It goes on when the others had their turn.
                self._poll_began.setdefault(name, started)
                standing.poll_due_at = time.monotonic()
                return
            self._polled(name, self._poll_began.pop(name, started))
        standing.poll_due_at = started + self._rhythm.poll_seconds

    def _polled(self, name: str, started: float) -> None:
        seconds = time.monotonic() - started
        metrics.POLL_SECONDS.labels(self._doors.integration_id, name).observe(seconds)

    async def _read_whole(self, name: str, *, first: bool) -> str | None:
        """Read all of a short list, and carry out a resync that a person asked for; says what flaw it had."""
        scan = await scans.running(self._doors.db, self._doors.integration_id, name)
        if name == "statuses":
            await self._weigh_statuses(accept=scan is not None)
        context = self._context(name, None, reread=scan is not None)
        _, flaw = await self._whole_reads[name].read(context, first=first, scan=scan)
        if name == "statuses":
            await self._learn_statuses()
        return flaw

    async def _weigh_statuses(self, *, accept: bool) -> None:
        """Read the tenant's placement statuses, whose order decides what stages are."""
        statuses, pages = self._resources["statuses"], self._doors.pages
        run = await pages.run(pages.begin(statuses), statuses, None, 1, 1)
        rows = [row.decode() for page in run.pages for row in page.rows]
        self._statuses_lack = await self._doors.shape.lacks(statuses, rows)
        approved, self._statuses_approved = self._statuses_approved, False
        try:
            # What lacks a key that all had is held back by the read, and told there.
            await self._statuses.weigh(rows, accept=accept or approved or self._statuses_lack)
        except Transient:
            # A list that makes no sense: applications go on by the one before.
            await self._take_up_statuses()
            raise

    async def _learn_statuses(self) -> None:
        """Go by the placement statuses just read, which decide what applications mean."""
        found = await holds.of_resource(self._doors.db, self._doors.integration_id, "statuses")
        if self._statuses_lack or any(one.state in ("held", "discarded") for one in found):
            # What they meant until now goes on.
            if not await self._statuses.keep():
                raise Transient("the placement statuses are not as they were: see bridge holds list")
        else:
            await self._statuses.learn()
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
        if not await scans.has_meaning(db, integration_id, name, self._listing(name) + self._statuses_digest):
            standing.sweep_due_at = now

    async def _scan(self, name: str) -> None:
        standing, walk = self._standings[name], self._walks[name]
        db, integration_id = self._doors.db, self._doors.integration_id
        self._check_statuses(name)
        scan = await scans.running(db, integration_id, name)
        if scan is None:
            scan = await scans.start_scan(db, integration_id, name, "sweep" if standing.loaded else "initial")
            standing.sweep_due_at = time.monotonic() + self._rhythm.sweep_seconds
        standing.scanning = True
        scan = await self._read_by_one_setting(scan)
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

    async def _read_by_one_setting(self, scan: Scan) -> Scan:
        """The scan; from its first page again where the list is asked for otherwise now than before: what the
        pages read so far showed is not what these would."""
        db, name, listing = self._doors.db, scan.resource, self._listing(scan.resource)
        if scan.pages_read and scan.meaning is not None and not scan.meaning.startswith(listing):
            async with leases.fenced(db, self._doors.lease) as tx:
                scan = await scans.begin_again(tx, scan.integration_id, name, scan.kind)
            _log.info("scan.began_again", integration=scan.integration_id, resource=name, kind=scan.kind)
        if scan.pages_read == 0:
            async with leases.fenced(db, self._doors.lease) as tx:
                await scans.note_meaning(tx, scan.id, listing + self._statuses_part(name))
        return scan

    def _listing(self, name: str) -> bytes:
        """A digest of how the pages of a resource's list are asked for, and their rows told apart."""
        settings, resource = self._normalizer.settings, self._resources[name]
        of_list = [resource.list, resource.rows, resource.paged, resource.list_end, resource.id_keys]
        of_all = [settings.first_page, settings.page_number, settings.page_size, settings.users_from]
        parts = [*of_list, resource.states, settings.states, *of_all]
        return blake2b(msgspec.json.encode(parts, order="sorted"), digest_size=16).digest()

    def _statuses_part(self, name: str) -> bytes:
        return self._statuses_digest if name == "applications" else b""

    async def _carry_out(self, name: str) -> None:
        if self._resources[name].by_id is None:
            # Its list alone tells what came back since a person was asked; and one that was flawed or cut off
            # since then has ended the row of misses.
            for _ in range(2):
                flaw = await self._read_whole(name, first=False)
                if flaw is not None:
                    raise Transient(f"approved deletions wait for two complete reads: {flaw}")
        for held in await holds.load_waiting_holds(self._doors.db, self._doors.integration_id, "deletions"):
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
            loaded=self._standings[name].loaded,
        )


def _lane(task: Task) -> str:
    """Whose failures are counted together: the polls of a resource, or all else of it."""
    if task.work == "requests":
        return f"{task.resource} asked for"
    return task.resource if task.work == "poll" else f"{task.resource} in the background"
