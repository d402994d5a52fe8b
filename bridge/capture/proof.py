"""Deletion is proved, not assumed.

Candidates come only from a complete scan. A record that can be read by id is deleted when three such reads,
with the read of a record that exists before each but the first, say that it is gone; one that can't be must
be missing from two complete scans in a row, with none that went wrong between. Too many at once
are held for a person's word.
"""

import asyncio
import itertools
import random
from collections.abc import Iterable, Sequence

from msgspec import Struct

from bridge.capture import paging
from bridge.config import CaptureConfig
from bridge.errors import BridgeError, Permanent, Throttled, Transient
from bridge.tracker.client import Client, Gone
from bridge.tracker.shapes import Resource

# Below this many, a percentage says nothing: three of ten users may well go on one day. All of three may not.
_FEWEST_HELD = 5
_FEWEST_ALL_HELD = 3
_SAMPLE = 20
_CONTROLS = 3
# One wrong answer in twenty, at random, would fake two reads of 1 record in 400, and three of 1 in 8,000.
_CONFIRMATIONS = 2
# Of a list that leaves out records, this many are looked at per scan: the rest is the budget's.
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


class Verdict(Struct, frozen=True, kw_only=True):
    """What by-id reads said of records that a scan did not see.

    ``gone`` is proved. ``flaw`` says why not all that is gone could be; ``held``, that there are too many.
    """

    gone: tuple[int, ...] = ()
    held: bool = False
    flaw: str | None = None


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
    ) -> Verdict:
        """Which of ``missing`` are gone. ``controls`` are records that exist; ``known``, how many did.

        ``approved``: a person has already said yes to however many. Where no record is left to be a control
        that word is needed, and is enough. A record whose read fails is not proved gone; where every read
        fails and the controls' too, raises what the client raises.
        """
        present = tuple(itertools.islice(controls, _CONTROLS))
        suspects, held, flaw = await self._suspects(resource, missing, present, known, approved=approved)
        if held or (suspects and not present and not approved):
            return Verdict(held=True)
        for _ in range(1 if approved else _CONFIRMATIONS):
            if not suspects:
                break
            # Between any two reads of each stands one that answered: no burst of wrong answers spans that.
            if present and not await self._control(resource, present):
                return Verdict(flaw="records that exist are answered as gone by id too")
            await asyncio.sleep(self._confirm_seconds)
            suspects = await self._gone(resource, suspects, present)
        return Verdict(gone=tuple(suspects), flaw=flaw)

    async def _suspects(
        self,
        resource: Resource,
        missing: Sequence[int],
        present: Sequence[int],
        known: int,
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
            gone = await self._gone(resource, part, present)
            suspects += gone
            if not approved and self._guard.holds(len(suspects), known):
                return [], True, None
            if approved or len(mixed) <= _SAMPLE:
                continue
            if start == 0 and len(gone) < len(part) / 2:
                flaw = f"the list left out records that exist ({len(part) - len(gone)} of {len(part)})"
            if flaw and start + _SAMPLE >= _LOOKED_AT:
                break
        return suspects, False, flaw

    async def _gone(self, resource: Resource, row_ids: Sequence[int], present: Sequence[int]) -> list[int]:
        slots = asyncio.Semaphore(self._parallel_reads)
        failures: list[BridgeError] = []

        async def gone(row_id: int) -> bool:
            async with slots:
                try:
                    return isinstance(await paging.detail(self._client, resource.name, str(row_id)), Gone)
                except Throttled:
                    raise
                except (Transient, Permanent) as error:
                    failures.append(error)
                    return False

        reads = [asyncio.create_task(gone(row_id)) for row_id in row_ids]
        try:
            answers = await asyncio.gather(*reads)
        finally:
            # After one failure the others' answers are of no use: spend no requests on them.
            for read in reads:
                read.cancel()
            await asyncio.gather(*reads, return_exceptions=True)
        # A record that can't be read must not keep the others from being deleted; a server that is down must.
        if failures and len(failures) == len(row_ids) and not await self._control(resource, present):
            raise failures[0]
        return [row_id for row_id, answer in zip(row_ids, answers, strict=True) if answer]

    async def _control(self, resource: Resource, row_ids: Iterable[int]) -> bool:
        for row_id in row_ids:
            if not isinstance(await paging.detail(self._client, resource.name, str(row_id)), Gone):
                return True
        return False
