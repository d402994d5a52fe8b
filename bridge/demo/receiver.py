"""The demo's subscriber: takes the webhooks over HTTP and verifies each with somebody else's library."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection

from standardwebhooks import Webhook, WebhookVerificationError
from trackerrms_contracts.webhooks import NewEndpoint

from bridge.app import Installation
from bridge.simulator import subscriber
from bridge.simulator.subscriber import ReceivedRequest, ScriptedResponse
from bridge.store import endpoints

_OWNER = "demo"


class Receiver:
    """``verified``: when each event's webhook came first, by its id and this process's steady clock."""

    def __init__(self) -> None:
        self.verified: dict[str, float] = {}
        self.refused: list[str] = []
        self._webhook: Webhook | None = None
        self._news = asyncio.Event()

    @contextlib.asynccontextmanager
    async def subscribed(self, installed: Installation) -> AsyncIterator[str]:
        """It listens, and gets every event while the block lasts; gives the endpoint's id."""
        async with subscriber.run_subscriber("127.0.0.1", 0, self._take) as url:
            async with installed.db.transaction() as tx:
                endpoint, (secret,) = await endpoints.insert_endpoint(
                    tx, installed.keys.sealer, NewEndpoint(url=url, description="the demo"), _OWNER
                )
            self._webhook = Webhook(secret.secret)
            yield endpoint.id

    async def wait(self, event_ids: Collection[str], ends_at: float) -> None:
        """Until the webhooks of these events were verified, but not beyond ``ends_at``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, ends_at - time.monotonic())):
                while not self.verified.keys() >= set(event_ids):
                    self._news.clear()
                    await self._news.wait()

    def _take(self, arrival: ReceivedRequest) -> ScriptedResponse:
        if self._webhook is None:
            return ScriptedResponse(status=503)
        try:
            self._webhook.verify(arrival.body, dict(arrival.headers))
        except WebhookVerificationError as error:
            self.refused.append(str(error))
            return ScriptedResponse(status=400)
        self.verified.setdefault(arrival.headers["webhook-id"], time.monotonic())
        self._news.set()
        return ScriptedResponse()
