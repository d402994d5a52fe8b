"""The poller: one per integration, under a lease. It reads what the schedule says until it is stopped.

The resources are read in parallel, each in steps. So slow work on one (thousands of by-id reads, a call
without an answer, a proof of many deletions) delays no other. Within one resource nothing runs at the same
time, so no read of a record is older than what is stored of it.

Trouble with one resource stops only that resource. Trouble with the account stops them all. Trouble with the
store goes to the supervisor.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Protocol

import msgspec
import structlog
from msgspec import Struct

from bridge import metrics
from bridge.capture import request_meter, schedule
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
from bridge.retry import Backoff
from bridge.runtime import heartbeat
from bridge.store import cursors, habits, holds, leases, outbox, read_requests, scans, snapshots
from bridge.store.holds import Hold
from bridge.store.leases import LeaseKeeper
from bridge.store.outbox import Wakeup
from bridge.store.scans import Scan
from bridge.tasks import cancel_and_wait
from bridge.tracker.errors import AccountFault, Unreachable
from bridge.tracker.normalize import Normalizer
from bridge.tracker.schema import Resource, ResourceName

_log = structlog.get_logger(__name__)
# Users and statuses seldom change and are read in full.
_WHOLE_EVERY = 4.0
_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 1.0, 300.0
_TICK_SECONDS = 1.0


class Rhythm(Struct, frozen=True, kw_only=True):
    """Intervals in seconds: between polls, and between the starts of two sweeps."""

    poll_seconds: float
    sweep_seconds: float


class Salt(Protocol):
    """Derives the key of a list's fingerprints from everything that its reading depends on."""

    def __call__(self, *parts: bytes) -> bytes: ...


class Poller:
    """Reads one integration. ``resources`` are those of the enabled models."""

    def __init__(
        self,
        capture: CaptureContext,
        requests: ReadRequests,
        held: LeaseKeeper,
        normalizer: Normalizer,
        resources: dict[ResourceName, Resource],
        pace: ReadPace,
        rhythm: Rhythm,
        salt: Salt,
    ) -> None:
        self._capture = capture
        self._requests = requests
        self._poll_began: dict[str, float] = {}
        self._account_blocked_until = 0.0
        self._held = held
        self._normalizer = normalizer
        # Keyed by plain str, as a task names its resource.
        self._resources: dict[str, Resource] = dict(resources.items())
        self._rhythm = rhythm
        self._salt = salt
        self._readers = {
            name: ResourceReader(capture, pace, resource) for name, resource in self._resources.items()
        }
        self._polls = {name: PollReader(reader) for name, reader in self._readers.items()}
        self._whole_reads = {name: WholeReads(reader) for name, reader in self._readers.items()}
        self._states: dict[str, ResourceState] = {}
        self._backoffs: dict[str, Backoff] = {}
        self._statuses = PlacementStatuses(capture, normalizer.settings)
        self._statuses_digest = b""
        self._statuses_lack = False
        self._statuses_approved = False
        self._held_back: list[Hold] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Read until ``stop``. Raises ``LeaseLost``, and ``Transient`` if the store can't be reached."""
        async with outbox.listen_for_commits(self._capture.db, read_requests.CHANNEL) as wakeup:
            stopped = asyncio.create_task(stop.wait(), name="poller stop")
            stopped.add_done_callback(wakeup.notify)
            try:
                await self._run(stop, wakeup)
            finally:
                await cancel_and_wait(stopped)

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
                    # The loop must not hide a hanging step; each step beats while it makes progress.
                    heartbeat.beat()
                idle = schedule.idle_seconds(self._states, time.monotonic())
                await wakeup.wait(min(idle, _TICK_SECONDS))
            # Let the steps in progress finish; begin no new ones.
            await asyncio.gather(*steps)
        finally:
            await cancel_and_wait(*steps)

    def _begin(self, steps: dict[asyncio.Task[None], str], wakeup: Wakeup) -> None:
        """Begin every step that is due, each in its own task."""
        for task in schedule.due(self._states, time.monotonic()):
            self._states[task.resource].doing = task.work
            step = asyncio.create_task(self._attempt(task), name=f"{task.work} {task.resource}")
            steps[step] = task.resource
            step.add_done_callback(wakeup.notify)

    def _end(self, steps: dict[asyncio.Task[None], str]) -> None:
        """Collect the steps that have ended. Raises the errors that concern more than one step."""
        for step in [step for step in steps if step.done()]:
            heartbeat.beat()
            state = self._states[steps.pop(step)]
            state.did, state.doing = state.doing, None
            step.result()

    async def _take_stock(self) -> None:
        """Load the state of each resource from the store: a restart continues where the last run stopped."""
        now = time.monotonic()
        for name, resource in self._resources.items():
            await self._readers[name].spots.forget_cured()
            await self._capture.rows.soft_deletes.forget_answered(resource)
            running = await scans.running(self._capture.db, self._capture.integration_id, name)
            last = await scans.last_finished_age(self._capture.db, self._capture.integration_id, name)
            age = last if running is None else await scans.age_seconds(self._capture.db, running.id)
            self._states[name] = ResourceState(
                incremental=resource.updated_after,
                waits=name == "applications" and "statuses" in self._resources,
                loaded=last is not None,
                scanning=running is not None,
                sweep_due_at=now if age is None else now + self._rhythm.sweep_seconds - age,
            )
            if not resource.updated_after:
                # Only an approved deletion fails in the background here, and a person may have discarded it.
                await cursors.scan_went_on(self._capture.db, self._capture.integration_id, name)

    async def _look(self) -> None:
        """Read what people and commands requested: decided holds, resyncs, records to read."""
        db, integration_id = self._capture.db, self._capture.integration_id
        # A running step may invalidate what is read here, so only idle resources are updated.
        idle = [name for name, state in self._states.items() if state.doing is None]
        self._held_back = await holds.load_waiting_holds(db, integration_id)
        running = await scans.all_running(db, integration_id)
        requested = await read_requests.requested_resources(db, integration_id)
        approved = {h.resource for h in self._held_back if h.state == "approved" and h.kind == "deletions"}
        for name in requested - self._states.keys():
            await self._requests.follow(name, lambda _: None)
        for name in idle:
            state = self._states[name]
            if state.approved and name not in approved:
                await cursors.scan_went_on(db, integration_id, name)
            state.approved = name in approved
            # A resync that a person requested begins at once.
            state.scanning = name in running
            state.requested = name in requested
        for name in await self._ended_holds(idle):
            if name in self._states:
                # Held records have no fingerprint, so the next read of their rows reads them again.
                self._states[name].sweep_due_at = self._states[name].poll_due_at = time.monotonic()

    async def _ended_holds(self, idle: Sequence[str]) -> set[str]:
        """Return the idle resources with holds, other than deletions, that were approved or healed: their
        records must be read."""
        if not await holds.any_unseen(self._capture.db, self._capture.integration_id, idle):
            return set()
        async with leases.fenced(self._capture.db, self._capture.lease) as tx:
            await snapshots.lock(tx, self._capture.integration_id)
            ended = await holds.take_unseen(tx, self._capture.integration_id, idle)
            believed = [one for one in ended if one.state == "approved" and one.kind != "deletions"]
            for hold in believed:
                await habits.forget_key(tx, hold.integration_id, hold.resource, hold.key)
                await holds.finish_hold(tx, hold.id)
        for hold in ended:
            if hold.state in ("approved", "discarded"):
                self._capture.shape.forget(hold.resource, hold.key)
                _log.info(
                    f"hold.{hold.state}", integration=hold.integration_id, resource=hold.resource,
                    kind=hold.kind, key=hold.key, hold=hold.id, records=hold.row_count,
                )  # fmt: skip
        self._statuses_approved |= any(one.resource == "statuses" for one in believed)
        healed = [one for one in ended if one.state == "healed"]
        return {hold.resource for hold in believed + healed}

    async def _follow_requests(self, name: str) -> None:
        """Read some of a resource's requested records."""
        applied, row_ids = await self._requests.follow(name, self._request_context)
        self._readers[name].note_read(row_ids)
        if applied.let_go:
            self._readers[name].orphans.note(applied)
        self._meet(applied.unknown_statuses)

    def _request_context(self, name: str) -> Context | None:
        """Return the context for a requested record; ``None`` for a resource that this integration does not
        read."""
        if name not in self._resources or name not in WHOLE:
            return None
        if name == "applications" and not self._statuses_digest:
            raise Unreachable("applications wait until the placement statuses have been read")
        return self._read_context(name, None)

    def _meet(self, unknown_statuses: Iterable[str]) -> None:
        """Read the status list again, once, if a status is unknown: it may be new."""
        if self._statuses.meet(unknown_statuses) and "statuses" in self._states:
            self._states["statuses"].poll_due_at = time.monotonic()

    async def _attempt(self, task: Task) -> None:
        request_meter.begin_work(task.resource)
        try:
            await self._do(task)
            self._meet(self._readers[task.resource].take_unknown_statuses())
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
                await cursors.scan_went_on(self._capture.db, self._capture.integration_id, task.resource)
        finally:
            if task.resource == "statuses":
                # The statuses are read, or their failure will also show with the applications.
                for state in self._states.values():
                    state.waits = False

    def _next_backoff(self, name: str) -> float:
        """Return the next pause: it doubles from one second to five minutes."""
        if name not in self._backoffs:
            self._backoffs[name] = Backoff(_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS, jitter=0.3)
        return self._backoffs[name].next()

    async def _failed(self, task: Task, error: BridgeError, seconds: float) -> None:
        """Pause either the polls or the other work of a resource, and record the error.

        The other of the two continues: if a list's last page can't be read, its changes may still be. Raises
        if the store fails.
        """
        name, until = task.resource, time.monotonic() + seconds
        if task.work == "requests":
            # The requests stay. The polls have the same trouble and report it.
            self._states[name].requests_blocked_until = until
        elif task.work == "poll":
            self._states[name].blocked_until = until
            self._poll_began.pop(name, None)
            await cursors.fail(self._capture.db, self._capture.integration_id, name, str(error))
        else:
            self._states[name].background_blocked_until = until
            await cursors.fail_scan(self._capture.db, self._capture.integration_id, name, str(error))
        self._report(task.work, [name], error, seconds)

    async def _account_failed(self, error: BridgeError, seconds: float | None) -> None:
        """Pause the whole account and record the error with each resource's poll, which resumes first."""
        now = time.monotonic()
        if now < self._account_blocked_until and seconds is None:
            return  # Parallel steps fail together.
        pause = self._next_backoff("account") if seconds is None else seconds
        self._account_blocked_until = now + pause
        for name, state in self._states.items():
            state.blocked_until = state.background_blocked_until = now + pause
            state.requests_blocked_until = now + pause
            await cursors.fail(self._capture.db, self._capture.integration_id, name, str(error))
        self._report("account", list(self._states), error, pause)

    def _report(self, work: str, names: list[str], error: BridgeError, seconds: float) -> None:
        _log.warning(
            "capture.failed",
            integration=self._capture.integration_id,
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
        state, resource = self._states[name], self._resources[name]
        await self._capture.shape.look_again(resource, resource.states[0], self._held_back)
        await self._capture.loss_checks.look_again(
            self._read_context(name, resource.states[0]), self._held_back
        )
        cursor = await cursors.load_cursor(self._capture.db, self._capture.integration_id, name)
        started = time.monotonic()
        if not state.incremental:
            await self._read_whole(name, first=cursor.polled_at is None)
            self._polled(name, started)
            state.poll_due_at = started + self._rhythm.poll_seconds * _WHOLE_EVERY
            return
        self._check_statuses(name)
        if cursor.polled_until is None:
            # The first load takes hours. Changes made meanwhile must not wait for its end.
            await cursors.start_cursor(
                self._capture.db, self._capture.integration_id, name, self._capture.rows.server_now()
            )
        else:
            applied = await self._polls[name].step(self._contexts(name), cursor, loaded=state.loaded)
            if applied is None:
                # It continues after the other resources had their turn.
                self._poll_began.setdefault(name, started)
                state.poll_due_at = time.monotonic()
                return
            self._polled(name, self._poll_began.pop(name, started))
        state.poll_due_at = started + self._rhythm.poll_seconds

    def _polled(self, name: str, started: float) -> None:
        seconds = time.monotonic() - started
        metrics.POLL_SECONDS.labels(self._capture.integration_id, name).observe(seconds)

    async def _read_whole(self, name: str, *, first: bool) -> str | None:
        """Read all of a short list, which also completes a requested resync. Return the flaw of the read."""
        scan = await scans.running(self._capture.db, self._capture.integration_id, name)
        if name == "statuses":
            await self._weigh_statuses(accept=scan is not None)
        context = self._read_context(name, None, reread=scan is not None)
        _, flaw = await self._whole_reads[name].read(context, first=first, scan=scan)
        if name == "statuses":
            await self._learn_statuses()
        return flaw

    async def _weigh_statuses(self, *, accept: bool) -> None:
        """Read the tenant's placement statuses. Their order decides the stages."""
        statuses, pages = self._resources["statuses"], self._capture.pages
        run = await pages.run(pages.begin(statuses), statuses, None, 1, 1)
        rows = [row.decode() for page in run.pages for row in page.rows]
        self._statuses_lack = await self._capture.shape.lacks(statuses, rows)
        approved, self._statuses_approved = self._statuses_approved, False
        try:
            # The read holds rows that lack a key that all had, and reports them.
            await self._statuses.weigh(rows, accept=accept or approved or self._statuses_lack)
        except Transient:
            # The list is invalid: applications continue with the previous one.
            await self._take_up_statuses()
            raise

    async def _learn_statuses(self) -> None:
        """Use the placement statuses that were just read, which decide what applications mean."""
        found = await holds.of_resource(self._capture.db, self._capture.integration_id, "statuses")
        if self._statuses_lack or any(one.state in ("held", "discarded") for one in found):
            # Applications continue with the previous meanings.
            if not await self._statuses.keep():
                raise Transient("the placement statuses have changed and are held: see bridge holds list")
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
        """Make the next sweep due if the newest scan was read with other settings.

        What a status means is part of every application that has it. The store is asked, because a restart
        clears the memory.
        """
        state, now = self._states.get(name), time.monotonic()
        if state is None or state.sweep_due_at <= now:
            return
        db, integration_id = self._capture.db, self._capture.integration_id
        if not await scans.has_meaning(db, integration_id, name, self._listing(name) + self._statuses_digest):
            state.sweep_due_at = now

    async def _scan(self, name: str) -> None:
        state, reader = self._states[name], self._readers[name]
        db, integration_id = self._capture.db, self._capture.integration_id
        self._check_statuses(name)
        scan = await scans.running(db, integration_id, name)
        if scan is None:
            scan = await scans.start_scan(db, integration_id, name, "sweep" if state.loaded else "initial")
            state.sweep_due_at = time.monotonic() + self._rhythm.sweep_seconds
        state.scanning = True
        scan = await self._read_by_one_setting(scan)
        read_to_the_end = scan.segment >= len(self._resources[name].states)
        reread = scan.kind in ("resync", "republish")
        if read_to_the_end or await reader.step(scan, self._contexts(name, reread=reread)):
            ended = await scans.running(db, integration_id, name)
            if ended is None or ended.id != scan.id:
                return  # A requested resync has replaced it meanwhile.
            await reader.finish(ended)
            # The store remembers over a restart when it began.
            seconds = await scans.age_seconds(db, scan.id)
            metrics.SCAN_SECONDS.labels(integration_id, name, scan.kind).observe(seconds)
            state.loaded, state.scanning = True, False

    async def _read_by_one_setting(self, scan: Scan) -> Scan:
        """Return the scan. It starts over if its list is now requested in another way: its pages would
        differ."""
        db, name, listing = self._capture.db, scan.resource, self._listing(scan.resource)
        if scan.pages_read and scan.meaning is not None and not scan.meaning.startswith(listing):
            async with leases.fenced(db, self._capture.lease) as tx:
                scan = await scans.begin_again(tx, scan.integration_id, name, scan.kind)
            _log.info("scan.began_again", integration=scan.integration_id, resource=name, kind=scan.kind)
        if scan.pages_read == 0:
            async with leases.fenced(db, self._capture.lease) as tx:
                await scans.note_meaning(tx, scan.id, listing + self._statuses_part(name))
        return scan

    def _listing(self, name: str) -> bytes:
        """Return a digest of how a resource's list is requested and its rows are identified."""
        settings, resource = self._normalizer.settings, self._resources[name]
        of_list = [resource.list, resource.rows, resource.paged, resource.list_end, resource.id_keys]
        of_all = [settings.first_page, settings.page_number, settings.page_size, settings.users_from]
        parts = [*of_list, resource.states, settings.states, *of_all]
        return blake2b(msgspec.json.encode(parts, order="sorted"), digest_size=16).digest()

    def _statuses_part(self, name: str) -> bytes:
        return self._statuses_digest if name == "applications" else b""

    async def _carry_out(self, name: str) -> None:
        if self._resources[name].by_id is None:
            # Only the list shows which records came back since the person was asked. A flawed or interrupted
            # read since then has reset the count of misses.
            for _ in range(2):
                flaw = await self._read_whole(name, first=False)
                if flaw is not None:
                    raise Transient(f"approved deletions wait for two complete reads: {flaw}")
        for held in await holds.load_waiting_holds(
            self._capture.db, self._capture.integration_id, "deletions"
        ):
            if held.resource == name and held.state == "approved":
                reader = self._readers[name]
                reader.orphans.note(await reader.deletion.carry_out(held))

    def _contexts(self, name: str, *, reread: bool = False) -> Callable[[str | None], Context]:
        return lambda state: self._read_context(name, state, reread=reread)

    def _read_context(self, name: str, state: str | None, *, reread: bool = False) -> Context:
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
            loaded=self._states[name].loaded,
        )


def _lane(task: Task) -> str:
    """Return the name under which failures of this task are counted: the resource's polls, or its other
    work."""
    if task.work == "requests":
        return f"{task.resource} requests"
    return task.resource if task.work == "poll" else f"{task.resource} in the background"
