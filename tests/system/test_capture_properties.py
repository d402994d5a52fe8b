"""Whatever happens, the topics say what the account holds: a state machine over the whole bridge.

Each example is a bridge of its own (database, topics, simulator over HTTP). Its rules change records, break
requests, move the index, switch quirks and restart the bridge in any order; ``agree`` then demands that the
topics equal the truth, with gapless sequences and no event that has no reason.

``CAPTURE_EXAMPLES`` and ``CAPTURE_STEPS`` set how many bridges there are, and how long each one's story is.
"""

import asyncio
import contextlib
import os
import tempfile
import uuid
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bridge.simulator.options import Options
from bridge.simulator.world import World
from tests.databases import Databases
from tests.installation import Installation, installed

EXAMPLES = int(os.environ.get("CAPTURE_EXAMPLES", "6"))
STEPS = int(os.environ.get("CAPTURE_STEPS", "14"))

_LISTS = ("Opportunity", "Resource", "OpportunityResource", "User")
_PATHS = st.sampled_from(
    [f"/api/v1/{name}/PagedSearch" for name in _LISTS]
    + [
        "/api/v1/Resource/*",
        "/api/v1/Opportunity/*",
        "/api/v1/*",
        "/api/v1/MetaData",
        "/api/Auth/ExchangeToken",
    ]
)
_KINDS = st.sampled_from(
    [
        "cut",
        "empty_body",
        "bad_json",
        "repeat_page",
        "shift_page",
        "short_page",
        "stale",
        "401",
        "404",
        "429",
        "500",
        "503",
    ]
)
_QUIRKS = st.sampled_from(
    [
        "fixed_page_size",
        "ignored_sort_and_filters",
        "updated_after_needs_state",
        "stale_index",
        "yes_no_in_lists",
        "one_live_jwt",
        "no_content_for_unknown",
        "empty_bodies",
        "case_insensitive_paths",
        "moving_counters",
    ]
)


class Machine(RuleBasedStateMachine):
    """One bridge and what is done to its account."""

    databases: Databases
    kafka: str

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._stack = contextlib.AsyncExitStack()
        self._random = Random(0)
        self._agreed = True

    @initialize(seed=st.integers(0, 2**31), silent=st.booleans())
    def begin(self, seed: int, silent: bool) -> None:
        self._random = Random(seed)
        self._runner.run(self._begin(seed, silent))

    async def _begin(self, seed: int, silent: bool) -> None:
        name = await self.databases.create(template=await self.databases.migrated())
        self._stack.push_async_callback(self.databases.drop, name)
        directory = self._stack.enter_context(tempfile.TemporaryDirectory())
        world = World(seed=seed, candidates=35, jobs=12, applications=45, users=8, index_lag_seconds=0.2)
        self.bridge: Installation = await self._stack.enter_async_context(
            installed(
                self.databases.url(name),
                self.kafka,
                f"t{uuid.uuid4().hex[:12]}",
                world=world,
                options=Options(rate_limit_per_minute=0, index_lag_seconds=0.2, empty_body_rate=0.02),
                data_dir=directory,
            )
        )
        self.bridge.start()
        await self.bridge.agree()

    @rule(count=st.integers(1, 60))
    def change(self, count: int) -> None:
        for _ in range(count):
            self.bridge.server.world.random_change(self._random)
        self._agreed = False
        self._runner.run(asyncio.sleep(self._random.random()))

    @rule(path=_PATHS, kind=_KINDS, after=st.integers(0, 6), times=st.integers(1, 8))
    def break_requests(self, path: str, kind: str, after: int, times: int) -> None:
        fault: dict[str, Any] = {"after": after, "times": times}
        if kind.isdigit():
            fault |= {"kind": "status", "status": int(kind), "retry_after": 0.2 if kind == "429" else None}
        else:
            fault |= {"kind": kind}
        self._runner.run(self.bridge.simulator.fault(path, **fault))
        self._runner.run(asyncio.sleep(0.3))

    @rule(name=_QUIRKS, on=st.booleans())
    def switch_quirk(self, name: str, on: bool) -> None:
        self._runner.run(self.bridge.simulator.quirks(**{name: on}))

    @rule(seconds=st.sampled_from([0.0, 0.2, 1.0]))
    def lag(self, seconds: float) -> None:
        self._runner.run(self.bridge.simulator.index(lag_seconds=seconds))

    @rule()
    def restart(self) -> None:
        self._runner.run(self._restart())

    async def _restart(self) -> None:
        await self.bridge.stop()
        self.bridge.start()
        await asyncio.sleep(self._random.random() / 2)

    @precondition(lambda self: not self._agreed)
    @rule()
    def agree(self) -> None:
        self._runner.run(self._agree())
        self._agreed = True

    async def _agree(self) -> None:
        await self.bridge.simulator.clear_faults()
        await self.bridge.agree(within_seconds=60)

    @invariant()
    def alive(self) -> None:
        if hasattr(self, "bridge"):
            self.bridge.check()

    def teardown(self) -> None:
        if hasattr(self, "bridge"):
            self._runner.run(self._agree())
        self._runner.run(self._stack.aclose())
        self._runner.close()


# A step that waits for agreement takes seconds; an example that fails is run again until it is short.
@pytest.mark.slow
@pytest.mark.timeout(max(150, 2 * EXAMPLES * STEPS))
def test_the_topics_follow_the_account_whatever_happens(databases: Databases, embedded_kafka: str) -> None:
    Machine.databases, Machine.kafka = databases, embedded_kafka
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
