"""Holds: the records of a batch that wait for a person's decision, in the caller's transaction under its
lock.

Records that lack a key arrive marked. Losses are weighed here against the limits and the open holds. Accepted
records are counted, and removed from the holds that they were in.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import structlog
from msgspec import Struct
from trackerrms_contracts.entities import Model

from bridge.capture import diff, healing, losses
from bridge.capture.diff import EntityChange
from bridge.capture.drift import MappedKeys
from bridge.capture.observations import Observation
from bridge.capture.proof import Guard
from bridge.store import habits, holds, row_states, snapshots
from bridge.store.database import Tx
from bridge.store.habits import Habits
from bridge.store.holds import Hold, HoldKind, Withheld
from bridge.store.stored_records import LossCount, Snapshot
from bridge.tracker.entity_set import EntitySet

_log = structlog.get_logger(__name__)
_HOUR_SECONDS = 3600
_FEWEST = 3
"""So few losses are never too many, so the records need not be counted."""


class WithheldBatch(Struct, frozen=True, kw_only=True):
    """A batch in two parts: ``rest`` is processed, ``withheld`` is held."""

    resource: str
    rest: Sequence[Observation]
    withheld: tuple[Withheld, ...]
    habits: Habits
    holds: Sequence[Hold]

    @property
    def row_ids(self) -> frozenset[int]:
        """Return the ids of the held records."""
        return frozenset(row_id for one in self.withheld for row_id in one.row_ids)

    @property
    def parents(self) -> frozenset[str]:
        """Return the held records as snapshots name them."""
        return frozenset(diff.parent_of(self.resource, row_id) for row_id in self.row_ids)


class BatchHolds:
    """Holds of one integration, applied to its batches. Has no state."""

    def __init__(self, integration_id: str, keys: Mapping[str, MappedKeys], limits: Guard) -> None:
        self._id = integration_id
        self._keys = keys
        self._limits = limits

    async def begin(self, tx: Tx, resource: str, read: Sequence[Observation]) -> WithheldBatch:
        """Hold the records that lack a key, and new records that lack what an open hold is about."""
        evidence: dict[tuple[HoldKind, str], str] = {}
        row_ids: dict[tuple[HoldKind, str], set[int]] = {}
        for one in read:
            for lack in one.missing:
                what = lack.kind, lack.key
                evidence[what] = lack.evidence or evidence.get(what, "")
                row_ids.setdefault(what, set()).add(one.source.row_id)
        present_holds = await holds.of_resource(tx, self._id, resource)
        waiting = [(one.kind, one.key) for one in present_holds if one.state in ("held", "discarded")]
        for what in {*waiting, *(what for what, said in evidence.items() if said)}:
            for row_id in _new_without(read, *what):
                evidence.setdefault(what, "")
                row_ids.setdefault(what, set()).add(row_id)
        held = {row_id for these in row_ids.values() for row_id in these}
        return WithheldBatch(
            resource=resource,
            rest=[one for one in read if one.source.row_id not in held],
            withheld=tuple(
                Withheld(kind=kind, key=key, row_ids=frozenset(these), evidence=evidence[kind, key])
                for (kind, key), these in row_ids.items()
            ),
            habits=await habits.load_habits(tx, self._id, resource),
            holds=present_holds,
        )

    async def weigh(
        self, tx: Tx, batch: WithheldBatch, own: Sequence[EntityChange], live: Sequence[Snapshot]
    ) -> WithheldBatch:
        """Hold the records that lose what too many others lose, and count the losses of the rest."""
        if not batch.habits.losses and all(one.before is None for one in own):
            return batch
        before, hour = batch.habits.losses, int(time.time()) // _HOUR_SECONDS
        found = losses.losses_of(own, live, before)
        if not found.lost and not before:
            return batch
        withheld = list(batch.withheld)
        for key, parents in found.lost.items():
            count, kept = before.get(key, LossCount()), len(found.kept[key])
            why = await self._why(tx, batch, key, count, hour, len(parents), kept)
            if why is not None:
                kind, _, name = key.partition(":")
                these = frozenset(int(parent.rpartition(":")[2]) for parent in parents)
                withheld.append(Withheld(kind=holds.kind_of(kind), key=name, row_ids=these, evidence=why))
        after = msgspec.structs.replace(batch, withheld=tuple(withheld))
        gone, row_ids = after.parents, after.row_ids
        counted = {
            key: losses.add_accepted(
                before.get(key, LossCount()), hour, len(found.lost.get(key, gone) - gone), len(kept - gone)
            )
            for key, kept in found.kept.items()
        }
        return msgspec.structs.replace(
            after,
            rest=[one for one in batch.rest if one.source.row_id not in row_ids],
            habits=Habits(keys=batch.habits.keys, losses={**before, **counted}),
        )

    async def _why(
        self, tx: Tx, batch: WithheldBatch, key: str, count: LossCount, hour: int, lost: int, kept: int
    ) -> str | None:
        """Return why losses are held: blank if an open hold says it, ``None`` if they are accepted."""
        state = {f"{one.kind}:{one.key}": one.state for one in batch.holds}.get(key)
        if state in ("held", "discarded"):
            return ""
        if state is not None:
            return None
        kind, _, name = key.partition(":")
        what = f"`{name}` was emptied in" if kind == "emptied_field" else f"`{name}` records disappeared from"
        total = losses.within_an_hour(count, hour) + lost
        if total >= _FEWEST:
            known = await row_states.count_live_rows(tx, self._id, batch.resource)
            if self._limits.holds(total, known) or await self._is_all(tx, kind, name, total):
                return f"{what} {total:,} of {known:,} {batch.resource} within two hours"
        if self._limits.percent < 100 and losses.is_sudden(count, lost, kept):
            return f"{what} nearly all of the last {batch.resource} that had it"
        return None

    async def _is_all(self, tx: Tx, kind: str, name: str, total: int) -> bool:
        """Report whether no entity of the model would be left, such as all three rejection reasons."""
        if kind != "derived_deletions" or self._limits.percent >= 100:
            return False
        return total >= await snapshots.count_live_entities(tx, self._id, Model(name))

    async def end(self, tx: Tx, batch: WithheldBatch) -> None:
        """Store the holds, and update the statistics with the accepted records."""
        for one in batch.withheld:
            added = await holds.add_to_hold(tx, self._id, batch.resource, one)
            if added is not None and added[1]:
                _log.error(
                    "hold.opened",
                    integration=self._id,
                    resource=batch.resource,
                    kind=one.kind,
                    key=one.key,
                    hold=added[0],
                    evidence=one.evidence,
                    advice=f"check TrackerRMS, then run: bridge holds approve | discard {added[0]}",
                )
        if batch.withheld:
            await row_states.withhold(tx, self._id, batch.resource, list(batch.row_ids))
        accepted = [one for one in batch.rest if isinstance(one.found, EntitySet)]
        if batch.holds:
            await self.release(tx, batch.resource, (one.source.row_id for one in accepted))
        looks = [one.look for one in accepted if one.look is not None]
        now = batch.habits
        if looks:
            keys = self._keys[batch.resource].counted(now.keys, looks)
            now = msgspec.structs.replace(now, keys=keys)
        await habits.save_habits(tx, self._id, batch.resource, now)

    async def release(self, tx: Tx, resource: str, row_ids: Iterable[int]) -> None:
        """Remove records from their holds: they were accepted, or are proved gone."""
        for one in await holds.release_from_holds(tx, self._id, resource, row_ids):
            await healing.report_healed(tx, one)


def _new_without(read: Iterable[Observation], kind: HoldKind, key: str) -> Iterator[int]:
    """Yield the records that were never read before and lack what other records are held for."""
    if kind not in ("emptied_field", "derived_deletions"):
        return
    model, _, field = key.partition(".")
    for one in read:
        if one.known or not isinstance(one.found, EntitySet):
            continue
        members = one.found.of(Model(model))
        if not any(getattr(member.record, field) if field else True for member in members):
            yield one.source.row_id
