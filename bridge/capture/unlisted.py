"""Unlisted records: they are in no list but can be read by id. They are counted, and read ever more
rarely."""

from collections.abc import Mapping

import structlog
from pyroaring import BitMap64

from bridge.capture.proof import DeletionVerdict
from bridge.store import leases, remarks, unlisted
from bridge.store.database import Database
from bridge.store.leases import Lease
from bridge.tracker.schema import Resource

_log = structlog.get_logger(__name__)
UNLISTED = "unlisted_records"
# With the default sweep interval: after half an hour twice, then an hour, … up to four hours.
_MOST_SWEEPS_APART = 8
_LOOKED_AT = 200


class Unlisted:
    """Unlisted records of one resource. Due times are in memory: a restart reads all of them again."""

    def __init__(self, db: Database, lease: Lease, integration_id: str, resource: Resource) -> None:
        self._db = db
        self._lease = lease
        self._id = integration_id
        self._resource = resource
        self._apart: dict[int, int] = {}
        self._left: dict[int, int] = {}

    async def resting(self, missing: BitMap64) -> BitMap64:
        """Return those of ``missing`` that are known to exist and need not be read in this sweep."""
        known = missing & BitMap64(await unlisted.load_unlisted(self._db, self._id, self._resource.name))
        # Longest unread first.
        due = sorted((row_id for row_id in known if self._count_down(row_id) <= 0), key=self._overdue)
        return known - BitMap64(due[:_LOOKED_AT])

    def _count_down(self, row_id: int) -> int:
        self._left[row_id] = self._left.get(row_id, 1) - 1
        return self._left[row_id]

    def _overdue(self, row_id: int) -> int:
        return self._left[row_id]

    async def note(self, verdict: DeletionVerdict, missing: BitMap64) -> None:
        """Store and remark on what this sweep found. ``missing`` is everything that it did not see."""
        name = self._resource.name
        known = BitMap64(await unlisted.load_unlisted(self._db, self._id, name))
        found, gone = BitMap64(verdict.unlisted), BitMap64(verdict.gone)
        over = (known - missing) | (known & gone)
        for row_id in found:
            self._apart[row_id] = (
                min(2 * self._apart[row_id], _MOST_SWEEPS_APART) if row_id in self._apart else 1
            )
            self._left[row_id] = self._apart[row_id]
        for row_id in over:
            self._apart.pop(row_id, None)
            self._left.pop(row_id, None)
        # A list that changes while it is read may omit a row too, so one observation proves nothing.
        settled = known - over
        if not known and not found:
            return
        async with leases.fenced(self._db, self._lease) as tx:
            await unlisted.update_unlisted(tx, self._id, name, found=list(found), over=list(over))
            if found & known:
                await remarks.add_remark(
                    tx, self._id, name, UNLISTED, self._remark(len(settled), verdict.soft)
                )
            if not settled:
                await remarks.clear(tx, self._id, name, UNLISTED)
        if found or over:
            _log.info("records.unlisted", integration=self._id, resource=name, records=len(settled))

    def _remark(self, count: int, soft: Mapping[str, int]) -> str:
        name = self._resource.name
        text = (
            f"{count} records are in no list and can be read by id; they are kept, but their changes are not "
            "seen"
        )
        if not soft:
            return (
                f"{text}. If that means deleted, set the field that says so in "
                f'[integrations.tracker.deleted], such as {name} = "active=n"'
            )
        rules = sorted(soft, key=lambda rule: (-soft[rule], rule))[:3]
        examples = ", ".join(f"{soft[rule]} with {rule}" for rule in rules)
        return (
            f"{text}; {examples}. If that means deleted, set in [integrations.tracker.deleted] "
            f'{name} = "{rules[0]}"'
        )
