"""The request budget of an integration: a number of requests per minute, shared by all processes.

**Why the limit holds.** A grant given at time g covers requests that arrive between g and ``usable_until``
(its life in the process that took it, and an allowance for the way to TrackerRMS). Grants of one integration
are given one after the other, under its row's lock, and only while all grants whose ``usable_until`` is after
g − 60 s add up to at most the limit. Take any 60 s window and, of the grants that can have a request in it,
the last one: it was given before the window's end, so all others were counted when it was given. Two things
are not covered: a request that takes longer than the allowance to arrive, and a database clock that someone
sets forward.

**Lanes.** Polls are spaced evenly (GCRA with a small burst) and stop at 90 % of the limit. Commands have
priority: while one waits, polls get at most half of the limit, one by one at an even distance. That share is
theirs whatever the commands do: if any poll was granted within the window, commands leave it free. So a
stream of commands slows the polls down but never stops them.
"""

import asyncio
import math
import time
from collections import OrderedDict, deque
from datetime import datetime

from msgspec import Struct

from bridge.runtime import heartbeat
from bridge.runtime.account_ports import Lane, flow
from bridge.store.database import Database, Tx

_WINDOW_SECONDS = 60.0
_LIFE_SECONDS = 1.0
_ARRIVAL_SECONDS = 1.5
_MARGIN = 0.01
_RESERVE = 0.10
_POLL_SHARE = 0.50
# This much of the polls' share stays free for the next poll, however many they had lately.
_KEPT_FREE = 0.02
_CHUNK_SECONDS = 0.1
_BURST_SECONDS = 1.0
_LONGEST_SLEEP_SECONDS = 2.0


class BudgetRules(Struct, frozen=True, kw_only=True):
    """Rules of one budget, in seconds and numbers of requests."""

    requests: int
    window_seconds: float = _WINDOW_SECONDS
    life_seconds: float = _LIFE_SECONDS
    """The longest time from a granted request to its sending."""
    arrival_seconds: float = _ARRIVAL_SECONDS
    """Allowance for the time between sending a request and its arrival."""

    @property
    def limit(self) -> int:
        """Return the maximum of granted requests per window: a little below TrackerRMS's limit."""
        return max(1, self.requests - math.floor(self.requests * _MARGIN))

    @property
    def poll_limit(self) -> int:
        """Return the number of granted requests per window beyond which only commands get more."""
        return max(1, math.floor(self.limit * (1 - _RESERVE)))

    @property
    def poll_share(self) -> int:
        """Return the requests that polls get per window, however many commands there are."""
        return max(1, math.floor(self.limit * _POLL_SHARE))

    @property
    def cover_seconds(self) -> float:
        """Return the time from a grant to the last arrival of a request that it covers."""
        return self.life_seconds + self.arrival_seconds

    @property
    def poll_spacing_seconds(self) -> float:
        """Return the even distance of polls that keeps them below ``poll_limit`` forever."""
        return (self.window_seconds + self.cover_seconds) / self.poll_limit

    @property
    def chunk(self) -> int:
        """Return the number of requests that a process takes at once: 1, unless the budget is huge."""
        return max(1, math.floor(self.requests / self.window_seconds * _CHUNK_SECONDS))


class BudgetState(Struct, frozen=True, kw_only=True):
    """State of a budget when a grant is requested; times are the database's, in seconds."""

    now: float
    used: int
    """Sum of the grants that still count."""
    frees_at: float
    """The time when the first of them stops counting; infinity without grants."""
    polls: int = 0
    """The part of ``used`` that was granted to polls."""
    poll_due_at: float = -math.inf
    command_waits_until: float = -math.inf
    paused_until: float = -math.inf


class Grant(Struct, frozen=True, kw_only=True):
    """A grant of ``granted`` requests now, or (0) of another try in ``wait_seconds``."""

    granted: int
    wait_seconds: float = 0.0
    poll_due_at: float = -math.inf


def decide_grant(terms: BudgetRules, state: BudgetState, lane: Lane, wanted: int) -> Grant:
    """Decide how many of ``wanted`` requests to grant now. Pure: this is the whole policy."""
    if state.now < state.paused_until:
        return Grant(granted=0, wait_seconds=state.paused_until - state.now)
    share_left = terms.poll_share - state.polls
    full = Grant(granted=0, wait_seconds=max(0.001, state.frees_at - state.now))
    if lane == "command":
        # If nothing polls, nothing needs to be left for polls.
        left = max(share_left, math.ceil(terms.poll_share * _KEPT_FREE)) if state.polls else 0
        free = min(wanted, terms.limit - left - state.used)
        return full if free < 1 else Grant(granted=free)
    command_waits = state.now < state.command_waits_until
    free = min(wanted, terms.poll_limit - state.used)
    if free > 0 and not command_waits:
        return _paced(terms, state, free)
    # If commands have used more than polls leave them, polls need not wait long.
    crowded = command_waits or state.used - state.polls > terms.limit - terms.poll_limit
    if state.used < terms.limit and crowded:
        return _shared(terms, state)
    return full


def _shared(terms: BudgetRules, state: BudgetState) -> Grant:
    """Grant one poll of the share that commands leave, if the last poll is long enough ago."""
    distance = (terms.window_seconds + terms.cover_seconds) / terms.poll_share
    # ``poll_due_at`` is one spacing after the last poll.
    due_at = state.poll_due_at + distance - terms.poll_spacing_seconds
    if state.now < due_at:
        return Grant(granted=0, wait_seconds=due_at - state.now)
    return Grant(granted=1, poll_due_at=state.now + terms.poll_spacing_seconds)


def _paced(terms: BudgetRules, state: BudgetState, free: int) -> Grant:
    """Apply GCRA: the next poll is due at ``poll_due_at`` and may come early by the burst."""
    spacing = terms.poll_spacing_seconds
    burst = min(_BURST_SECONDS, terms.window_seconds / 20)
    due_at = max(state.poll_due_at, state.now)
    early = state.now + burst - due_at
    if early < 0:
        return Grant(granted=0, wait_seconds=-early)
    granted = min(free, 1 + math.floor(early / spacing))
    return Grant(granted=granted, poll_due_at=due_at + granted * spacing)


class _Turn:
    """A lock whose waiters take turns by flow: a flow with many waiting requests does not delay the others
    long."""

    def __init__(self) -> None:
        self._held = False
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def __aenter__(self) -> None:
        if not self._held:
            self._held = True
            return
        mine = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(flow.get(), deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._pass_on()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            name, waiters = self._waiting.popitem(last=False)
            first = waiters.popleft()
            if waiters:
                self._waiting[name] = waiters
            if not first.done():
                first.set_result(None)
                return
        self._held = False


class _InStock:
    """Requests that one lane of this process was granted and has not sent; the caller with the turn refills
    it."""

    def __init__(self) -> None:
        self.turn = _Turn()
        self.count = 0
        self.ends_at = 0.0

    def take(self) -> bool:
        """Take one request if one may still be sent."""
        if self.count < 1 or time.monotonic() > self.ends_at:
            return False
        self.count -= 1
        return True


class StoredBudget:
    """A ``RequestBudget`` in PostgreSQL; one object per integration and process."""

    def __init__(self, db: Database, integration_id: str, terms: BudgetRules) -> None:
        self._db = db
        self._integration_id = integration_id
        self._terms = terms
        self._lanes: dict[Lane, _InStock] = {"command": _InStock(), "poll": _InStock()}
        self._commands_waiting = 0

    async def acquire(self, lane: Lane) -> None:
        """Wait until one request may be sent; send it at once. Raises ``Transient`` if the store is
        unreachable."""
        if lane == "command":
            self._commands_waiting += 1
        try:
            stock = self._lanes[lane]
            async with stock.turn:
                while not stock.take():
                    # TrackerRMS may ask to wait an hour. A process that waits is not stuck.
                    heartbeat.beat()
                    wait_seconds = await self._refill(lane)
                    if wait_seconds:
                        await asyncio.sleep(min(wait_seconds, _LONGEST_SLEEP_SECONDS))
        finally:
            if lane == "command":
                self._commands_waiting -= 1

    async def pause(self, seconds: float, why: str = "") -> None:
        """Stop every process for ``seconds``. It takes at most the life of a grant until all know it."""
        for stock in self._lanes.values():
            stock.count = 0
        await self._db.execute(_PAUSE, self._integration_id, self._terms.requests, seconds, why)

    async def _refill(self, lane: Lane) -> float:
        """Ask the store once. Return how long to wait before asking again (0: there is stock now)."""
        asked_at = time.monotonic()
        wanted = self._terms.chunk if lane == "poll" else min(self._terms.chunk, self._commands_waiting)
        async with self._db.transaction() as tx:
            decision = await grant(tx, self._integration_id, self._terms, lane, max(1, wanted))
        if decision.granted:
            # The rest of an earlier chunk is dropped: it expires sooner than the new one.
            stock = self._lanes[lane]
            stock.count, stock.ends_at = decision.granted, asked_at + self._terms.life_seconds
        return decision.wait_seconds


_LOCK = """
INSERT INTO budgets (integration_id, requests_per_minute) VALUES ($1, $2)
ON CONFLICT (integration_id) DO UPDATE SET requests_per_minute = excluded.requests_per_minute
RETURNING extract(epoch FROM poll_due_at)::float8 AS poll_due_at,
          extract(epoch FROM command_waits_until)::float8 AS command_waits_until,
          extract(epoch FROM paused_until)::float8 AS paused_until
"""

# A separate statement after the lock: its snapshot must include the grant of the previous lock holder.
_USED = """
SELECT extract(epoch FROM clock_timestamp())::float8 AS now,
       coalesce(sum(granted), 0)::int AS used,
       coalesce(sum(granted) FILTER (WHERE lane = 'poll'), 0)::int AS polls,
       coalesce(extract(epoch FROM min(usable_until)), 'infinity')::float8 AS first_until
  FROM budget_grants
 WHERE integration_id = $1 AND usable_until > clock_timestamp() - make_interval(secs => $2)
"""

_RECORD = """
WITH forgotten AS (
    DELETE FROM budget_grants
     WHERE integration_id = $1 AND usable_until < clock_timestamp() - make_interval(secs => 2 * $4::float8)
), paced AS (
    UPDATE budgets SET poll_due_at = greatest(poll_due_at, to_timestamp($5)) WHERE integration_id = $1
)
INSERT INTO budget_grants (integration_id, usable_until, granted, lane)
VALUES ($1, clock_timestamp() + make_interval(secs => $3), $2, $6)
"""

_COMMAND_WAITS = """
UPDATE budgets SET command_waits_until = clock_timestamp() + make_interval(secs => $2)
 WHERE integration_id = $1
"""

_PAUSE = """
INSERT INTO budgets AS budget (integration_id, requests_per_minute, paused_until, pause_reason)
VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3), $4)
ON CONFLICT (integration_id) DO UPDATE
   SET paused_until = greatest(budget.paused_until, excluded.paused_until),
       pause_reason = CASE WHEN excluded.paused_until > budget.paused_until THEN excluded.pause_reason
                           ELSE budget.pause_reason END
"""


async def grant(tx: Tx, integration_id: str, terms: BudgetRules, lane: Lane, wanted: int) -> Grant:
    """Request ``wanted`` requests. Record what was granted, or that a command waits."""
    row = await tx.fetchrow(_LOCK, integration_id, terms.requests)
    used = await tx.fetchrow(_USED, integration_id, terms.window_seconds)
    state = BudgetState(
        now=used["now"],
        used=used["used"],
        polls=used["polls"],
        frees_at=used["first_until"] + terms.window_seconds,
        poll_due_at=row["poll_due_at"],
        command_waits_until=row["command_waits_until"],
        paused_until=row["paused_until"],
    )
    decision = decide_grant(terms, state, lane, wanted)
    if decision.granted:
        await tx.execute(
            _RECORD,
            integration_id,
            decision.granted,
            terms.cover_seconds,
            terms.window_seconds,
            decision.poll_due_at,
            lane,
        )
    elif lane == "command":
        # The command asks again by then; until it does, polls yield.
        patience = min(decision.wait_seconds, _LONGEST_SLEEP_SECONDS) + terms.life_seconds
        await tx.execute(_COMMAND_WAITS, integration_id, patience)
    return decision


class BudgetUsage(Struct, frozen=True, kw_only=True):
    """Usage of an integration's budget."""

    used: int
    """Requests granted in the last minute."""
    requests_per_minute: int
    paused_until: datetime | None
    pause_reason: str | None
    """The reason why TrackerRMS asked to wait; ``None`` without a pause."""


async def usage(db: Database, integration_id: str) -> BudgetUsage | None:
    """Return the recent usage, ``None`` before the first request of that integration."""
    row = await db.fetchrow(
        """
        SELECT requests_per_minute,
               CASE WHEN paused_until > clock_timestamp() THEN paused_until END AS paused_until,
               CASE WHEN paused_until > clock_timestamp() THEN pause_reason END AS pause_reason,
               (SELECT coalesce(sum(granted), 0)::int FROM budget_grants AS granted
                 WHERE granted.integration_id = budgets.integration_id
                   AND usable_until > clock_timestamp() - interval '60 seconds') AS used
          FROM budgets WHERE integration_id = $1
        """,
        integration_id,
    )
    if row is None:
        return None
    return BudgetUsage(**dict(row))


async def spare(db: Database, integration_id: str, seconds: float) -> int:
    """Return how many requests polls may send in ``seconds``, at least one; 0 during a pause or while
    commands wait."""
    row = await db.fetchrow(
        "SELECT requests_per_minute, greatest(paused_until, command_waits_until) > clock_timestamp() "
        "FROM budgets WHERE integration_id = $1",
        integration_id,
    )
    if row is None or row[1]:
        return 0
    return max(1, math.floor(seconds / BudgetRules(requests=row[0]).poll_spacing_seconds))


async def paused_seconds(db: Database, integration_id: str) -> float:
    """Return the seconds until requests are granted again; 0 if there is no pause."""
    seconds: float | None = await db.fetchval(
        "SELECT greatest(0, extract(epoch FROM paused_until - clock_timestamp()))::float8 FROM budgets "
        "WHERE integration_id = $1 AND paused_until > '-infinity'",
        integration_id,
    )
    return seconds or 0.0
