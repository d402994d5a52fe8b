"""List rows become observations: what has not moved is passed over, what has is read and normalised."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import assert_never

import msgspec
from msgspec import Struct
from pyroaring import BitMap64

from bridge import metrics
from bridge.capture import paging
from bridge.capture.changes import Observation, Trouble
from bridge.errors import BridgeError, Permanent
from bridge.store import sources
from bridge.store.database import Database
from bridge.store.records import BY_RECORD, Source
from bridge.tracker import fingerprints
from bridge.tracker.client import Client, Gone, utc_now
from bridge.tracker.families import Family
from bridge.tracker.normalise import Normaliser
from bridge.tracker.pages import Page, Row
from bridge.tracker.problems import CredentialsRefused, Refused, TooLarge, Unreachable, Unreadable
from bridge.tracker.reading import Record
from bridge.tracker.shapes import Resource
from bridge.tracker.statuses import Statuses

_MAX_ROW_ID = 2**63 - 1
# A row updated within the last two seconds may change again without its last-updated time moving.
_SETTLED_AFTER = timedelta(seconds=2)


class Batch(Struct, frozen=True, kw_only=True):
    """What a run of pages came to. ``seen``: the ids that exist; ``ghosts``: listed, yet gone by id."""

    observations: tuple[Observation, ...]
    seen: BitMap64
    ghosts: int
    anonymous: tuple[Trouble, ...]
    contested: int = 0
    """Rows that stand in the lists of two states."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.observations and not self.anonymous


class Context(Struct, frozen=True, kw_only=True):
    """What reading a row depends on besides the row: the list it stands in and the tenant's statuses.

    ``key`` keys its fingerprints: it differs whenever any of that, or the mapping, does. ``reread`` reads
    every row anew, whether it moved or not. ``places``: where statuses stand, by id, as reads have agreed.
    """

    resource: Resource
    state: str | None
    key: bytes
    statuses: Statuses
    reread: bool = False
    places: Mapping[int, int] = MappingProxyType({})


class Moved(Struct, frozen=True, kw_only=True, gc=False):
    """A row to read: the source it will become, and whether the list alone can not be trusted with it."""

    row: Row
    record: Record
    source: Source
    latest: datetime | None
    doubtful: bool
    news: bool
    contested: bool = False


class Rows:
    """Reads one integration's rows; holds no state between calls."""

    def __init__(
        self,
        integration_id: str,
        db: Database,
        client: Client,
        normaliser: Normaliser,
        *,
        parallel_reads: int,
    ) -> None:
        self._id = integration_id
        self._db = db
        self._client = client
        self._normaliser = normaliser
        self._parallel_reads = parallel_reads

    async def observe(self, context: Context, pages: Sequence[Page]) -> Batch:
        """What the rows of these pages came to.

        Raises ``Transient`` or ``Refused`` when by-id reads fail too often for it to be the records' fault.
        """
        rows, anonymous = _identified(context.resource, pages)
        seen = BitMap64(rows)
        moved = await self._moved(context, rows)
        results = await self._read_all(context, moved)
        metrics.count_rows(self._id, context.resource.name, len(rows), len(moved))
        ghosts = [m.source.row_id for m, found in zip(moved, results, strict=True) if found is None]
        for row_id in ghosts:
            seen.discard(row_id)
        return Batch(
            observations=tuple(found for found in results if found is not None),
            seen=seen,
            ghosts=len(ghosts),
            anonymous=tuple(anonymous),
            contested=sum(one.contested for one in moved),
        )

    async def _moved(self, context: Context, rows: Mapping[int, Row]) -> list[Moved]:
        """The rows to read: new, moved, or come back. What is unmoved or stale is left out."""
        name = context.resource.name
        keys = {row_id: _row_key(context, row) for row_id, row in rows.items()}
        quick = {i: fingerprints.fast_fingerprint(row.raw, keys[i]) for i, row in rows.items()}
        suspects = list(rows)
        if not context.reread:
            unmoved = await sources.quick(self._db, self._id, name, suspects, context.state)
            suspects = [i for i in suspects if unmoved.get(i) != quick[i]]
        if not suspects:
            return []
        known = await sources.known(self._db, self._id, name, suspects)
        candidates = [self._moved_row(context, rows[i], i, quick[i], keys[i], known.get(i)) for i in suspects]
        return [moved for moved in candidates if moved is not None]

    def _moved_row(
        self, context: Context, row: Row, row_id: int, quick: bytes, key: bytes, before: Source | None
    ) -> Moved | None:
        record = row.decode()
        full = fingerprints.fingerprint(record, key, context.resource.volatile)
        version = _tolerant_version(self._normaliser, context.resource, record)
        state = _state(context, before, version)
        if before is not None and not before.gone:
            if before.fingerprint == full and before.state == state and not context.reread:
                return None
            if version is not None and before.version is not None and version[1] < before.version:
                return None
        settled = version is None or self.server_now() - version[1] > _SETTLED_AFTER
        source = Source(
            row_id=row_id,
            quick=quick if settled else None,
            fingerprint=full if settled else None,
            version=None if version is None else version[0],
            state=state,
        )
        return Moved(
            row=row,
            record=record,
            source=source,
            latest=None if version is None else version[1],
            doubtful=before is not None and (before.gone or before.fingerprint is None),
            news=before is None or _is_later(version, before),
            contested=state == BY_RECORD,
        )

    def server_now(self) -> datetime:
        """The moment by TrackerRMS's clock, as far as its last answer told."""
        return utc_now() + timedelta(seconds=self._client.clock_skew_seconds or 0.0)

    async def _read_all(self, context: Context, moved: Sequence[Moved]) -> list[Observation | None]:
        failures = _Failures(tolerated=max(2, len(moved) // 20))
        results: list[Observation | None] = [None] * len(moved)
        waiting = iter(enumerate(moved))

        async def read(one: Moved) -> Observation | None:
            try:
                found = await self._read(context, one)
            except (Unreachable, Unreadable, Refused, CredentialsRefused) as error:
                # Of TrackerRMS alone: trouble with the store, asked for the budget, is no record's fault.
                failures.note(error)
                if failures.too_many and await self._answers(context, failures, moved) is False:
                    raise
                return _unread(context.resource, one, error)
            if found is not None:
                failures.answered = one.source.row_id
            return found

        async def read_on() -> None:
            for place, one in waiting:
                results[place] = await read(one)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._parallel_reads, len(moved))):
                    group.create_task(read_on())
        except BaseExceptionGroup as errors:
            raise _first_of(errors) from errors
        if failures.too_many and not await self._answers(context, failures, moved):
            raise failures.first
        return results

    async def _answers(self, context: Context, failures: "_Failures", moved: Sequence[Moved]) -> bool | None:
        """Whether the server gives by id what it gave before: then the failures are the records' own.

        ``None`` while there is nothing that it gave before.
        """
        async with failures.asking:
            if failures.server_answers is None:
                name, these = context.resource.name, [one.source.row_id for one in moved]
                row_ids = [] if failures.answered is None else [failures.answered]
                row_ids = row_ids or await sources.some_live(self._db, self._id, name, these, 1)
                answers = [await paging.detail(self._client, name, str(row_id)) for row_id in row_ids]
                if answers:
                    failures.server_answers = any(not isinstance(answer, Gone) for answer in answers)
            return failures.server_answers

    async def _read(self, context: Context, moved: Moved) -> Observation | None:
        resource = context.resource
        detail: Record | None = None
        # A list may still show what is gone, or what was within the second of a newer change: only a by-id
        # read is live.
        if resource.by_id is not None and (resource.details != "never" or moved.doubtful):
            try:
                answer = await paging.detail(self._client, resource.name, moved.row.remote_id)
            except TooLarge as error:
                return _parked(resource, moved, error)
            if isinstance(answer, Gone):
                return None
            detail = answer.record
        return self.observation(context, moved, detail)

    def observation(self, context: Context, moved: Moved, detail: Record | None) -> Observation:
        """The row and its by-id record, normalised; ``Trouble`` where they can't be."""
        try:
            family = self._family(context, moved, detail)
        except Permanent as error:
            return _parked(context.resource, moved, error)
        return _observed(moved, family)

    def _family(self, context: Context, moved: Moved, detail: Record | None) -> Family:
        record = moved.record
        match context.resource.name:
            case "users":
                return self._normaliser.user(record)
            case "statuses":
                return self._normaliser.status(record, _place(context, moved.row))
            case "jobs":
                return self._normaliser.job(record, detail, None if moved.contested else context.state)
            case "candidates":
                return self._normaliser.candidate(record, detail)
            case "applications":
                return self._normaliser.application(record, context.statuses, detail)
            case unreachable:
                assert_never(unreachable)


def _tolerant_version(
    normaliser: Normaliser, resource: Resource, record: Record
) -> tuple[datetime, datetime] | None:
    try:
        return normaliser.version(resource.name, record)
    except Permanent:
        # An unreadable date makes the whole record unreadable, which is reported when it is normalised.
        return None


def _identified(resource: Resource, pages: Sequence[Page]) -> tuple[dict[int, Row], list[Trouble]]:
    """The rows by id (of a row on two pages, the later one), and what has no usable id."""
    rows: dict[int, Row] = {}
    troubles = []
    for page in pages:
        for row in page.rows:
            row_id = int(row.remote_id)
            if row_id <= _MAX_ROW_ID:
                rows[row_id] = row
            else:
                troubles.append(_anonymous(resource, page, row.place, "its id is out of range"))
        troubles += [_anonymous(resource, page, bad.place, bad.reason) for bad in page.bad_rows]
    return rows, troubles


def _anonymous(resource: Resource, page: Page, place: int, reason: str) -> Trouble:
    return Trouble(
        reason=f"{resource.entity} row: {reason}", path=f"{resource.list.path}#page={page.number},row={place}"
    )


def _row_key(context: Context, row: Row) -> bytes:
    # A status's place in the list is part of what it yields, and stands in no field of the row.
    if context.resource.name == "statuses":
        return context.key[:32] + _place(context, row).to_bytes(4, "big")
    return context.key


def _place(context: Context, row: Row) -> int:
    return context.places.get(int(row.remote_id), row.place)


def _state(context: Context, before: Source | None, version: tuple[datetime, datetime] | None) -> str | None:
    """The state that a row's list says, or ``BY_RECORD`` where another list says another of the same version.

    A list runs behind: of two that disagree, the later version is right. A row that was read within a moment
    of its change has none to compare. Once contested, it stays so until a resync.
    """
    if context.state is None or before is None or before.gone:
        return context.state
    if before.state == BY_RECORD:
        return context.state if context.reread else BY_RECORD
    moved = before.fingerprint is None or before.state in (None, context.state) or _is_later(version, before)
    return context.state if moved else BY_RECORD


def _is_later(version: tuple[datetime, datetime] | None, before: Source) -> bool:
    return version is not None and not before.gone and (before.version is None or version[0] > before.version)


def _path(resource: Resource, moved: Moved) -> str:
    call = resource.by_id or resource.list
    return call.filled(id=moved.row.remote_id)


def _parked(resource: Resource, moved: Moved, error: Permanent) -> Observation:
    return _observed(moved, Trouble(reason=str(error), path=_path(resource, moved)))


def _unread(resource: Resource, moved: Moved, error: BridgeError) -> Observation:
    # No fingerprint: the next sight of the row tries again.
    source = msgspec.structs.replace(moved.source, quick=None, fingerprint=None)
    trouble = Trouble(reason=f"can't be read by id: {error}", path=_path(resource, moved))
    return _observed(msgspec.structs.replace(moved, source=source), trouble)


def _observed(moved: Moved, found: Family | Trouble) -> Observation:
    return Observation(source=moved.source, latest=moved.latest, found=found, news=moved.news)


class _Failures:
    """By-id reads of one batch that failed. With a few records it is theirs; with many, the server's."""

    def __init__(self, tolerated: int) -> None:
        self.asking = asyncio.Lock()
        self.server_answers: bool | None = None
        self.answered: int | None = None
        self._tolerated = tolerated
        self._noted: list[BridgeError] = []
        self._access = False

    def note(self, error: BridgeError) -> None:
        """Count one more."""
        self._noted.append(error)
        self._access = self._access or isinstance(error, CredentialsRefused)

    @property
    def too_many(self) -> bool:
        """Whether there are too many to be put down to the records unasked; a refused token is at once."""
        return self._access or len(self._noted) > self._tolerated

    @property
    def first(self) -> BridgeError:
        """The first of them."""
        return self._noted[0]


def _first_of(errors: BaseExceptionGroup) -> BaseException:
    """The one trouble behind a group of them; the group itself where anything else is among them."""
    ours, others = errors.split(BridgeError)
    if ours is None or others is not None:
        return errors
    first: BaseException = ours
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
