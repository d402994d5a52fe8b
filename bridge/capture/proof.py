"""Proofs of deletion: a record is deleted only when its absence is proved.

Only a complete scan yields candidates. A record that can be read by id is deleted when three such reads say
that it is gone, and before each read but the first an existing record could be read. A record that can't be
read by id must be missing from two complete scans in a row, without a flawed one in between. Too many
deletions at once are held for a person.
"""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set

from msgspec import Struct

from bridge.capture import paging
from bridge.config import CaptureConfig
from bridge.errors import BridgeError, Permanent, Throttled, Transient
from bridge.tasks import cancel_and_wait
from bridge.tracker import answers
from bridge.tracker.by_id import Detail, RecordGone
from bridge.tracker.client import Client
from bridge.tracker.errors import OtherRecord, Unreachable
from bridge.tracker.schema import DeletedRule, Resource, is_absence_status

# Below this number a percentage means nothing: three of ten users may leave on one day. All three may not.
_FEWEST_HELD = 5
_FEWEST_ALL_HELD = 3
_SAMPLE = 20
_CONTROLS = 3
# If one random answer in twenty is wrong, two reads are wrong for 1 record in 400, three for 1 in 8,000.
_CONFIRMATIONS = 2
# If a list omits records, or answers by id are not understood, at most this many are read per scan, to save
# the budget.
_LOOKED_AT = 200


class Guard(Struct, frozen=True, kw_only=True):
    """Limits on how many records may disappear at once without a person's approval."""

    count: int
    percent: float

    @classmethod
    def of(cls, config: CaptureConfig) -> "Guard":
        """Read the configured limits."""
        return cls(count=config.deletion_limit_count, percent=config.deletion_limit_percent)

    def holds(self, gone: int, known: int) -> bool:
        """Report whether ``gone`` of ``known`` records exceed the limits. At 100 percent only ``count``
        applies."""
        if gone > self.count:
            return True
        everything = gone >= known >= _FEWEST_ALL_HELD and self.percent < 100
        return everything or (gone >= _FEWEST_HELD and gone > known * self.percent / 100)


class DeletionVerdict(Struct, frozen=True, kw_only=True):
    """Result of by-id reads of records that a scan did not see.

    ``gone`` is proved. ``flaw`` says why other deletions could not be proved. ``held``: there are too many.
    ``unlisted`` are in no list but can be read by id; ``soft`` counts the fields of these that may mean
    deleted, as rules. ``merged`` maps a record to the id of the record that its read returned.
    """

    gone: tuple[int, ...] = ()
    held: bool = False
    flaw: str | None = None
    unlisted: tuple[int, ...] = ()
    soft: Mapping[str, int] = {}
    merged: Mapping[int, str] = {}


class _Reads:
    """Results of the reads of one proof, by record."""

    def __init__(self, deleted: tuple[DeletedRule, ...], flagged: Set[int]) -> None:
        self.merged: dict[int, str] = {}
        self.unlisted: set[int] = set()
        self.unread: dict[int, str] = {}
        self.soft: Counter[str] = Counter()
        self.doubtful = False
        self._deleted = deleted
        self._flagged = flagged

    def take(self, row_id: int, answer: Detail | RecordGone | OtherRecord) -> bool:
        """Record one answer. Return true if it says that the record is absent."""
        if isinstance(answer, RecordGone):
            self.doubtful = self.doubtful or not answer.sure
            return self.merged.pop(row_id, None) is None
        if isinstance(answer, OtherRecord):
            # Mixed-up answers do not always return the same record.
            self.doubtful = True
            if self.merged.setdefault(row_id, answer.other_id) == answer.other_id:
                return True
            self.unread[row_id] = str(answer)
            return False
        if row_id in self._flagged:
            # The list says that it is deleted. A by-id record without such a field does not contradict that.
            return answers.is_silent(self._deleted, answer.record)
        self.unlisted.add(row_id)
        self.soft.update(answers.soft_flags(answer.record))
        return False


class Prover:
    """Proves deletions of one integration with by-id reads."""

    def __init__(self, client: Client, guard: Guard, *, parallel_reads: int, confirm_seconds: float) -> None:
        self._client = client
        self._guard = guard
        self._parallel_reads = parallel_reads
        self._confirm_seconds = confirm_seconds

    async def prove(
        self,
        resource: Resource,
        missing: Sequence[int],
        controls: Iterable[int],
        known: int,
        *,
        approved: bool = False,
        flagged: Set[int] = frozenset(),
    ) -> DeletionVerdict:
        """Prove which of ``missing`` are gone. ``controls`` are existing records; ``known`` is their former
        number.

        ``approved``: a person has approved the deletions, however many. If no record is left as a control,
        approval is required and sufficient. ``flagged`` records are in a list with a field that says deleted.
        A record whose read fails is not proved gone. If every read fails, and those of the controls too,
        raises the client's error.
        """
        present = tuple(itertools.islice(controls, _CONTROLS))
        reads = _Reads(resource.deleted or (), flagged)
        suspects, held, flaw = await self._suspects(
            resource, missing, present, known, reads, approved=approved
        )
        if held or (suspects and not present and not approved):
            return DeletionVerdict(held=True)
        left = 1 if approved else _CONFIRMATIONS
        if reads.doubtful:
            # Servers in trouble also answer that a record is gone.
            left += 1
        while suspects and left:
            # An existing record must be readable between two reads: no burst of wrong answers spans that.
            if present and not await paging.any_answers(self._client, resource.name, present):
                said = f"by id, existing {resource.name} are reported gone too"
                return DeletionVerdict(flaw=f"{said}: set paths.{resource.name}_by_id, or correct absence")
            await asyncio.sleep(self._confirm_seconds)
            suspects = await self._gone(resource, suspects, present, reads)
            left -= 1
        return DeletionVerdict(
            gone=tuple(suspects),
            flaw=flaw or _unread(resource, reads),
            unlisted=tuple(sorted(reads.unlisted)),
            soft=reads.soft,
            merged={row_id: other for row_id, other in reads.merged.items() if row_id in suspects},
        )

    async def _suspects(
        self,
        resource: Resource,
        missing: Sequence[int],
        present: Sequence[int],
        known: int,
        reads: _Reads,
        *,
        approved: bool,
    ) -> tuple[list[int], bool, str | None]:
        """Read each record once. Return those that are gone, whether they are too many, and a flaw of the
        list."""
        # In random order: a list that always omits the same records must not hide the others forever.
        mixed = random.sample(missing, len(missing))
        suspects: list[int] = []
        flaw: str | None = None
        for start in range(0, len(mixed), _SAMPLE):
            part = mixed[start : start + _SAMPLE]
            gone = await self._gone(resource, part, present, reads)
            suspects += gone
            if not approved and self._guard.holds(len(suspects), known):
                return [], True, None
            if approved or len(mixed) <= _SAMPLE:
                continue
            there = [row_id for row_id in part if row_id in reads.unlisted]
            if start == 0 and len(there) > len(part) / 2:
                flaw = f"the list omitted existing records ({len(there)} of {len(part)})"
            if (flaw or reads.unread) and start + _SAMPLE >= _LOOKED_AT:
                break
        return suspects, False, flaw

    async def _gone(
        self, resource: Resource, row_ids: Sequence[int], present: Sequence[int], reads: _Reads
    ) -> list[int]:
        slots = asyncio.Semaphore(self._parallel_reads)
        failures: list[BridgeError] = []

        async def gone(row_id: int) -> bool:
            async with slots:
                try:
                    return reads.take(row_id, await paging.detail(self._client, resource.name, str(row_id)))
                except Throttled:
                    raise
                except OtherRecord as other:
                    return reads.take(row_id, other)
                except (Transient, Permanent) as error:
                    reads.unread[row_id] = f"{error}{_cure(error)}"
                    failures.append(error)
                    return False

        tasks = [asyncio.create_task(gone(row_id)) for row_id in row_ids]
        try:
            said = await asyncio.gather(*tasks)
        finally:
            # After one failure the other answers are useless: spend no requests on them.
            await cancel_and_wait(*tasks)
        # An unreadable record must not prevent the deletion of others; an unreachable server must.
        all_failed = failures and len(failures) == len(row_ids)
        if all_failed and not await paging.any_answers(self._client, resource.name, present):
            raise failures[0]
        return [row_id for row_id, is_gone in zip(row_ids, said, strict=True) if is_gone]


def _cure(error: BridgeError) -> str:
    """Return the key to set if the error's status may be this account's way to say that a record is
    absent."""
    if not isinstance(error, Unreachable) or error.status is None or not is_absence_status(error.status):
        return ""
    return f"; if ids that do not exist are answered so, add {error.status} to absence.statuses"


def _unread(resource: Resource, reads: _Reads) -> str | None:
    """Return why some unlisted records remain undecided: the first reason, which says what to set."""
    if not reads.unread:
        return None
    first = next(iter(reads.unread.values()))
    count = len(reads.unread)
    return f"can't determine whether {count} unlisted {resource.name} exist: {first}"
