"""Reads requested records by id at once, a few at a time, in turns with the polls of their resource.

A request says which record to read, not what changed. The record is read, compared and published like any
other, by the one process that reads this integration. When the list shows the same change later, nothing is
new.
"""

import asyncio
import time
from collections.abc import Callable, Sequence, Set

import structlog
from msgspec import UNSET

from bridge.capture.by_id_reader import ByIdReader
from bridge.capture.change_writer import WriteSummary
from bridge.capture.deletion import CaptureContext
from bridge.capture.observations import Observation
from bridge.capture.record_reader import Context
from bridge.store import leases, read_requests, row_states
from bridge.store.read_requests import QueuedReadRequest
from bridge.tracker.errors import Refused, Unreachable, Unreadable

_log = structlog.get_logger(__name__)
_AT_ONCE = 5
_CONTROLS = 3


class ReadRequests:
    """Reads the requested records of one integration. ``by_id`` observes one record."""

    def __init__(self, capture: CaptureContext, by_id: ByIdReader) -> None:
        self._capture = capture
        self._by_id = by_id

    async def follow(
        self, resource: str, contexts: Callable[[str], Context | None]
    ) -> tuple[WriteSummary, Set[int]]:
        """Read the first requested records of one resource. Return the changes, and the ids of the records
        read.

        ``contexts`` returns what reading a resource needs, ``None`` for a resource that is not read. Raises
        the tracker's errors that do not concern a single record; the requests then stay.
        """
        queued = await read_requests.next_read_requests(
            self._capture.db, self._capture.integration_id, resource, _AT_ONCE
        )
        if not queued:
            return WriteSummary(events={}), frozenset()
        started, calls = time.monotonic(), self._capture.calls()
        newest = {(request.resource, request.row_id): request for request in queued}
        found = await asyncio.gather(*(self._read(contexts, request) for request in newest.values()))
        read = [
            await self._sifted(contexts, request, one)
            for request, one in zip(newest.values(), found, strict=True)
        ]
        total = WriteSummary(events={})
        async with leases.fenced(self._capture.db, self._capture.lease) as tx:
            for request, observation in zip(newest.values(), read, strict=True):
                if observation is not None:
                    applied = await self._capture.changes.apply(
                        tx,
                        request.resource,
                        [observation],
                        request.cause,
                        command_id=UNSET if request.command_id is None else request.command_id,
                    )
                    total = total.plus(applied)
            await read_requests.drop(tx, queued)
        self._report(queued, total, started, calls)
        return total, {one.source.row_id for one in read if one is not None}

    async def _read(
        self, contexts: Callable[[str], Context | None], request: QueuedReadRequest
    ) -> Observation | None:
        context = contexts(request.resource)
        if context is None:
            return None
        try:
            try:
                return await self._by_id.observe(context, request.row_id)
            except Unreadable as error:
                if not await self._others_answer(context, request):
                    raise Unreachable(f"{error}; existing records can't be read either") from error
                # The server may have had a problem that is over now.
                return await self._by_id.observe(context, request.row_id)
        except (Refused, Unreadable) as error:
            # The problem is this record's: polls and sweeps meet it too, and report it.
            _log.info(
                "read_request.dropped",
                integration=request.integration_id,
                resource=request.resource,
                row=request.row_id,
                reason=str(error),
            )
            return None

    async def _others_answer(self, context: Context, request: QueuedReadRequest) -> bool:
        """Return whether existing records can be read by id now; without any, the request is dropped."""
        rows = await row_states.some_live(
            self._capture.db, request.integration_id, request.resource, [request.row_id], _CONTROLS
        )
        try:
            return not rows or await self._by_id.any_answers(context.resource.name, rows)
        except (Refused, Unreadable):
            return False

    async def _sifted(
        self,
        contexts: Callable[[str], Context | None],
        request: QueuedReadRequest,
        observation: Observation | None,
    ) -> Observation | None:
        context = contexts(request.resource)
        if observation is None or context is None:
            return observation
        sifted = await self._capture.shape.sift(context.resource, context.state, [observation])
        (checked,) = await self._capture.loss_checks.sift(context, sifted)
        return checked

    def _report(
        self, queued: Sequence[QueuedReadRequest], total: WriteSummary, started: float, calls: int
    ) -> None:
        _log.info(
            "read_requests.followed",
            integration=self._capture.integration_id,
            requests=len(queued),
            calls=self._capture.calls() - calls,
            seconds=round(time.monotonic() - started, 3),
            **total.counts(),
        )
