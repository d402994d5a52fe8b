"""Deletion is proved, not assumed.

Candidates come only from a complete scan. A record that can be read by id is deleted when two such reads,
with the read of a record that exists between them, say that it is gone; one that can't be must be missing
from two complete scans in a row. Too many at once are held for a person's word.
"""

import asyncio
import itertools
from collections.abc import Iterable, Sequence

from msgspec import Struct

from bridge.config import CaptureConfig
from bridge.tracker.client import Client, Gone
from bridge.tracker.shapes import Resource

# Below this many, a percentage says nothing: three of ten users may well go on one day. All of three may not.
_FEWEST_HELD = 5
_FEWEST_ALL_HELD = 3
_SAMPLE = 20
_CONTROLS = 3


class Guard(Struct, frozen=True, kw_only=True):
    """How many records may disappear at once without a person's word."""

    count: int
    percent: float

    @classmethod
    def of(cls, config: CaptureConfig) -> "Guard":
        """The configured limits."""
        return cls(count=config.deletion_limit_count, percent=config.deletion_limit_percent)

    def holds(self, gone: int, known: int) -> bool:
        """Whether ``gone`` of ``known`` records are too many to believe."""
        if gone > self.count or gone >= known >= _FEWEST_ALL_HELD:
            return True
        return gone >= _FEWEST_HELD and gone > known * self.percent / 100


class Verdict(Struct, frozen=True, kw_only=True):
    """What by-id reads said of records that a scan did not see.

    ``gone`` is proved. ``flaw`` says why nothing was proved; ``held``, that there are too many.
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
        that word is needed, and is enough. Raises what the client raises: a failing read proves nothing.
        """
        present = tuple(itertools.islice(controls, _CONTROLS))
        suspects: list[int] = []
        for start in range(0, len(missing), _SAMPLE):
            part = missing[start : start + _SAMPLE]
            gone = await self._gone(resource, part)
            if start == 0 and len(part) == _SAMPLE and len(gone) < len(part) / 2 and len(missing) > _SAMPLE:
                return Verdict(
                    flaw=f"the list left out records that exist ({len(part) - len(gone)} of {len(part)})"
                )
            suspects += gone
            if not approved and self._guard.holds(len(suspects), known):
                return Verdict(held=True)
        if not suspects:
            return Verdict()
        if not present and not approved:
            return Verdict(held=True)
        if present and not await self._control(resource, present):
            return Verdict(flaw="records that exist are answered as gone by id too")
        await asyncio.sleep(self._confirm_seconds)
        confirmed = await self._gone(resource, suspects)
        # Between the two reads of each stood one that answered: no burst of wrong answers spans that.
        return Verdict(gone=tuple(confirmed))

    async def _gone(self, resource: Resource, row_ids: Sequence[int]) -> list[int]:
        slots = asyncio.Semaphore(self._parallel_reads)

        async def gone(row_id: int) -> bool:
            async with slots:
                return isinstance(await self._client.detail(resource.name, str(row_id)), Gone)

        reads = [asyncio.create_task(gone(row_id)) for row_id in row_ids]
        try:
            answers = await asyncio.gather(*reads)
        finally:
            # After one failure the others' answers are of no use: spend no requests on them.
            for read in reads:
                read.cancel()
            await asyncio.gather(*reads, return_exceptions=True)
        return [row_id for row_id, answer in zip(row_ids, answers, strict=True) if answer]

    async def _control(self, resource: Resource, row_ids: Iterable[int]) -> bool:
        for row_id in row_ids:
            if not isinstance(await self._client.detail(resource.name, str(row_id)), Gone):
                return True
        return False
