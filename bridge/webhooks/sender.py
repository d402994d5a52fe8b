"""Makes an attempt at a delivery: signs it, posts it, and decides its outcome."""

import random
from datetime import datetime
from functools import lru_cache

from prometheus_client import Counter

from bridge import metrics
from bridge.clock import utc_now
from bridge.config import WebhooksConfig
from bridge.outbound import CallFailure, Outbound, PostResponse
from bridge.sealing import Sealer
from bridge.store.delivery import Delivery, DeliveryAttempt, NotTried, Outcome
from bridge.store.delivery_log import RESPONSE_PURPOSE
from bridge.webhooks import policy
from bridge.webhooks.signing import BadSecret
from bridge.webhooks.subscribers import Subscriber

_BUSY_SECONDS = 1.0
# The bytes of a response that are read, and kept after a failed attempt.
_RESPONSE_BYTES = 2_048
_random = random.Random()  # noqa: S311 (jitter is no secret)


class Sender:
    """Makes attempts. It keeps no state: the outcome has everything."""

    def __init__(self, outbound: Outbound, sealer: Sealer, config: WebhooksConfig) -> None:
        self._outbound = outbound
        self._sealer = sealer
        self._terms = policy.RetryTerms(retry_seconds=config.retry_seconds)

    async def deliver(self, subscriber: Subscriber, delivery: Delivery) -> Outcome:
        """Make an attempt. Return its outcome."""
        body, at = delivery.read_body(), utc_now()
        try:
            headers = {**subscriber.headers, **subscriber.signer.headers(delivery.event.event_id, body, at)}
        except BadSecret as problem:
            answer: PostResponse | CallFailure = CallFailure(
                kind="bad_header", reason=str(problem), elapsed_ms=0
            )
        else:
            answer = await self._outbound.post(
                subscriber.endpoint.url,
                body,
                headers,
                timeout_seconds=subscriber.endpoint.timeout_seconds,
                max_response_bytes=_RESPONSE_BYTES,
            )
        if isinstance(answer, CallFailure) and answer.kind == "busy":
            # All connections of this process are in use: nothing was sent, and the endpoint did not fail.
            return NotTried(after_seconds=_BUSY_SECONDS)
        _counter(_label(answer)).inc()
        attempt = self._attempt(answer, at, subscriber.signer.signed_with(at))
        return policy.judge_attempt(attempt, delivery.attempts + 1, self._terms, _random.uniform(-1, 1))

    def _attempt(self, answer: PostResponse | CallFailure, at: datetime, signed_with: str) -> DeliveryAttempt:
        if isinstance(answer, CallFailure):
            return DeliveryAttempt(
                at=at,
                error=answer.kind,
                reason=answer.reason,
                elapsed_ms=answer.elapsed_ms,
                signed_with=signed_with,
            )
        error = policy.name_failure(answer.status)
        return DeliveryAttempt(
            at=at,
            status=answer.status,
            error=error,
            elapsed_ms=answer.elapsed_ms,
            response=self._sealer.seal(RESPONSE_PURPOSE, answer.body) if error and answer.body else None,
            signed_with=signed_with,
            retry_after_seconds=answer.retry_after_seconds,
        )


@lru_cache
def _counter(label: str) -> Counter:
    return metrics.DELIVERIES.labels(label)


def _label(answer: PostResponse | CallFailure) -> str:
    """Return the label of the metric: a class of statuses, because a receiver may answer with any number."""
    if isinstance(answer, CallFailure):
        return answer.kind
    return f"{answer.status // 100}xx" if 100 <= answer.status < 600 else "other"
