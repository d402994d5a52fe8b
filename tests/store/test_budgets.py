"""The budget: never over the limit in any window, polls evenly, commands first."""

import asyncio
import itertools
import math
import time
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.runtime.account_ports import Lane, flow
from bridge.store import budgets
from bridge.store.budgets import BudgetRules, BudgetState, StoredBudget, decide_grant
from bridge.store.database import Database
from tests.waiting import patient, until

# A minute in a second, so that windows pass quickly.
FAST = BudgetRules(requests=40, window_seconds=1.0, life_seconds=0.3, arrival_seconds=0.1)


class Ledger:
    """The budget's rows, in memory and under a simulated clock: what ``decide`` is asked with."""

    def __init__(self, terms: BudgetRules) -> None:
        self.terms, self.poll_due_at, self.grants = terms, -math.inf, deque[tuple[float, int, Lane]]()
        self.command_waits_until = -math.inf

    def ask(self, now: float, lane: Lane, wanted: int) -> budgets.Grant:
        while self.grants and self.grants[0][0] <= now - self.terms.window_seconds:
            self.grants.popleft()
        counted = self.grants
        decision = decide_grant(
            self.terms,
            BudgetState(
                now=now,
                used=sum(n for _, n, _ in counted),
                polls=sum(n for _, n, granted_to in counted if granted_to == "poll"),
                frees_at=min((end for end, _, _ in counted), default=math.inf) + self.terms.window_seconds,
                poll_due_at=self.poll_due_at,
                command_waits_until=self.command_waits_until,
            ),
            lane,
            wanted,
        )
        if decision.granted:
            self.grants.append((now + self.terms.cover_seconds, decision.granted, lane))
            self.poll_due_at = max(self.poll_due_at, decision.poll_due_at)
        elif lane == "command":
            self.command_waits_until = now + min(decision.wait_seconds, 2.0) + self.terms.life_seconds
        return decision


def most_in_any_window(arrivals: list[float], window_seconds: float) -> int:
    arrivals, first, most = sorted(arrivals), 0, 0
    for last, at in enumerate(arrivals):
        while arrivals[first] < at - window_seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


@settings(max_examples=150, deadline=None)
@given(
    requests=st.integers(1, 700),
    asked=st.lists(
        st.tuples(
            st.floats(0, 20),  # seconds since the last ask
            st.sampled_from(["command", "poll"]),
            st.integers(1, 400),
            st.floats(0, 1),  # how much of the covered time passes before the requests arrive
        ),
        max_size=60,
    ),
)
def test_arrivals_never_exceed_the_limit_in_any_window(
    requests: int, asked: list[tuple[float, Lane, int, float]]
) -> None:
    terms, now, arrivals = BudgetRules(requests=requests), 0.0, list[float]()
    ledger = Ledger(terms)
    for gap, lane, wanted, late in asked:
        now += gap
        granted = ledger.ask(now, lane, wanted).granted
        arrivals += [now + late * terms.cover_seconds] * granted
    assert most_in_any_window(arrivals, 60.0) <= requests


@pytest.mark.parametrize("requests", [10, 60, 600])
def test_a_poller_that_always_asks_gets_most_of_the_limit_evenly(requests: int) -> None:
    ledger, now, granted_at = Ledger(BudgetRules(requests=requests)), 0.0, list[float]()
    while now < 300:
        decision = ledger.ask(now, "poll", 1)
        granted_at += [now] * decision.granted
        now += decision.wait_seconds or 0.001
    assert len(granted_at) / 5 >= 0.84 * requests
    steady = [at for at in granted_at if at > 70]
    assert most_in_any_window(steady, 6.0) <= requests / 10 + 2


def test_polls_leave_a_tenth_for_commands() -> None:
    terms = BudgetRules(requests=600)
    state = BudgetState(now=1000.0, used=terms.poll_limit, polls=terms.poll_limit, frees_at=1010.0)
    assert decide_grant(terms, state, "poll", 1).granted == 0
    assert decide_grant(terms, state, "command", 100).granted >= 0.09 * terms.limit


def test_a_command_waits_only_at_the_limit_and_no_longer_than_needed() -> None:
    terms = BudgetRules(requests=600)
    full = BudgetState(now=1000.0, used=terms.limit, frees_at=1010.0)
    assert decide_grant(terms, full, "command", 1) == budgets.Grant(granted=0, wait_seconds=10.0)


def test_while_a_command_waits_no_poll_is_granted_beyond_the_share_of_polls() -> None:
    terms = BudgetRules(requests=600)
    state = BudgetState(
        now=1000.0, used=200, polls=200, frees_at=1030.0, poll_due_at=999.95, command_waits_until=1001.0
    )
    assert decide_grant(terms, state, "poll", 1).granted == 0
    assert decide_grant(terms, state, "command", 1).granted == 1


def test_commands_without_end_leave_polls_their_share() -> None:
    ledger, now = Ledger(BudgetRules(requests=600)), 0.0
    granted: dict[Lane, list[float]] = {"command": [], "poll": []}
    while now < 300:
        for lane in granted:
            granted[lane] += [now] * ledger.ask(now, lane, 1).granted
        now += 0.02
    late = {lane: [at for at in found if at > 120] for lane, found in granted.items()}
    assert len(late["poll"]) >= 0.9 * 3 * ledger.terms.poll_share
    assert len(late["command"]) >= 0.9 * 3 * (ledger.terms.limit - ledger.terms.poll_share)
    # Nor do they wait long for each.
    assert max(b - a for a, b in itertools.pairwise(late["poll"])) < 2


def test_commands_that_begin_beside_busy_polls_do_not_stop_them() -> None:
    ledger, now, polls = Ledger(BudgetRules(requests=600)), 0.0, list[float]()
    while now < 200:
        polls += [now] * ledger.ask(now, "poll", 1).granted
        if now > 70:
            ledger.ask(now, "command", 1)
        now += 0.02
    assert max(b - a for a, b in itertools.pairwise(polls)) < 2


def test_where_commands_took_more_than_their_tenth_polls_go_on() -> None:
    terms = BudgetRules(requests=600)
    state = BudgetState(now=1000.0, used=terms.poll_limit, polls=terms.poll_limit - 100, frees_at=1010.0)
    assert decide_grant(terms, state, "poll", 10).granted == 1


def test_where_nothing_polls_commands_have_it_all() -> None:
    terms = BudgetRules(requests=600)
    state = BudgetState(now=1000.0, used=500, frees_at=1010.0)
    assert decide_grant(terms, state, "command", 1000).granted == terms.limit - 500


def test_a_pause_holds_both_lanes() -> None:
    state = BudgetState(now=1000.0, used=0, frees_at=math.inf, paused_until=1030.0)
    for lane in ("command", "poll"):
        assert decide_grant(BudgetRules(requests=600), state, lane, 1).wait_seconds == 30.0


async def test_four_processes_together_stay_within_the_limit(db: Database, store_url: str) -> None:
    arrivals: list[float] = []
    polls = commands = 0

    async def poll(budget: StoredBudget) -> None:
        nonlocal polls
        while True:
            await budget.acquire("poll")
            arrivals.append(time.monotonic())
            polls += 1

    async def command(budget: StoredBudget) -> None:
        nonlocal commands
        while True:
            await budget.acquire("command")
            arrivals.append(time.monotonic())
            commands += 1

    pools = [await Database.open(store_url, pool_size=3) for _ in range(4)]
    budget = [StoredBudget(pool, "acme", FAST) for pool in pools]
    tasks = [asyncio.create_task(poll(b)) for b in budget for _ in range(2)]
    await until(lambda: polls > 60)
    tasks += [asyncio.create_task(command(b)) for b in budget[:2]]
    await until(lambda: commands > 40)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for pool in pools:
        await pool.close()
    assert most_in_any_window(arrivals, FAST.window_seconds) <= FAST.requests


async def test_flows_take_turns_however_many_requests_each_has_waiting(db: Database) -> None:
    budget, order = StoredBudget(db, "acme", FAST), list[str]()

    async def ask(name: str) -> None:
        flow.set(name)
        await budget.acquire("poll")
        order.append(name)

    asking = [asyncio.create_task(ask("candidates")) for _ in range(20)]
    asking += [asyncio.create_task(ask("applications")) for _ in range(2)]
    # Whoever is cancelled while it waits holds nobody up.
    asking[5].cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    assert len(order) == 21
    assert max(place for place, name in enumerate(order) if name == "applications") < 6


async def test_a_huge_budget_costs_few_round_trips(db: Database) -> None:
    budget = StoredBudget(db, "acme", BudgetRules(requests=600_000))
    for _ in range(2_000):
        await budget.acquire("poll")
    assert await db.fetchval("SELECT count(*) FROM budget_grants") < 50


async def test_a_pause_reaches_the_other_processes_and_ends(db: Database) -> None:
    one, other = StoredBudget(db, "acme", FAST), StoredBudget(db, "acme", FAST)
    await one.pause(0.5)
    paused = await budgets.usage(db, "acme")
    assert paused is not None
    assert paused.paused_until is not None
    await other.acquire("command")
    assert await db.fetchval("SELECT clock_timestamp() >= $1", paused.paused_until)


async def test_a_shorter_pause_does_not_end_a_longer_one(db: Database) -> None:
    budget = StoredBudget(db, "acme", FAST)
    await budget.pause(60, "long")
    long = await budgets.usage(db, "acme")
    await budget.pause(1, "short")
    assert long is not None
    assert long.pause_reason == "long"
    assert await budgets.usage(db, "acme") == long


async def test_usage_counts_what_was_granted_lately(db: Database) -> None:
    assert await budgets.usage(db, "acme") is None
    budget = StoredBudget(db, "acme", BudgetRules(requests=600))
    for _ in range(3):
        await budget.acquire("command")
    found = await budgets.usage(db, "acme")
    assert found == budgets.BudgetUsage(used=3, requests_per_minute=600, paused_until=None, pause_reason=None)
    assert await budgets.usage(db, "other") is None


async def test_integrations_have_budgets_of_their_own(db: Database) -> None:
    terms = BudgetRules(requests=1)
    await StoredBudget(db, "acme", terms).acquire("command")
    async with asyncio.timeout(patient(5)):
        await StoredBudget(db, "other", terms).acquire("command")
