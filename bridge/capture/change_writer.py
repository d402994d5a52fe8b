"""Writing of observations as snapshots and events, in the caller's transaction (invariant 1).

The caller owns the transaction, so that it can commit the scan ledger with it. Every writer of an
integration's snapshots goes through this module and takes the same lock.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

import msgspec
from msgspec import UNSET, Struct, UnsetType
from trackerrms_contracts.entities import Model
from trackerrms_contracts.events import Cause, Operation, event_type

from bridge.capture import diff, lookup_index, losses, versions
from bridge.capture.attribution import Attribution
from bridge.capture.batch_holds import BatchHolds
from bridge.capture.diff import SHARED, Differ, EntityChange, EntityKey
from bridge.capture.drift import MappedKeys
from bridge.capture.event_builder import EventBuilder, Identity
from bridge.capture.losses import Losses
from bridge.capture.observations import Observation, Trouble
from bridge.capture.proof import Guard
from bridge.capture.times import BY_ID_FIELDS
from bridge.clock import event_time
from bridge.hashing import Hasher
from bridge.store import gaps, in_progress, lookups, outbox, parked, row_states, snapshots
from bridge.store.database import Database, Tx
from bridge.store.outbox import OutboxRow
from bridge.store.stored_records import RowState, Snapshot
from bridge.tasks import cancel_and_wait
from bridge.tracker.entity_set import EntityMember, EntitySet

_WRITTEN_AT_ONCE = 100


class WriteSummary(Struct, frozen=True, kw_only=True):
    """Result of a batch: events by type; records ignored as stale, newly parked, and read with gaps.

    ``held``: records that wait for a person. ``let_go``: tags and roles that a record no longer has;
    ``ChangeWriter.settle`` deletes them if unused. ``unknown_statuses``: ids of placement statuses that
    applications have and no status list had.
    """

    events: dict[str, int]
    stale: int = 0
    parked: int = 0
    provisional: int = 0
    held: int = 0
    let_go: frozenset[EntityKey] = frozenset()
    unknown_statuses: frozenset[str] = frozenset()

    @property
    def changes(self) -> int:
        """Return the number of events."""
        return sum(self.events.values())

    def plus(self, other: "WriteSummary") -> "WriteSummary":
        """Return the sum of both."""
        events = {k: self.events.get(k, 0) + other.events.get(k, 0) for k in self.events | other.events}
        return WriteSummary(
            events=events,
            stale=self.stale + other.stale,
            parked=self.parked + other.parked,
            provisional=self.provisional + other.provisional,
            held=self.held + other.held,
            let_go=self.let_go | other.let_go,
            unknown_statuses=self.unknown_statuses | other.unknown_statuses,
        )

    def counts(self) -> dict[str, int]:
        """Return counts for a log line: events by operation, and the other counts that are not 0."""
        operations: Counter[str] = Counter()
        for kind, count in self.events.items():
            operations[kind.partition(".")[2]] += count
        rest = {"stale": self.stale, "parked": self.parked, "held": self.held}
        return dict(operations) | {name: count for name, count in rest.items() if count}


class Events(Struct, frozen=True, kw_only=True):
    """Messages for the outbox in order, decisions too large for a message, and the number of events by
    type."""

    rows: list[OutboxRow]
    oversized: list[EntityChange]
    kinds: Counter[tuple[Model, Operation]]

    def plus(self, later: "Events") -> "Events":
        """Return both in order."""
        return Events(
            rows=self.rows + later.rows,
            oversized=self.oversized + later.oversized,
            kinds=self.kinds + later.kinds,
        )

    def counts(self) -> dict[str, int]:
        """Return the number of events of each event type."""
        return {event_type(*kind): count for kind, count in self.kinds.items()}


class ChangeWriter:
    """Writes one integration's changes. Has no state: two processes may each have one."""

    def __init__(
        self,
        identity: Identity,
        hasher: Hasher,
        publisher: EventBuilder,
        models: frozenset[Model],
        *,
        keys: Mapping[str, MappedKeys],
        limits: Guard,
    ) -> None:
        self._id = identity.integration_id
        self._holding = BatchHolds(identity.integration_id, keys, limits)
        self._hasher = hasher
        self._publisher = publisher
        self._models = models

    async def apply(
        self,
        tx: Tx,
        resource: str,
        observations: Sequence[Observation],
        cause: Cause,
        *,
        silent: bool = False,
        republish: datetime | None = None,
        command_id: str | UnsetType = UNSET,
    ) -> WriteSummary:
        """Compare observations with what is stored, and write the difference.

        ``silent`` stores new records without publishing them. ``republish`` also publishes unchanged records
        that were last published before that moment. A record older than the stored one is ignored: a stale
        index never rolls one back. Records that lack a key that nearly all had, or lose what too many lose at
        once, are held for a person. Call ``settle`` for ``let_go``.
        """
        if not observations:
            return WriteSummary(events={})
        await snapshots.lock(tx, self._id)
        read, known = await self._fresh(tx, resource, observations)
        differ = Differ(self._hasher, event_time(), self._models, republish)
        held = await self._holding.begin(tx, resource, read)
        families = [o.found for o in held.rest if isinstance(o.found, EntitySet)]
        own, live = await self._own(tx, differ, families)
        held = await self._holding.weigh(tx, held, own, live)
        fresh = held.rest
        if parents := held.parents:
            own = [d for d in own if d.snapshot.parent not in parents]
            families = [o.found for o in fresh if isinstance(o.found, EntitySet)]
        build_events = partial(self._events, cause=cause, silent=silent, command_id=command_id)
        # Links first: the stored links decide whether a tag or a role is in use.
        own_events = await self._keep_and(tx, own, build_events)
        members = [m for f in families for m in f.members if m.model in SHARED and m.model in self._models]
        keys = list(dict.fromkeys((m.model, m.remote_id) for m in members))
        shared = await self._shared(tx, differ, members, keys)
        events = (await build_events(shared)).plus(own_events)
        await self._send(tx, events)
        troubles = {o.source.row_id: o.found for o in fresh if isinstance(o.found, Trouble)}
        too_large = _too_large(resource, families, events.oversized)
        newly = await self._park(tx, resource, fresh, troubles | too_large)
        # An application with an unknown status is published again once the status list was read again.
        again = too_large.keys() | {int(f.remote_id) for f in families if f.unknown_status}
        dated = [_dated(o, known.get(o.source.row_id)) for o in fresh]
        done = [_to_be_read_again(s) if s.row_id in again else s for s in dated]
        await row_states.insert_row_states(tx, self._id, resource, [s for s in done if s.row_id not in known])
        await row_states.put_row_states(tx, self._id, resource, [s for s in done if s.row_id in known])
        await self._note_gaps(tx, resource, families)
        await self._holding.end(tx, held)
        await lookup_index.index_records(tx, self._id, self._hasher, families)
        return WriteSummary(
            events=events.counts(),
            stale=len(observations) - len(read),
            held=len(held.row_ids),
            parked=newly,
            provisional=sum(m.provisional for f in families for m in f.members),
            let_go=self._let_go(own),
            unknown_statuses=frozenset(f.unknown_status for f in families if f.unknown_status),
        )

    async def preview_losses(
        self, db: Database, families: Sequence[EntitySet], known: Iterable[str] = ()
    ) -> Losses:
        """Return what records would lose by these families, and which others keep it. Writes nothing.

        ``known`` is passed to ``losses.losses_of``.
        """
        differ = Differ(self._hasher, event_time(), self._models)
        async with db.transaction() as tx:
            own, live = await self._own(tx, differ, families)
        return losses.losses_of(own, live, known)

    async def compare_by_id(self, db: Database, families: Sequence[EntitySet]) -> tuple[set[int], set[int]]:
        """Compare jobs, read from row and by-id record, with the stored ones. Return those that differ in
        fields that records have too, and those that differ only in fields of the row."""
        differ = Differ(self._hasher, event_time(), self._models)
        async with db.transaction() as tx:
            own, _ = await self._own(tx, differ, families)
        changed = {_row_id(d) for d in own if d.operation is not None}
        proved = {
            _row_id(d)
            for d in own
            if d.operation in ("created", "deleted")
            or (d.snapshot.model is Model.JOB and BY_ID_FIELDS.intersection(d.changed_fields))
        }
        return proved, changed - proved

    async def differing(self, db: Database, families: Sequence[EntitySet]) -> Mapping[int, tuple[str, ...]]:
        """Return the records that differ from the stored ones, with the names of the fields, or of the models
        of other entities. Tags and roles themselves are not compared. Writes nothing."""
        differ = Differ(self._hasher, event_time(), self._models)
        async with db.transaction() as tx:
            own, _ = await self._own(tx, differ, families)
        found: dict[int, dict[str, None]] = {int(f.remote_id): {} for f in families if f.unknown_status}
        for decision in own:
            found.setdefault(_row_id(decision), {}).update(dict.fromkeys(_difference_names(decision)))
        return {row_id: tuple(words) for row_id, words in found.items()}

    async def by_command(
        self, tx: Tx, observations: Sequence[Observation]
    ) -> Mapping[str | None, Sequence[Observation]]:
        """Group the observations by the command that made them; ``None``: no command did."""
        attribution = Attribution(self._id, self._hasher, *await in_progress.load_in_progress(tx, self._id))
        if not attribution:
            return {None: observations}
        found: dict[str | None, list[Observation]] = {}
        for one in observations:
            command = attribution.of(one.found) if isinstance(one.found, EntitySet) else None
            found.setdefault(command, []).append(one)
        return found

    async def settle(self, tx: Tx, keys: Iterable[EntityKey], cause: Cause) -> WriteSummary:
        """Publish as deleted the tags and roles among ``keys`` that no record has any more."""
        await snapshots.lock(tx, self._id)
        differ = Differ(self._hasher, event_time(), self._models)
        events = await self._events(await self._shared(tx, differ, [], list(keys)), cause=cause)
        await self._send(tx, events)
        return WriteSummary(events=events.counts())

    async def unused(self, db: Database, models: Iterable[Model]) -> list[EntityKey]:
        """Return the tags and roles of these models that no record has."""
        return [
            (model, remote_id)
            for model in models
            if model in SHARED and model in self._models
            for remote_id in await snapshots.unused(db, self._id, model)
        ]

    async def delete(self, tx: Tx, resource: str, row_ids: Sequence[int], cause: Cause) -> WriteSummary:
        """Publish as deleted the entities of these records, which are proved gone. Works as ``apply``
        does."""
        await snapshots.lock(tx, self._id)
        gone = await row_states.mark_gone(tx, self._id, resource, row_ids)
        await parked.unpark_records(tx, self._id, resource, gone)
        await gaps.forget_gaps(tx, self._id, resource, gone)
        await lookups.forget_records(tx, self._id, resource, gone)
        await self._holding.release(tx, resource, gone)
        live = await snapshots.of_parents(tx, self._id, [diff.parent_of(resource, r) for r in gone])
        differ = Differ(self._hasher, event_time(), self._models)
        decisions = [differ.deleted(snapshot) for snapshot in live]
        await snapshots.put_snapshots(tx, self._id, [d.snapshot for d in decisions])
        events = await self._events(decisions, cause=cause)
        await self._send(tx, events)
        return WriteSummary(events=events.counts(), let_go=self._let_go(decisions))

    async def report(self, tx: Tx, resource: str, troubles: Sequence[Trouble]) -> None:
        """Write dead letters for rows without an id: one per reason, until no such row is seen any more."""
        by_row = {parked.nameless(t.reason): t for t in troubles}
        records = [(row_id, t.reason, t.path) for row_id, t in by_row.items()]
        newly = [by_row[row_id] for row_id in await parked.park_records(tx, self._id, resource, records)]
        letters = [self._publisher.dead_letter(resource, None, t.reason, t.path, event_time()) for t in newly]
        await outbox.append(tx, letters)

    async def _fresh(
        self, tx: Tx, resource: str, observations: Sequence[Observation]
    ) -> tuple[list[Observation], Mapping[int, RowState]]:
        """Return the observations that are not stale, and the stored rows. Of a record seen twice (pages
        drift), the later observation counts."""
        last = {o.source.row_id: o for o in observations}
        stored = await row_states.known(tx, self._id, resource, list(last))
        return [o for o in last.values() if not _stale(o, stored.get(o.source.row_id))], stored

    async def _own(
        self, tx: Tx, differ: Differ, families: Sequence[EntitySet]
    ) -> tuple[list[EntityChange], list[Snapshot]]:
        """Return the changes of the families' own entities, and the snapshots that were live until now."""
        parents = [diff.parent_of(f.resource, f.remote_id) for f in families]
        live = await snapshots.of_parents(tx, self._id, parents)
        stored = {(s.model, s.remote_id): s for s in live}
        unknown = [
            (m.model, m.remote_id)
            for family in families
            for m in family.members
            if m.model not in SHARED and (m.model, m.remote_id) not in stored
        ]
        stored |= _by_key(await snapshots.by_keys(tx, self._id, unknown))
        return differ.families(families, stored, live), live

    async def _note_gaps(self, tx: Tx, resource: str, families: Sequence[EntitySet]) -> None:
        found = ((int(f.remote_id), gap.field, gap.reason) for f in families for gap in f.gaps)
        await gaps.put_gaps(tx, self._id, resource, [int(f.remote_id) for f in families], found)

    def _let_go(self, own: Iterable[EntityChange]) -> frozenset[EntityKey]:
        keys = (_let_go(decision) for decision in own)
        return frozenset(key for key in keys if key is not None and key[0] in self._models)

    async def _shared(
        self, tx: Tx, differ: Differ, members: Iterable[EntityMember], touched: Sequence[EntityKey]
    ) -> list[EntityChange]:
        if not touched:
            return []
        stored = _by_key(await snapshots.by_keys(tx, self._id, touched))
        names = [diff.shared_key(*key) for key in touched]
        used = await snapshots.shared_in_use(tx, self._id, names)
        decisions = differ.shared(members, touched, stored, lambda k: diff.shared_key(*k) in used)
        await self._keep(tx, decisions)
        return decisions

    async def _keep(self, tx: Tx, decisions: Sequence[EntityChange]) -> None:
        kept = self._publisher.kept
        await snapshots.insert_snapshots(tx, self._id, [kept(d) for d in decisions if d.before is None])
        await snapshots.put_snapshots(tx, self._id, [kept(d) for d in decisions if d.before is not None])

    async def _keep_and(
        self,
        tx: Tx,
        decisions: Sequence[EntityChange],
        build_events: Callable[[Sequence[EntityChange]], Awaitable[Events]],
    ) -> Events:
        """Store the decisions and build their events meanwhile."""
        keeping = asyncio.create_task(self._keep(tx, decisions), name="keep snapshots")
        try:
            events = await build_events(decisions)
        except BaseException:
            # Nothing may use the transaction after its block ends.
            await cancel_and_wait(keeping)
            raise
        await keeping
        return events

    async def _events(
        self,
        decisions: Sequence[EntityChange],
        *,
        cause: Cause,
        silent: bool = False,
        command_id: str | UnsetType = UNSET,
    ) -> Events:
        """Build the events of the decisions. Those too large for Kafka are kept apart."""
        events = Events(rows=[], oversized=[], kinds=Counter())
        for number, decision in enumerate(decisions, 1):
            if number % _WRITTEN_AT_ONCE == 0:
                await asyncio.sleep(0)
            # An entity that a poll has published is published even when silent: its sequence must have no
            # gap.
            if decision.operation is None or (silent and decision.before is None):
                continue
            row = self._publisher.event(decision, cause, command_id)
            if row is None:
                events.oversized.append(decision)
                continue
            events.rows.append(row)
            if decision.operation == "deleted" and (tombstone := self._publisher.tombstone(row)):
                events.rows.append(tombstone)
            events.kinds[decision.snapshot.model, decision.operation] += 1
        return events

    async def _send(self, tx: Tx, events: Events) -> None:
        """Queue the events. Entities that are too large for Kafka do not count as published."""
        await snapshots.restore(tx, self._id, [(d.snapshot, d.before) for d in events.oversized])
        await outbox.append(tx, events.rows)

    async def _park(
        self, tx: Tx, resource: str, fresh: Sequence[Observation], troubles: Mapping[int, Trouble]
    ) -> int:
        records = [(row_id, t.reason, t.path) for row_id, t in troubles.items()]
        newly = await parked.park_records(tx, self._id, resource, records)
        await outbox.append(
            tx,
            [
                self._publisher.dead_letter(
                    resource, row_id, troubles[row_id].reason, troubles[row_id].path, event_time()
                )
                for row_id in newly
            ],
        )
        readable = [o.source.row_id for o in fresh if o.source.row_id not in troubles]
        await parked.unpark_records(tx, self._id, resource, readable)
        return len(newly)


def _too_large(
    resource: str, families: Sequence[EntitySet], oversized: Sequence[EntityChange]
) -> dict[int, Trouble]:
    """Return a trouble for each record with an entity too large for Kafka, also for a shared tag or role."""
    found: dict[int, Trouble] = {}
    for decision in oversized:
        model, remote_id = decision.snapshot.model, decision.snapshot.remote_id
        trouble = f"its {model} event is larger than kafka.max_message_bytes: "
        for family in families:
            if any((m.model, m.remote_id) == (model, remote_id) for m in family.members):
                row_id = int(family.remote_id)
                found[row_id] = Trouble(
                    reason=trouble + "raise it, and the topic's max.message.bytes with it",
                    path=f"{resource}/{row_id}",
                )
    return found


def _to_be_read_again(source: RowState) -> RowState:
    """Remove the fingerprints, so that the record is read again even if it does not change."""
    return msgspec.structs.replace(source, quick=None, fingerprint=None)


def _stale(observation: Observation, stored: RowState | None) -> bool:
    # A record that was gone and can be read again is back (restored from a backup), however old it is.
    if stored is None or observation.live:
        return False
    return versions.is_older(stored, observation.latest, observation.source.dating, event_time())


def _dated(observation: Observation, stored: RowState | None) -> RowState:
    """Return the source to store. The version never decreases, except when the record was just read by id."""
    source = observation.source
    if stored is None or stored.gone or observation.live or source.dating != stored.dating:
        return source
    if stored.version is None or source.version is None:
        return source if stored.version is None else msgspec.structs.replace(source, version=stored.version)
    return msgspec.structs.replace(source, version=max(source.version, stored.version))


def _by_key(found: Iterable[Snapshot]) -> dict[EntityKey, Snapshot]:
    return {(s.model, s.remote_id): s for s in found}


def _let_go(decision: EntityChange) -> EntityKey | None:
    """Return the tag or role of a deleted link."""
    shared = decision.snapshot.shared
    if decision.operation != "deleted" or shared is None:
        return None
    model, _, remote_id = shared.partition(":")
    return Model(model), remote_id


def _difference_names(decision: EntityChange) -> Iterable[str]:
    """Return names for a difference: the changed fields, or the model if the entity was added or removed."""
    if decision.operation is None:
        return ()
    return decision.changed_fields or (str(decision.snapshot.model),)


def _row_id(decision: EntityChange) -> int:
    return int(decision.snapshot.parent.rpartition(":")[2])
