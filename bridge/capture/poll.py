"""Polls of one resource: they read what changed since the last poll, in steps, so that other work can
interleave.

A step reads pages without a transaction (invariant 8) and commits what they held. The cursor moves when the
poll has read its last page (invariant 2). Progress in between is in memory only: after a restart or a failure
the poll begins again, and rows that it has already read are unchanged.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from bridge.capture.change_writer import WriteSummary
from bridge.capture.list_read import ListRead
from bridge.capture.page_parts import in_parts, parts_without
from bridge.capture.record_reader import Batch, Context
from bridge.capture.resource_reader import LONGEST_OVERLAP, ResourceReader, lag_of
from bridge.capture.versions import LAG_MARGIN
from bridge.store import cursors, leases
from bridge.store.cursors import PollCursor
from bridge.tracker.pages import Page

_STEP_SECONDS = 1.0
_FEWEST_CALLS = 10
# A list that never ends properly must not make the polls read everything that changed since it began to.
_LONGEST_REREAD = timedelta(hours=1)


class _Poll:
    """A poll in progress: the list being read, the position, and the results so far."""

    def __init__(self, cursor: PollCursor, since: datetime | None, *, loaded: bool) -> None:
        self.cursor = cursor
        self.loaded = loaded
        self.since = since
        self.began = time.monotonic()
        self.until: datetime | None = None
        self.segment = 0
        self.number = 1
        self.read: ListRead | None = None
        self.ahead: list[Page] = []
        self.list_ended = False
        self.lag = 0.0
        self.total = WriteSummary(events={})
        self.pages = 0
        self.contested = 0
        self.calls = 0
        self.flaw: str | None = None
        self.broken: str | None = None


class PollReader:
    """The polls of one resource of one integration, one after the other."""

    def __init__(self, reader: ResourceReader) -> None:
        self._reader = reader
        self._capture = reader.capture
        self._resource = reader.resource
        self._poll: _Poll | None = None

    async def step(
        self, context: Callable[[str | None], Context], cursor: PollCursor, *, loaded: bool
    ) -> WriteSummary | None:
        """Continue the poll in progress, or begin one since the cursor. Return ``None`` until it is complete.

        Then return the changes of the whole poll. ``loaded``: the first load is complete; before that,
        records still to be read may use a tag or role. Raises the errors of reading; the poll then begins
        again.
        """
        poll, self._poll = self._poll, None
        if poll is None:
            poll = _Poll(cursor, _since(cursor, self._reader.pace.overlap_seconds), loaded=loaded)
        calls, ends = self._capture.calls(), time.monotonic() + _STEP_SECONDS
        reads, over = 0, False
        while not over and reads < self._reader.reads_at_once and self._goes_on(calls, ends):
            reads += await self._read_on(poll, context)
            over = poll.list_ended and not poll.ahead and not self._next_list(poll)
        poll.calls += self._capture.calls() - calls
        if not over:
            self._poll = poll
            return None
        return await self._finish(poll, cursor)

    def _goes_on(self, calls: int, ends: float) -> bool:
        """Report whether the step may read more: for a second, and on a small budget for at least some
        calls."""
        return time.monotonic() < ends or self._capture.calls() - calls < _FEWEST_CALLS

    async def _read_on(self, poll: _Poll, context: Callable[[str | None], Context]) -> int:
        """Read the next page, or the rest of one. Return the number of records read."""
        state = self._resource.states[poll.segment]
        if not poll.ahead:
            await self._ask(poll, state)
        poll.ahead, _ = parts_without(poll.ahead, self._reader.newer["poll"])
        asked = time.monotonic()
        batch = await self._reader.observe(context(state), poll.ahead, self._reader.reads_at_once)
        # Measured from the poll's begin: the duration of the poll is not the index's lag.
        poll.lag = max(poll.lag, lag_of(batch, poll.cursor, poll.until or self._capture.rows.server_now()))
        if not batch.empty:
            async with leases.fenced(self._capture.db, self._capture.lease) as tx:
                poll.total = poll.total.plus(await self._reader.commit(tx, batch, "poll"))
        poll.contested += batch.contested
        poll.ahead = poll.ahead[batch.pages :]
        self._reader.adapt_reads(batch, time.monotonic() - asked)
        return _reads(batch)

    async def _ask(self, poll: _Poll, state: str | None) -> None:
        capture, asked = self._capture, time.monotonic()
        self._reader.newer["poll"].clear()
        if poll.read is None:
            poll.read = capture.pages.begin(self._resource)
        run = await capture.pages.run(poll.read, self._resource, state, poll.number, 1, poll.since)
        if poll.until is None:
            # TrackerRMS's clock before its first answer: this machine's clock may be wrong or jump.
            poll.until = capture.rows.server_now() - timedelta(seconds=time.monotonic() - asked)
        poll.ahead = in_parts(run.pages)
        poll.list_ended = run.done
        poll.number = run.last + 1
        poll.pages += run.last - run.first + 1
        poll.flaw = poll.flaw or run.flaw
        if run.broken:
            poll.broken = poll.broken or run.flaw

    def _next_list(self, poll: _Poll) -> bool:
        """Move to the resource's next list. Return false if there is none."""
        if poll.segment + 1 >= len(self._resource.states):
            return False
        poll.segment, poll.number, poll.read, poll.list_ended = poll.segment + 1, 1, None, False
        return True

    async def _finish(self, poll: _Poll, cursor: PollCursor) -> WriteSummary:
        capture, name = self._capture, self._resource.name
        await self._reader.states.note_contested(poll.contested)
        if poll.loaded and poll.flaw is None:
            # The index may lag more than it was ever seen to.
            lag = max(poll.lag, cursor.index_lag_seconds)
            late = max(self._reader.pace.overlap_seconds, lag * LAG_MARGIN)
            poll.total = poll.total.plus(await self._reader.orphans.settle(poll.began, late))
        await cursors.advance_cursor(
            capture.db,
            capture.integration_id,
            name,
            until=_until(poll),
            lag_seconds=max(cursor.index_lag_seconds, min(poll.lag, LONGEST_OVERLAP)),
            calls=poll.calls,
            changes=poll.total.changes,
        )
        if poll.broken is not None:
            await cursors.fail(
                capture.db,
                capture.integration_id,
                name,
                f"a poll can't read its list to the end: {poll.broken}",
            )
        fields = {"pages": poll.pages, "flaw": poll.flaw, **poll.total.counts()}
        quiet = not poll.total.counts() and poll.flaw is None
        self._reader.report("poll.finished", poll.began, capture.calls() - poll.calls, fields, quiet=quiet)
        return poll.total


def _until(poll: _Poll) -> datetime | None:
    """Return the new cursor. After a poll that could not read its list to the end it stays, but not
    forever."""
    if poll.broken is None or poll.until is None or poll.cursor.polled_until is None:
        return poll.until
    return max(poll.cursor.polled_until, poll.until - _LONGEST_REREAD)


def _reads(batch: Batch) -> int:
    return len(batch.observations) + batch.ghosts


def _since(cursor: PollCursor, overlap_seconds: float) -> datetime | None:
    if cursor.polled_until is None:
        return None
    # A quarter more than the largest lag seen.
    overlap = max(overlap_seconds, cursor.index_lag_seconds * LAG_MARGIN)
    return cursor.polled_until - timedelta(seconds=min(overlap, LONGEST_OVERLAP))
