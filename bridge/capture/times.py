"""What to make of rows whose last-updated time went back, or lies in the future; each is said.

A late index shows what is older than known, and is not believed. What every index has to show by now is read
by id, which is live: then the record's time has gone back, and it is taken as it is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
import structlog
from trackerrms_contracts.entities import Job, Model

from bridge.capture import versions
from bridge.capture.drift import MappedKeys
from bridge.capture.observations import WHOLE, ChangedRow, Observation
from bridge.json_types import JsonObject
from bridge.store import cursors, remarks
from bridge.store.database import Database
from bridge.store.stored_records import RowState
from bridge.tracker.entity_set import EntitySet
from bridge.tracker.normalize import Normalizer
from bridge.tracker.schema import Resource

_log = structlog.get_logger(__name__)
FUTURE, WENT_BACK, OLDER = "future_time", "time_went_back", "older_rows"
TOLD_BY_ID = frozenset({"name", "employment_type", "category", "location"})
"""Fields of a job that its by-id record tells as well as its row."""
_COMPARED = ("name", "employment_type", "category", "salary_amount_from", "salary_amount_to", "salary_period")


class RecordTimes:
    """The times of one integration's records."""

    def __init__(
        self,
        integration_id: str,
        db: Database,
        normalizer: Normalizer,
        keys: Mapping[str, MappedKeys],
        overlap_seconds: float,
    ) -> None:
        self._id = integration_id
        self._db = db
        self._normalizer = normalizer
        self._keys = keys
        self._overlap_seconds = overlap_seconds
        self._noted: dict[str, set[str]] = {}

    async def remark(self, resource: Resource, moved: Sequence[ChangedRow]) -> None:
        """Say which rows have a time in the future, and how many were dated under another time zone."""
        ahead = [one for one in moved if one.ahead]
        if ahead:
            await self._note(
                resource,
                FUTURE,
                f"{len(ahead)} records say that they were last updated in the future, such as "
                f"{ahead[0].row.remote_id}; that time is passed over. If all that change do, correct "
                f"time_zone of the integration {self._id}",
                len(ahead),
            )
        dating = self._normalizer.dating
        redated = sum(1 for m in moved if m.known is not None and m.known.dating not in (None, dating))
        if redated:
            _log.info("records.redated", integration=self._id, resource=resource.name, records=redated)

    async def believable(
        self, resource: Resource, moved: Sequence[ChangedRow], now: datetime, *, reread: bool
    ) -> list[ChangedRow]:
        """Without the rows that a late index may show: those that are older than what is stored and young.

        ``reread``: a resync, which asks the records that can tell.
        """
        if (reread and resource.name in WHOLE) or not any(one.older for one in moved):
            # What tells its time by id needs no index.
            return list(moved)
        cursor = await cursors.load_cursor(self._db, self._id, resource.name)
        lag = max(cursor.longest_lag_seconds, self._overlap_seconds)
        return [
            one
            for one in moved
            if not one.older or (one.known is not None and versions.outlived(one.known, lag, now))
        ]

    async def by_id(
        self,
        resource: Resource,
        moved: ChangedRow,
        detail: JsonObject,
        version: tuple[datetime, datetime] | None,
        family: EntitySet,
    ) -> Observation:
        """An older row's record as it is now, told by id alone; the row may be late all the same."""
        row, known = moved.source, moved.known
        source = row
        late = version is not None and known is not None and not _is_before(version[1], known)
        if late or version is None:
            # The next sight of the row leads to a new read: what it shows is not what was read.
            source = msgspec.structs.replace(row, quick=None, fingerprint=None)
        if version is not None:
            source = msgspec.structs.replace(source, version=version[0])
        if not late:
            await self.went_back(resource, moved.source.row_id)
        return Observation(
            source=source,
            latest=None if version is None else version[1],
            found=family,
            news=False,
            live=True,
            look=self._keys[resource.name].look(None, detail),
        )

    def is_old(self, moved: ChangedRow, now: datetime) -> bool:
        """Whether an older row is taken although no by-id record tells its time: no index is that late."""
        longest = versions.LONGEST_LAG.total_seconds()
        return moved.known is not None and versions.outlived(moved.known, longest, now)

    async def forget(self, resource: Resource) -> None:
        """A scan has read everything: forget the remarks that it had no cause for."""
        noted = self._noted.pop(resource.name, set())
        await remarks.clear(self._db, self._id, resource.name, *({FUTURE, WENT_BACK, OLDER} - noted))

    async def went_back(self, resource: Resource, row_id: int) -> None:
        """Say that a record is taken as it is although it is older than it was."""
        await self._note(
            resource,
            WENT_BACK,
            f"records were last updated before the time known of them, such as {row_id}; they "
            "are taken as they are now. A restored TrackerRMS does so; an index that is days late may: then "
            "raise capture.overlap_seconds",
            1,
        )

    async def doubted(self, resource: Resource, row_id: int) -> None:
        """Say that an older row is not believed, for nothing but the row tells that it is true."""
        await self._note(
            resource,
            OLDER,
            f"{resource.name} are listed as they were before what was published, such as {row_id}, and their "
            "own records do not tell which is true; they stay as published until an index can't be that late "
            "any more, a day after their change. If TrackerRMS was restored: bridge resync after that day",
            1,
        )

    async def _note(self, resource: Resource, code: str, text: str, count: int) -> None:
        self._noted.setdefault(resource.name, set()).add(code)
        await remarks.add_remark(self._db, self._id, resource.name, code, text, count)


def agree(row: EntitySet, detail: EntitySet) -> bool:
    """Whether a job's row and its by-id record say the same, where both say something."""
    one, other = _job(row), _job(detail)
    pairs = [(getattr(one, name), getattr(other, name)) for name in _COMPARED]
    if one.location and other.location:
        pairs += [(one.location.raw, other.location.raw), (one.location.city, other.location.city)]
    team = [{m.remote_id for m in f.of(Model.JOB_HIRING_TEAM_MEMBER)} for f in (row, detail)]
    adverts = [len(f.of(Model.JOB_POSTING)) for f in (row, detail)]
    return (
        all(a == b for a, b in pairs if a is not None and b is not None)
        and team[0] == team[1]
        and adverts[0] == adverts[1]
    )


def _job(family: EntitySet) -> Job:
    (member,) = family.of(Model.JOB)
    if not isinstance(member.record, Job):
        raise TypeError("a job's family has a job")
    return member.record


def _is_before(latest: datetime, known: RowState) -> bool:
    return known.version is not None and latest < known.version
