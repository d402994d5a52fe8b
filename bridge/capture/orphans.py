"""Tags and roles that a record no longer has, kept until it is certain that no other record has them.

A read by id shows the loss at once. The search index may show a record that gained the tag much later, or
that record may be on a page that was read before. So an orphaned tag is deleted only after a complete poll
that began when the index had to show every change made before the loss.
"""

import time

from bridge.capture.change_writer import WriteSummary
from bridge.capture.deletion import CaptureContext
from bridge.capture.diff import EntityKey
from bridge.store import holds, leases, parked
from bridge.tracker.schema import Resource


class Orphans:
    """Orphans of one resource. A restart forgets them; the next sweep finds them again."""

    def __init__(self, capture: CaptureContext, resource: Resource) -> None:
        self._capture = capture
        self._resource = resource
        self._since: dict[EntityKey, float] = {}

    def note(self, applied: WriteSummary) -> WriteSummary:
        """Remember the orphans of ``applied``, and return it."""
        self._since |= dict.fromkeys(applied.let_go, time.monotonic())
        return applied

    async def find(self) -> None:
        """Find orphans that an interrupted run left behind."""
        found = await self._capture.changes.unused(self._capture.db, self._resource.models)
        now = time.monotonic()
        for key in found:
            self._since.setdefault(key, now)

    async def settle(self, began: float, lag_seconds: float) -> WriteSummary:
        """Delete the orphans that are still unused. Call this after a complete poll that began at
        ``began``."""
        due = [key for key, since in self._since.items() if since + lag_seconds <= began]
        if not due or await self._held_back():
            return WriteSummary(events={})
        async with leases.fenced(self._capture.db, self._capture.lease) as tx:
            applied = await self._capture.changes.settle(tx, due, "poll")
        for key in due:
            del self._since[key]
        return applied

    async def _held_back(self) -> bool:
        """Report whether a record that may use an orphan is held or was never read."""
        db, integration_id = self._capture.db, self._capture.integration_id
        found = await holds.of_resource(db, integration_id, self._resource.name)
        if any(one.state in ("held", "discarded", "approved") for one in found):
            return True
        return await parked.any_unknown(db, integration_id, self._resource.name)
