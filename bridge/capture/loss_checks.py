"""Checks that a lost value is lost by single records only: others that had it are read before it is believed.

A person who empties a field does so in a few records. An account that answers ``null`` for a field does so
for every record, which looks as if someone had emptied them all. So for each loss in a batch, at least one
other record that had the value must still have it: a record of the batch, or one that is read for this check.
The check costs one request per loss, and at most four if no record has the value any more. Lists of resources
that can't be read by id are checked page by page.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from trackerrms_contracts.entities import STRUCTS, Model

from bridge.capture import diff, healing, paging
from bridge.capture.change_writer import ChangeWriter
from bridge.capture.drift import MappedKeys
from bridge.capture.losses import Losses
from bridge.capture.observations import WHOLE, Missing, Observation
from bridge.capture.paging import Pages
from bridge.capture.proof import Guard
from bridge.capture.record_reader import Context
from bridge.errors import Permanent
from bridge.hashing import place_of
from bridge.json_types import JsonObject
from bridge.store import holds, row_states, snapshots
from bridge.store.database import Database
from bridge.store.holds import Hold, kind_of
from bridge.tracker.client import Client
from bridge.tracker.entity_set import EntitySet
from bridge.tracker.normalize import Normalizer
from bridge.tracker.pages import Row

_MORE, _ENOUGH = 3, 2
"""If the first record has lost it too, this many others are read, and this many must have it."""
_FEW = 5
"""A hold of so few records ends by itself once others have the value again."""
_LOOK_SECONDS = 15.0


class LossChecks:
    """Checks the losses of one integration's records. ``clock`` must be monotonic."""

    def __init__(
        self,
        integration_id: str,
        db: Database,
        client: Client,
        pages: Pages,
        normalizer: Normalizer,
        changes: ChangeWriter,
        limits: Guard,
        keys: Mapping[str, MappedKeys],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._id = integration_id
        self._db = db
        self._client = client
        self._pages = pages
        self._normalizer = normalizer
        self._changes = changes
        self._limits = limits
        self._keys = keys
        self._clock = clock
        self._looked_at: dict[str, float] = {}

    async def sift(self, context: Context, observations: Sequence[Observation]) -> tuple[Observation, ...]:
        """Return the observations. Those that lose what no other record has any more are marked.

        Raises ``Throttled`` and the errors of reading a page.
        """
        families = [
            o.found for o in observations if o.known and not o.missing and isinstance(o.found, EntitySet)
        ]
        if context.resource.by_id is None or not families:
            return tuple(observations)
        found = await self._changes.preview_losses(self._db, families)
        lost_by_all = {key: parents for key, parents in found.lost.items() if not found.kept[key]}
        if not lost_by_all:
            return tuple(observations)
        present_holds = await holds.of_resource(self._db, self._id, context.resource.name)
        # An existing hold has decided on its losses already.
        decided = {f"{h.kind}:{h.key}" for h in present_holds}
        lost_by_all = {key: parents for key, parents in lost_by_all.items() if key not in decided}
        besides = {diff.parent_of(f.resource, f.remote_id) for f in families}
        evidence = await self._refuted(context, lost_by_all, besides)
        approved = {
            h.key for h in present_holds if h.kind == "missing_key" and h.state in ("approved", "done")
        }
        return tuple(
            o if self._lacks(o, context, approved) else _marked(context, o, lost_by_all, evidence)
            for o in observations
        )

    def _lacks(self, one: Observation, context: Context, approved: set[str]) -> bool:
        """Report whether a record lacks a key that a person said is gone: then its losses are approved."""
        if one.look is None or not approved:
            return False
        return bool(approved.intersection(self._keys[context.resource.name].named(one.look.lacking)))

    async def look_again(self, context: Context, held: Iterable[Hold]) -> None:
        """End the holds of a few records if others have the value."""
        name, now = context.resource.name, self._clock()
        waits = [h for h in held if h.resource == name and _is_of_few(h)]
        if (
            not waits
            or context.resource.by_id is None
            or now - self._looked_at.get(name, -1e9) < _LOOK_SECONDS
        ):
            return
        self._looked_at[name] = now
        known = await row_states.count_live_rows(self._db, self._id, name)
        for hold in (h for h in waits if not self._limits.holds(h.row_count, known)):
            key = f"{hold.kind}:{hold.key}"
            these = await holds.row_ids(self._db, hold.id)
            besides = {diff.parent_of(name, row_id) for row_id in these}
            counts = await self._counted(context, {key}, besides, _MORE + 1)
            kept, _ = counts[key]
            if kept >= _ENOUGH:
                async with self._db.transaction() as tx:
                    await healing.heal_hold(tx, hold)

    async def _refuted(
        self, context: Context, lost_by_all: Mapping[str, frozenset[str]], besides: set[str]
    ) -> dict[str, str]:
        """Return the losses that other records share, each with the evidence."""
        first = await self._counted(context, lost_by_all.keys(), besides, 1)
        doubtful = {key for key, (kept, lost) in first.items() if lost and not kept}
        if not doubtful:
            return {}
        counts = await self._counted(context, doubtful, besides, 1 + _MORE)
        refuted = {}
        for key, (kept, lost) in counts.items():
            if lost and kept < _ENOUGH:
                had = f"{kept} of {kept + lost}" if kept else f"none of {kept + lost}"
                kind, _, name = key.partition(":")
                what = (
                    f"`{name}` was emptied in"
                    if kind == "emptied_field"
                    else f"`{name}` records disappeared from"
                )
                table = context.resource
                refuted[key] = (
                    f"{what} {len(lost_by_all[key])} {table.name}, and {had} others that had it still "
                    f"have it: if it has another key now, correct fields.{table.entity} in "
                    "[integrations.tracker]"
                )
        return refuted

    async def _counted(
        self, context: Context, keys: Iterable[str], besides: set[str], count: int
    ) -> dict[str, tuple[int, int]]:
        """Return, by loss, how many others still have the value, and how many do not."""
        these = list(keys)
        families = (
            await self._by_id(context, these, besides, count)
            if context.resource.name in WHOLE
            else await self._listed(context, these, besides, count)
        )
        found = (
            await self._changes.preview_losses(self._db, families, these)
            if families
            else Losses(lost={}, kept={})
        )
        empty: frozenset[str] = frozenset()
        return {key: (len(found.kept.get(key, empty)), len(found.lost.get(key, empty))) for key in these}

    async def _having(
        self, key: str, besides: set[str], count: int, among: Sequence[str] | None = None
    ) -> list[str]:
        word, _, field = key.partition(":")[2].partition(".")
        model = Model(word)
        place = place_of(STRUCTS[model], field) if field else None
        return await snapshots.some_having(self._db, self._id, model, place, sorted(besides), count, among)

    async def _by_id(
        self, context: Context, keys: Sequence[str], besides: set[str], count: int
    ) -> list[EntitySet]:
        """Read a few others that had the value, by id."""
        parents = [parent for key in keys for parent in await self._having(key, besides, count)]
        chosen = [_row_id(parent) for parent in dict.fromkeys(parents)]
        records = await asyncio.gather(*(self._detail(context, row_id) for row_id in chosen))
        return self._normalized(
            context, [(None, record, context.state) for record in records if record is not None]
        )

    async def _listed(
        self, context: Context, keys: Sequence[str], besides: set[str], count: int
    ) -> list[EntitySet]:
        """Read a few others that had the value, from the first pages of the list, if their record is
        partial."""
        resource = context.resource
        for state in sorted(resource.states, key=lambda state: state != context.state):
            run = await self._pages.run(self._pages.begin(resource), resource, state, 1, 1)
            rows = {diff.parent_of(resource.name, row.remote_id): row for p in run.pages for row in p.rows}
            parents = [p for key in keys for p in await self._having(key, besides, count, list(rows))]
            found = await asyncio.gather(*(self._row(context, rows[p]) for p in dict.fromkeys(parents)))
            whole = [(row, detail, state) for row, detail in found if detail or resource.details == "never"]
            if whole:
                return self._normalized(context, whole)
        return []

    async def _row(self, context: Context, row: Row) -> tuple[JsonObject, JsonObject | None]:
        never = context.resource.details == "never"
        return row.decode(), None if never else await self._detail(context, row.remote_id)

    async def _detail(self, context: Context, row_id: str) -> JsonObject | None:
        return await paging.record_if_readable(self._client, context.resource.name, row_id)

    def _normalized(
        self, context: Context, records: Iterable[tuple[JsonObject | None, JsonObject | None, str | None]]
    ) -> list[EntitySet]:
        families = []
        for row, detail, state in records:
            try:
                families.append(
                    self._normalizer.normalize(
                        context.resource.name, row, detail, state=state, known=context.statuses
                    )
                )
            except Permanent:
                # A record that can't be read says nothing about the others; its own poll or sweep reports it.
                continue
        return families


def _is_of_few(hold: Hold) -> bool:
    mass = hold.kind in ("emptied_field", "derived_deletions")
    return mass and hold.state == "held" and hold.row_count <= _FEW


def _row_id(parent: str) -> str:
    return parent.rpartition(":")[2]


def _marked(
    context: Context,
    one: Observation,
    lost_by_all: Mapping[str, frozenset[str]],
    evidence: Mapping[str, str],
) -> Observation:
    parent = diff.parent_of(context.resource.name, one.source.row_id)
    missing = tuple(
        Missing(kind=kind_of(key.partition(":")[0]), key=key.partition(":")[2], evidence=said)
        for key, said in evidence.items()
        if parent in lost_by_all[key]
    )
    return msgspec.structs.replace(one, missing=(*one.missing, *missing)) if missing else one
