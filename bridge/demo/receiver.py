"""The demo's subscriber: receives webhooks over HTTP and verifies them with a third-party library."""

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
    """A webhook receiver. ``verified`` holds the monotonic time of the first webhook of each event id."""

    def __init__(self) -> None:
        self.verified: dict[str, float] = {}
        self.refused: list[str] = []
        self._webhook: Webhook | None = None
        self._news = asyncio.Event()

    @contextlib.asynccontextmanager
    async def subscribed(self, installed: Installation) -> AsyncIterator[str]:
        """Listen and receive every event while the block runs. Yield the endpoint's id."""
        async with subscriber.run_subscriber("127.0.0.1", 0, self._take) as url:
            async with installed.db.transaction() as tx:
                endpoint, (secret,) = await endpoints.insert_endpoint(
                    tx, installed.keys.sealer, NewEndpoint(url=url, description="the demo"), _OWNER
                )
            self._webhook = Webhook(secret.secret)
            yield endpoint.id

    async def wait(self, event_ids: Collection[str], ends_at: float) -> None:
        """Wait until the webhooks of these events are verified, until ``ends_at`` at most."""
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
