"""Deletion is proved, not assumed.

Candidates come only from a complete scan. A record that can be read by id is deleted when three such reads,
with the read of a record that exists before each but the first, say that it is gone; one that can't be must
be missing from two complete scans in a row, with none that went wrong between. Too many at once
are held for a person's word.
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

# Below this many, a percentage says nothing: three of ten users may well go on one day. All of three may not.
_FEWEST_HELD = 5
_FEWEST_ALL_HELD = 3
_SAMPLE = 20
_CONTROLS = 3
# One wrong answer in twenty, at random, would fake two reads of 1 record in 400, and three of 1 in 8,000.
_CONFIRMATIONS = 2
# Of a list that leaves out records, or of ids whose answers are not understood, this many are looked at per
# scan: the rest is the budget's.
_LOOKED_AT = 200


class Guard(Struct, frozen=True, kw_only=True):
    """How many records may disappear at once without a person's word."""

    count: int
    percent: float

    @classmethod
    def of(cls, config: CaptureConfig) -> "Guard":
        """The configured limits."""
        return cls(count=config.deletion_limit_count, percent=config.deletion_limit_percent)

    def holds(self, gone: int, known: int) -> bool:
        """Whether ``gone`` of ``known`` records are too many to believe; 100 percent: only ``count`` says."""
        if gone > self.count:
            return True
        everything = gone >= known >= _FEWEST_ALL_HELD and self.percent < 100
        return everything or (gone >= _FEWEST_HELD and gone > known * self.percent / 100)


class DeletionVerdict(Struct, frozen=True, kw_only=True):
    """What by-id reads said of records that a scan did not see.

    ``gone`` is proved. ``flaw`` says why not all that is gone could be; ``held``, that there are too many.
    ``unlisted`` are in no list and yet read by id; ``soft`` counts their fields that look as if they said
    deleted, as rules. ``merged``: by id they are answered with another record, whose id this is.
    """

    gone: tuple[int, ...] = ()
    held: bool = False
    flaw: str | None = None
    unlisted: tuple[int, ...] = ()
    soft: Mapping[str, int] = {}
    merged: Mapping[int, str] = {}


class _Reads:
    """What the reads of one proof came to, record by record."""

    def __init__(self, deleted: tuple[DeletedRule, ...], flagged: Set[int]) -> None:
        self.merged: dict[int, str] = {}
        self.unlisted: set[int] = set()
        self.unread: dict[int, str] = {}
        self.soft: Counter[str] = Counter()
        self.doubtful = False
        self._deleted = deleted
        self._flagged = flagged

    def take(self, row_id: int, answer: Detail | RecordGone | OtherRecord) -> bool:
        """Note one answer; return whether it says that the record is not there."""
        if isinstance(answer, RecordGone):
            self.doubtful = self.doubtful or not answer.sure
            return self.merged.pop(row_id, None) is None
        if isinstance(answer, OtherRecord):
            # Mixed-up answers are not always of the same record.
            self.doubtful = True
            if self.merged.setdefault(row_id, answer.other_id) == answer.other_id:
                return True
            self.unread[row_id] = str(answer)
            return False
        if row_id in self._flagged:
            # The list says that it is deleted; a by-id record that has no such field does not deny it.
            return answers.is_silent(self._deleted, answer.record)
        self.unlisted.add(row_id)
        self.soft.update(answers.soft_flags(answer.record))
        return False


class Prover:
    """Proves deletions of one integration by reading by id."""

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
        """Which of ``missing`` are gone. ``controls`` are records that exist; ``known``, how many did.

        ``approved``: a person has already said yes to however many. Where no record is left to be a control
        that word is needed, and is enough. ``flagged`` stand in a list, with a field that says deleted. A
        record whose read fails is not proved gone; where every read fails and the controls' too, raises what
        the client raises.
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
            # Trouble is answered so as well.
            left += 1
        while suspects and left:
            # Between any two reads of each stands one that answered: no burst of wrong answers spans that.
            if present and not await paging.any_answers(self._client, resource.name, present):
                said = f"{resource.name} that exist are answered as gone by id too"
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
        """The first read of each: who is gone by it, whether they are too many, and a list's flaw."""
        # In no order: a list that always leaves the same ones out must not hide the others for ever.
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
                flaw = f"the list left out records that exist ({len(there)} of {len(part)})"
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
            # After one failure the others' answers are of no use: spend no requests on them.
            await cancel_and_wait(*tasks)
        # A record that can't be read must not keep the others from being deleted; a server that is down must.
        all_failed = failures and len(failures) == len(row_ids)
        if all_failed and not await paging.any_answers(self._client, resource.name, present):
            raise failures[0]
        return [row_id for row_id, is_gone in zip(row_ids, said, strict=True) if is_gone]


def _cure(error: BridgeError) -> str:
    """What to set, where the error itself can't know that it may be this account's word for absence."""
    if not isinstance(error, Unreachable) or error.status is None or not is_absence_status(error.status):
        return ""
    return f"; if ids that do not exist are answered so, add {error.status} to absence.statuses"


def _unread(resource: Resource, reads: _Reads) -> str | None:
    """Why not all that is in no list could be told: the first reason, which says what to set."""
    if not reads.unread:
        return None
    first = next(iter(reads.unread.values()))
    return f"of {len(reads.unread)} {resource.name} in no list it can't be told whether they exist: {first}"
