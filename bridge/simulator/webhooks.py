"""TrackerRMS's own webhooks: a ping that only names the record that was saved.

Assumed: the payload's names, the reply to a registration, that pings are neither signed nor repeated.
"""

import asyncio
import ipaddress
from random import Random
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bridge.simulator import jsontext
from bridge.simulator.quirks import Quirks
from bridge.tasks import cancel_and_wait

RECORD_TYPES = {
    "resource": "Resource",
    "opportunity": "Opportunity",
    "opportunity_resource": "OpportunityResource",
    "user": "User",
}
ACTIONS = ("Created", "Updated", "Deleted")
_TIMEOUT = aiohttp.ClientTimeout(total=10)


def is_loopback(url: str) -> bool:
    """Return true if the simulator may ping this address: it never calls other machines."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return False
    try:
        return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False


class TrackerWebhooks:
    """Registrations, and fire-and-forget pings."""

    def __init__(self, quirks: Quirks, chance: Random, missed_rate: float) -> None:
        self._quirks, self._chance, self._missed_rate = quirks, chance, missed_rate
        self.registered: list[dict[str, Any]] = []
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def register(self, url: str, action: str, record_type: str) -> int:
        """Register one URL for one action on one type of record."""
        webhook_id = len(self.registered) + 1
        self.registered.append({"id": webhook_id, "url": url, "action": action, "recordType": record_type})
        return webhook_id

    @property
    def pending(self) -> int:
        """Return the number of pings in progress."""
        return len(self._tasks)

    def saved(self, entity: str, action: str, record_id: int) -> None:
        """Ping the URLs registered for a saved record."""
        if not self._quirks["webhooks"]:
            return
        payload = {"recordType": RECORD_TYPES[entity], "action": action, "recordId": record_id}
        for hook in self.registered:
            wanted = hook["action"] == action and hook["recordType"] == RECORD_TYPES[entity]
            if wanted and is_loopback(hook["url"]) and not self._missed():
                task = asyncio.get_running_loop().create_task(
                    self._ping(hook["url"], jsontext.encode(payload))
                )
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _missed(self) -> bool:
        return self._quirks["missed_webhooks"] and self._chance.random() < self._missed_rate

    async def _ping(self, url: str, body: bytes) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False):
                pass
        except (aiohttp.ClientError, TimeoutError):
            return  # fire and forget: TrackerRMS isn't known to retry

    async def close(self) -> None:
        """Stop pinging."""
        await cancel_and_wait(*self._tasks)
        if self._session is not None:
            await self._session.close()
