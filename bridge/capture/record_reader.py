"""Reading of list rows: unchanged rows are skipped, changed ones are read and normalized as observations."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

import msgspec
from msgspec import Struct
from pyroaring import BitMap64
from trackerrms_contracts.entities import Model

from bridge import metrics
from bridge.capture import listed_states, page_rows, paging, times, versions
from bridge.capture.drift import Look, MappedKeys
from bridge.capture.errors import ReadFailures
from bridge.capture.observations import WHOLE, ChangedRow, Left, Observation, Still, Trouble
from bridge.capture.rereads import Rereads
from bridge.capture.soft_deletes import SoftDeletes
from bridge.capture.times import RecordTimes
from bridge.clock import utc_now
from bridge.errors import BridgeError, Permanent
from bridge.json_types import JsonObject
from bridge.store import row_states
from bridge.store.database import Database
from bridge.store.stored_records import BY_RECORD, RowState
from bridge.tracker import answers, fingerprints
from bridge.tracker.by_id import RecordGone
from bridge.tracker.client import Client
from bridge.tracker.entity_set import EntitySet
from bridge.tracker.errors import CredentialsRefused, OtherRecord, Refused, Unreachable, Unreadable
from bridge.tracker.normalize import Normalizer
from bridge.tracker.pages import Page, Row
from bridge.tracker.schema import Resource
from bridge.tracker.statuses import Statuses

_CONTROLS = 3
# A row updated within the last two seconds may change again without its last-updated time moving.
_SETTLED_AFTER = timedelta(seconds=2)


class Batch(Struct, frozen=True, kw_only=True):
    """Result of reading some pages. ``seen``: ids that exist; ``ghosts``: listed, but absent by id or marked
    deleted.

    ``pages``: the number of pages covered, from the first.
    """

    pages: int
    observations: tuple[Observation, ...]
    seen: BitMap64
    ghosts: int
    anonymous: tuple[Trouble, ...]
    absent: tuple[int, ...] = ()
    """Ids of the ghosts."""
    contested: int = 0
    """Number of rows that are in the lists of two states."""

    @property
    def empty(self) -> bool:
        """Return true if there is nothing to write."""
        return not self.observations and not self.anonymous


class Context(Struct, frozen=True, kw_only=True):
    """Everything that the reading of a row depends on besides the row, such as its list and the statuses.

    ``key`` is the key of its fingerprints: it changes whenever any of that, or the mapping, changes.
    ``reread`` reads every row again, changed or not, and ignores what is stored. ``each`` reads every record
    by id, whether or not its row changed; ``spots`` lists single ones to read so. ``places``: the agreed
    order of statuses, by id. ``loaded``: the first load is complete.
    """

    resource: Resource
    state: str | None
    key: bytes
    statuses: Statuses
    reread: bool = False
    each: bool = False
    spots: frozenset[int] = frozenset()
    places: Mapping[int, int] = MappingProxyType({})
    loaded: bool = False


class RecordReader:
    """Reads one integration's rows. Remembers between calls only what can wait to be read again."""

    def __init__(
        self,
        integration_id: str,
        db: Database,
        client: Client,
        normalizer: Normalizer,
        *,
        parallel_reads: int,
        overlap_seconds: float,
    ) -> None:
        self._id = integration_id
        self._db = db
        self._client = client
        self._normalizer = normalizer
        self._parallel_reads = parallel_reads
        self._rereads = Rereads()
        self._flagged: dict[str, BitMap64] = {}
        self.soft_deletes = SoftDeletes(integration_id, db)
        self.keys: dict[str, MappedKeys] = {
            name: MappedKeys(resource) for name, resource in client.settings.resources.items()
        }
        """Keys that records are read from, by resource."""
        self.times = RecordTimes(integration_id, db, normalizer, self.keys, overlap_seconds)

    def flagged(self, resource: str) -> BitMap64:
        """Return the rows that had a field that says deleted when a list last showed them."""
        return self._flagged.setdefault(resource, BitMap64())

    async def observe(self, context: Context, pages: Sequence[Page], most: int | None = None) -> Batch:
        """Observe the rows of these pages, or of the first pages if all need more than ``most`` by-id reads.

        Raises ``Transient`` or ``Refused`` if so many by-id reads fail that the records can't be the cause.
        """
        rows, anonymous = page_rows.rows_by_id(context.resource, pages)
        moved, ghosts = await self._moved(context, rows)
        covered = page_rows.pages_covered(context.resource, pages, [one.source.row_id for one in moved], most)
        if covered < len(pages):
            rows, anonymous = page_rows.rows_by_id(context.resource, pages[:covered])
            moved = [one for one in moved if one.source.row_id in rows]
            ghosts = [row_id for row_id in ghosts if row_id in rows]
        seen = BitMap64(rows)
        results = await self._read_all(context, moved)
        metrics.count_rows(self._id, context.resource.name, len(rows), sum(not one.spot for one in moved))
        ghosts += [m.source.row_id for m, found in zip(moved, results, strict=True) if found == "gone"]
        for row_id in ghosts:
            seen.discard(row_id)
        return Batch(
            pages=covered,
            observations=tuple(found for found in results if isinstance(found, Observation)),
            seen=seen,
            ghosts=len(ghosts),
            absent=tuple(ghosts),
            anonymous=tuple(anonymous),
            contested=sum(
                isinstance(found, Observation) and found.source.state == BY_RECORD for found in results
            ),
        )

    async def _moved(self, context: Context, rows: Mapping[int, Row]) -> tuple[list[ChangedRow], list[int]]:
        """Return the rows to read (new, changed or back), and the rows that are marked deleted.

        Unchanged and stale rows are left out.
        """
        name = context.resource.name
        keys = {row_id: _row_key(context, row) for row_id, row in rows.items()}
        quick = {i: fingerprints.fast_fingerprint(row.raw, keys[i]) for i, row in rows.items()}
        suspects = list(rows)
        if not (context.reread or context.each):
            unmoved = await row_states.quick(self._db, self._id, name, suspects, context.state)
            suspects = [i for i in suspects if unmoved.get(i) != quick[i] or i in context.spots]
        if not suspects:
            return [], []
        known = await row_states.known(self._db, self._id, name, suspects)
        moved: list[ChangedRow] = []
        absent: list[int] = []
        for row_id in suspects:
            record = rows[row_id].decode()
            self.soft_deletes.look(context.resource, record)
            full = fingerprints.fingerprint(record, keys[row_id], context.resource.volatile)
            rests = None if context.reread else self._rereads.rests(name, row_id, full)
            if self._is_flagged(context.resource, row_id, record) or rests:
                absent.append(row_id)
            elif rests is None:
                one = self._moved_row(context, rows[row_id], record, quick[row_id], full, known.get(row_id))
                moved += [] if one is None else [one]
        await self.times.remark(context.resource, moved)
        await self.soft_deletes.remark(context.resource)
        now, reread = self.server_now(), context.reread
        return await self.times.believable(context.resource, moved, now, reread=reread), absent

    def _is_flagged(self, resource: Resource, row_id: int, record: JsonObject) -> bool:
        if not resource.deleted:
            return False
        flagged = self.flagged(resource.name)
        if answers.says_deleted(resource.deleted, record, "row"):
            flagged.add(row_id)
            return True
        flagged.discard(row_id)
        return False

    def _moved_row(
        self,
        context: Context,
        row: Row,
        record: JsonObject,
        quick: bytes,
        full: bytes,
        before: RowState | None,
    ) -> ChangedRow | None:
        now, dating = self.server_now(), self._normalizer.dating
        version = _tolerant_version(self._normalizer, context.resource, record)
        later = before is not None and versions.is_later(before, version, dating, now)
        state = listed_states.of_row(context.state, before, later=later, reread=context.reread)
        ahead = version is not None and versions.is_ahead(version[0], now)
        older = (
            before is not None and version is not None and versions.is_older(before, version[1], dating, now)
        )
        spot = _is_unmoved(before, full, state) and not (context.reread or context.each)
        # A spot read finds nothing out if the row's time can't be compared.
        if spot and (int(row.remote_id) not in context.spots or ahead or older):
            return None
        settled = version is None or ahead or now - version[1] > _SETTLED_AFTER
        return ChangedRow(
            row=row,
            record=record,
            source=RowState(
                row_id=int(row.remote_id),
                quick=quick if settled else None,
                fingerprint=full if settled else None,
                version=None if version is None else versions.kept(version[0], now),
                dating=dating,
                state=state,
            ),
            fingerprint=full,
            latest=None if version is None else version[1],
            doubtful=before is not None and (before.gone or before.fingerprint is None or older),
            news=before is None or (not ahead and later),
            contested=state == BY_RECORD,
            known=before,
            older=older,
            ahead=ahead,
            spot=spot,
            live=before is not None
            and not before.gone
            and before.version is not None
            and not versions.is_comparable(before, dating, now),
        )

    def server_now(self) -> datetime:
        """Return the present time by TrackerRMS's clock, according to its last answer."""
        return utc_now() + timedelta(seconds=self._client.clock_skew_seconds or 0.0)

    async def _read_all(self, context: Context, moved: Sequence[ChangedRow]) -> list[Observation | Left]:
        failures = ReadFailures(tolerated=max(2, len(moved) // 20))
        results: list[Observation | Left] = ["gone"] * len(moved)
        waiting = iter(enumerate(moved))

        async def read(one: ChangedRow) -> Observation | Left:
            try:
                found = await self._read(context, one)
            except (Unreachable, Unreadable, Refused, CredentialsRefused) as error:
                # Only TrackerRMS's errors count: records are not to blame for store errors.
                failures.note(error)
                # An invalid answer may be all that the server gives for any record now.
                asks = failures.too_many or isinstance(error, Unreadable)
                answers = await self._answers(context, failures, moved) if asks else None
                if answers is False:
                    raise
                merged = isinstance(error, OtherRecord) and answers is True
                self._rereads.note(context.resource.name, one.source.row_id, one.fingerprint, absent=merged)
                if merged:
                    # Listed as before, but another record is returned: a sweep proves that this one is gone.
                    return "gone"
                return _unread(context.resource, one, error)
            return self._outcome(context, failures, one, found)

        async def read_on() -> None:
            for place, one in waiting:
                results[place] = await (self._look(context, failures, one) if one.spot else read(one))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._parallel_reads, len(moved))):
                    group.create_task(read_on())
        except BaseExceptionGroup as errors:
            raise _first_of(errors) from errors
        if failures.doubtful and not await self._answers(context, failures, moved):
            raise failures.trouble(context.resource.name)
        return results

    async def _look(self, context: Context, failures: ReadFailures, one: ChangedRow) -> Observation | Left:
        """Read an unchanged record as a spot check; its errors are ignored."""
        try:
            found = await self._read(context, one)
        except (Unreachable, Unreadable, Refused, CredentialsRefused):
            return "late"
        return self._outcome(context, failures, one, found)

    def _outcome(
        self,
        context: Context,
        failures: ReadFailures,
        one: ChangedRow,
        found: Observation | Left | RecordGone,
    ) -> Observation | Left:
        if not isinstance(found, RecordGone):
            failures.answered = one.source.row_id
            return found
        failures.note_gone(found)
        if found.kind == "deleted":
            self._rereads.note(context.resource.name, one.source.row_id, one.fingerprint, absent=True)
        return "gone"

    async def _answers(
        self, context: Context, failures: ReadFailures, moved: Sequence[ChangedRow]
    ) -> bool | None:
        """Report whether known records can be read by id: then the failures concern single records.

        ``None`` if no record is known. Raises the client's errors if no other answer comes.
        """
        async with failures.asking:
            if failures.server_answers is None:
                name, these = context.resource.name, [one.source.row_id for one in moved]
                row_ids = [] if failures.answered is None else [failures.answered]
                row_ids = row_ids or await row_states.some_live(self._db, self._id, name, these, _CONTROLS)
                if row_ids:
                    failures.server_answers = await paging.any_answers(self._client, name, row_ids)
            return failures.server_answers

    async def _read(self, context: Context, moved: ChangedRow) -> Observation | Left | RecordGone:
        resource = context.resource
        detail: JsonObject | None = None
        # A list may show a record that is gone, or a state from within the second of a newer change. Only a
        # by-id read is current.
        if resource.by_id is not None and (resource.details != "never" or moved.doubtful):
            answer = await paging.detail(self._client, resource.name, moved.row.remote_id)
            if isinstance(answer, RecordGone):
                return answer
            detail = answer.record
            self.soft_deletes.look(resource, detail)
        if moved.older:
            return await self._older(context, moved, detail)
        if await self._is_contested(context, moved, detail):
            moved = listed_states.contested(moved)
        found = self.observation(context, moved, detail)
        if moved.spot and detail is not None:
            return msgspec.structs.replace(found, still=self._still(context, moved, detail))
        return found

    def _still(self, context: Context, moved: ChangedRow, detail: JsonObject) -> Still:
        """Report whether an unchanged row shows the same last update as its by-id record."""
        version = _tolerant_version(self._normalizer, context.resource, None, detail)
        return "in_time" if version is not None and version[1] == moved.latest else "doubtful"

    async def _is_contested(self, context: Context, moved: ChangedRow, detail: JsonObject | None) -> bool:
        """Report whether a job's state is new, unconfirmed by its record, and contradicted by another
        list."""
        others = listed_states.others(context.resource.states, moved, loaded=context.loaded)
        if not others:
            return False
        try:
            by_list, by_record = (
                self._normalizer.job(moved.record, detail, state) for state in (context.state, None)
            )
        except Permanent:
            return False  # the error is reported when the record is normalized
        if by_list.of(Model.JOB) == by_record.of(Model.JOB):
            return False
        return await listed_states.have(self._client, context.resource.name, others, moved)

    async def _older(
        self, context: Context, moved: ChangedRow, detail: JsonObject | None
    ) -> Observation | Left:
        """Read a row that is older than what is stored: the by-id record shows whether it is right or
        late."""
        name = context.resource.name
        try:
            if detail is not None and name in WHOLE:
                version = self._normalizer.version(name, None, detail)
                family = self._family(context, None, detail)
                self._rereads.accept(name, moved.source.row_id)
                return await self.times.by_id(context.resource, moved, detail, version, family)
            agrees = detail is not None and self._agrees(context, moved, detail)
        except Permanent as error:
            return self._unreadable(context, moved, detail, error)
        old = self.times.is_old(moved, self.server_now())
        if not (agrees or old):
            return "late"
        if old:
            await self.times.went_back(context.resource, moved.source.row_id)
        found = self.observation(context, moved, detail)
        return msgspec.structs.replace(found, live=True, on_trust=not old)

    def _agrees(self, context: Context, moved: ChangedRow, detail: JsonObject) -> bool:
        """Report whether a job's by-id record agrees with its row where both have values."""
        state = listed_states.of_moved(context.state, moved)
        row = self._normalizer.job(moved.record, None, state)
        return times.agree(row, self._normalizer.job(None, detail, state))

    def observation(self, context: Context, moved: ChangedRow, detail: JsonObject | None) -> Observation:
        """Normalize the row and its by-id record. The observation has a ``Trouble`` if that fails."""
        name = context.resource.name
        try:
            family = self._family(context, moved, detail)
        except Permanent as error:
            return self._unreadable(context, moved, detail, error)
        self._rereads.accept(name, moved.source.row_id)
        return _observed(moved, family, self.keys[name].look(moved.record, detail))

    def _unreadable(
        self, context: Context, moved: ChangedRow, detail: JsonObject | None, error: Permanent
    ) -> Observation:
        if detail is None:
            return _parked(context.resource, moved, error)
        # The by-id record may become readable without a change of the row.
        self._rereads.note(context.resource.name, moved.source.row_id, moved.fingerprint, absent=False)
        return _parked(context.resource, _unkept(moved), error)

    def _family(self, context: Context, moved: ChangedRow | None, detail: JsonObject | None) -> EntitySet:
        return self._normalizer.normalize(
            context.resource.name,
            None if moved is None else moved.record,
            detail,
            state=listed_states.of_moved(context.state, moved),
            known=context.statuses,
            place=0 if moved is None else _place(context, moved.row),
        )


def _tolerant_version(
    normalizer: Normalizer, resource: Resource, record: JsonObject | None, detail: JsonObject | None = None
) -> tuple[datetime, datetime] | None:
    try:
        return normalizer.version(resource.name, record, detail)
    except Permanent:
        # An unreadable date makes the record unreadable, which is reported when it is normalized.
        return None


def _row_key(context: Context, row: Row) -> bytes:
    # A status's place in the list is part of what it yields, but no field of the row has it.
    if context.resource.name == "statuses":
        return context.key[:32] + _place(context, row).to_bytes(4, "big")
    return context.key


def _place(context: Context, row: Row) -> int:
    return context.places.get(int(row.remote_id), row.place)


def _is_unmoved(before: RowState | None, fingerprint: bytes, state: str | None) -> bool:
    if before is None or before.gone:
        return False
    return before.fingerprint == fingerprint and before.state == state


def _parked(resource: Resource, moved: ChangedRow, error: Permanent) -> Observation:
    return _observed(moved, Trouble(reason=str(error), path=resource.record_path(moved.row.remote_id)))


def _unread(resource: Resource, moved: ChangedRow, error: BridgeError) -> Observation:
    trouble = Trouble(reason=f"can't be read by id: {error}", path=resource.record_path(moved.row.remote_id))
    return _observed(_unkept(moved), trouble)


def _observed(moved: ChangedRow, found: EntitySet | Trouble, look: Look | None = None) -> Observation:
    return Observation(
        source=moved.source,
        latest=moved.latest,
        found=found,
        news=moved.news,
        live=moved.live,
        known=moved.known is not None,
        look=look,
    )


def _unkept(moved: ChangedRow) -> ChangedRow:
    """Remove the fingerprints: only accepted rows keep theirs, and the next read tries again."""
    source = msgspec.structs.replace(moved.source, quick=None, fingerprint=None)
    return msgspec.structs.replace(moved, source=source)


def _first_of(errors: BaseExceptionGroup) -> BaseException:
    """Return the single error in a group, or the group itself if it has other exceptions too."""
    ours, others = errors.split(BridgeError)
    if ours is None or others is not None:
        return errors
    first: BaseException = ours
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
