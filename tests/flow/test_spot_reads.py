"""Spot reads by a clock of the test's own: which records they look at, and when a doubt becomes a remark."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from pyroaring import BitMap64
from trackerrms_contracts.entities import Model
from trackerrms_contracts.profiles import Finding

from bridge.capture.change_writer import ChangeWriter, WriteSummary
from bridge.capture.event_builder import EventBuilder, Identity
from bridge.capture.observations import Observation, Still
from bridge.capture.proof import Guard
from bridge.capture.spot_reads import MOST, SpotReads
from bridge.store import budgets, remarks, row_states, scans
from bridge.store.budgets import BudgetRules, StoredBudget
from bridge.store.database import Database
from bridge.store.stored_records import RowState
from bridge.tracker import resources
from tests.flow.tracker_account import SEALER
from tests.unit.capture_records import HASHER, family, member

_DAY = 86_400.0
_ROWS = range(1, 41)


class Watched:
    """Forty candidates that were published, the spot reads of them, and what was said of the account."""

    def __init__(self, db: Database, **settings: Any) -> None:
        self.db = db
        self.now = 1_000.0
        self.findings: list[Finding] = []
        publisher = EventBuilder(_IDENTITY, SEALER, keep_values=False, max_message_bytes=1_000_000)
        limits = Guard(count=500, percent=10.0)
        self.changes = ChangeWriter(_IDENTITY, HASHER, publisher, frozenset(Model), keys={}, limits=limits)
        table = msgspec.structs.replace(resources.DEFAULT["candidates"], **settings)
        self.spots = SpotReads("acme", db, self.changes, self._judge, table, 10.0, clock=lambda: self.now)

    async def _judge(self, findings: Sequence[Finding]) -> None:
        self.findings += findings

    async def load(self) -> None:
        async with self.db.transaction() as tx:
            await self.changes.apply(tx, "candidates", [seen(n) for n in _ROWS], "initial")

    async def sweep(self) -> scans.Scan:
        """The next sweep, after the end of the one before."""
        await self.db.execute("UPDATE scans SET finished_at = now()")
        return await scans.start_scan(self.db, "acme", "candidates", "sweep")

    async def look(self, *found: Observation) -> list[Observation]:
        """Publish what spot reads came to, as a step of a sweep does; returns what was published."""
        kept = await self.spots.sift(found)
        async with self.db.transaction() as tx:
            applied = await self.changes.apply(tx, "candidates", kept, "sweep")
            finding = await self.spots.report(tx, kept, applied)
        self.findings += [] if finding is None else [finding]
        return kept

    async def said(self) -> list[tuple[str, int]]:
        return [
            (one.text.partition(":")[0], one.count) for one in await remarks.load_remarks(self.db, "acme")
        ]


_IDENTITY = Identity(integration_id="acme", topic_prefix="ats")


def seen(row_id: int, title: str = "Cook", still: Still | None = None) -> Observation:
    """A candidate as just read; ``still``: by a spot read."""
    found = family("candidates", str(row_id), member(Model.CANDIDATE, str(row_id), title=title))
    source = RowState(
        row_id=row_id, quick=b"q" * 8, fingerprint=b"f" * 16, version=datetime(2026, 11, 1, tzinfo=UTC)
    )
    return Observation(source=source, latest=source.version, found=found, still=still)


@pytest.fixture
async def watched(db: Database) -> Watched:
    made = Watched(db)
    await made.load()
    await StoredBudget(db, "acme", BudgetRules(requests=600)).acquire("poll")
    return made


async def test_every_record_has_its_turn_a_few_at_a_sweep(watched: Watched) -> None:
    looked_at: set[int] = set()
    for _ in range(60):
        scan = await watched.sweep()
        chosen = await watched.spots.of(scan)
        assert 1 <= len(chosen) <= MOST
        assert await watched.spots.of(scan) == chosen
        first = min(chosen)
        watched.spots.pass_over(BitMap64([first]))
        assert await watched.spots.of(scan) == chosen - {first}
        looked_at |= chosen
    assert looked_at == set(_ROWS)


async def test_no_record_is_looked_at_where_that_is_of_no_use_or_the_budget_is_short(db: Database) -> None:
    watched = Watched(db)
    await watched.load()
    budget = StoredBudget(db, "acme", BudgetRules(requests=30))
    await budget.acquire("poll")
    assert len(await watched.spots.of(await watched.sweep())) == 1
    for kind in ("initial", "resync", "republish"):
        scan = msgspec.structs.replace(await watched.sweep(), kind=kind)
        assert not await watched.spots.of(scan)
    for details in ("always", "never"):
        assert not await Watched(db, details=details).spots.of(await watched.sweep())
    await budget.pause(60)
    assert await budgets.spare(db, "acme", 2.0) == 0
    assert not await watched.spots.of(await watched.sweep())


async def test_what_is_as_stored_is_dropped_and_what_changed_is_told_at_once(watched: Watched) -> None:
    kept = await watched.look(seen(1, still="in_time"), seen(2, "Chef", "in_time"))
    assert [(one.source.row_id, one.unshown) for one in kept] == [(2, ("title",))]
    said = "candidate 2 changed (title), but neither its row nor its last update did"
    assert await watched.said() == [(said, 1)]
    assert [(f.assumption, f.verdict, f.key, f.value) for f in watched.findings] == [
        ("saves", "refuted", "details.candidates", "always")
    ]
    assert await watched.look(seen(2, "Chef", "in_time")) == []
    await watched.look(seen(3, "Chef", "in_time"), seen(4, "Chef", "in_time"))
    ((_, count),) = await watched.said()
    assert count == 3


@pytest.mark.parametrize("moves", [False, True])
async def test_a_doubt_is_published_after_the_lists_lag_and_told_after_a_day(
    watched: Watched, moves: bool
) -> None:
    await watched.spots.of(await watched.sweep())
    assert await watched.look(seen(7, "Chef", "doubtful")) == []
    watched.now += 13.0  # the overlap, and a quarter of it
    assert 7 in await watched.spots.of(await watched.sweep())
    (kept,) = await watched.look(seen(7, "Chef", "doubtful"))
    assert kept.unshown == ("title",)
    assert await watched.said() == []
    if moves:
        async with watched.db.transaction() as tx:
            row = msgspec.structs.replace(kept.source, fingerprint=b"m" * 16)
            await row_states.put_row_states(tx, "acme", "candidates", [row])
    await watched.spots.settle(BitMap64(_ROWS))
    assert await watched.said() == []
    watched.now += _DAY
    await watched.spots.settle(BitMap64(_ROWS))
    assert [count for _, count in await watched.said()] == ([] if moves else [1])
    assert len(watched.findings) == (0 if moves else 1)


async def test_what_is_held_for_a_person_is_not_told_nor_looked_for(watched: Watched) -> None:
    (kept,) = await watched.spots.sift([seen(5, "Chef", "in_time")])
    async with watched.db.transaction() as tx:
        assert await watched.spots.report(tx, [kept], WriteSummary(events={}, held=1)) is None
    assert await watched.said() == []
    query = (
        "INSERT INTO holds (integration_id, resource, kind, key, row_ids, row_count, known_count, evidence) "
        "VALUES ('acme', 'candidates', 'missing_key', 'detail:tagText', $1, 1, 40, 'gone')"
    )
    await watched.db.execute(query, BitMap64([5]).serialize())
    assert not await watched.spots.of(await watched.sweep())
    # What a person approved is looked at, and may be what a look finds.
    await watched.db.execute("UPDATE holds SET state = 'done', decided_at = now()")
    assert await watched.spots.of(await watched.sweep())
    await watched.look(seen(6, "Chef", "in_time"))
    assert await watched.said() == []
