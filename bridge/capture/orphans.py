"""Tags and roles that a record let go of, kept until it is sure that no other record has taken them up.

By id a loss shows at once, while the search index may show the record that took the tag up much later; and
it may stand on a page that was read before. So such a tag is deleted by a whole poll that began when
whatever was changed before the loss had to be found.
"""

import time

from bridge.capture.change_writer import WriteSummary
from bridge.capture.deletion import CaptureContext
from bridge.capture.diff import EntityKey
from bridge.store import holds, leases, parked
from bridge.tracker.schema import Resource


class Orphans:
    """Those of one resource. A restart forgets them; the next sweep finds them again."""

    def __init__(self, capture: CaptureContext, resource: Resource) -> None:
        self._capture = capture
        self._resource = resource
        self._since: dict[EntityKey, float] = {}

    def note(self, applied: WriteSummary) -> WriteSummary:
        """Remember what was let go of; returns ``applied``."""
        self._since |= dict.fromkeys(applied.let_go, time.monotonic())
        return applied

    async def find(self) -> None:
        """Look for what an interrupted run left behind."""
        found = await self._capture.changes.unused(self._capture.db, self._resource.models)
        now = time.monotonic()
        for key in found:
            self._since.setdefault(key, now)

    async def settle(self, began: float, lag_seconds: float) -> WriteSummary:
        """After a whole poll that began at that monotonic moment: delete what nothing carries any more."""
        due = [key for key, since in self._since.items() if since + lag_seconds <= began]
        if not due or await self._held_back():
            return WriteSummary(events={})
        async with leases.fenced(self._capture.db, self._capture.lease) as tx:
            applied = await self._capture.changes.settle(tx, due, "poll")
        for key in due:
            del self._since[key]
        return applied

    async def _held_back(self) -> bool:
        """Whether a record is held back or was never read, which may have taken up what another let go of."""
        db, integration_id = self._capture.db, self._capture.integration_id
        found = await holds.of_resource(db, integration_id, self._resource.name)
        if any(one.state in ("held", "discarded", "approved") for one in found):
            return True
        return await parked.any_unknown(db, integration_id, self._resource.name)
