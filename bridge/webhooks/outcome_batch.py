"""A batch of outcomes that is written in one transaction: a commit costs the same for one or a thousand."""

from collections import Counter
from collections.abc import Sequence
from typing import assert_never

from bridge.sealing import Sealer
from bridge.store import delivery_log, health, leases, pending, pending_batches
from bridge.store.database import Tx
from bridge.store.delivery import (
    Delivered,
    Delivery,
    DeliveryAttempt,
    EndpointGone,
    EndpointOrderKey,
    EventSource,
    Failed,
    NotTried,
    Outcome,
    Retry,
    Undelivered,
)
from bridge.store.leases import Lease
from bridge.webhooks import operational

# So many untried deliveries are worth a transaction of their own.
_MANY_UNTRIED = 1_000


def waits_for_endpoint(delivery: Delivery, outcome: Outcome) -> bool:
    """Return true if a delivery that is new to the store waits only for its endpoint.

    It does not need a row of its own, and nothing waits until it is written.
    """
    source = delivery.source
    untried = isinstance(outcome, NotTried) and not outcome.under_way
    return untried and not delivery.ordered and source is not None and not source.lost


class OutcomeBatch:
    """Log lines, new pending deliveries, changes of earlier ones, and the health of endpoints.

    ``sources`` has an entry for each delivery from Kafka, ``new_keys`` the keys of new ordered rows.
    ``pressing``: a delivery may be tried as soon as the batch is written.
    """

    def __init__(self) -> None:
        self.sources: list[EventSource] = []
        self.new_keys: set[EndpointOrderKey] = set()
        self.pressing = False
        self._attempts: list[tuple[Delivery, DeliveryAttempt]] = []
        self._new: dict[str, tuple[Delivery, Undelivered]] = {}
        self._untried: list[tuple[Delivery, NotTried]] = []
        self._changed: list[tuple[Delivery, Undelivered]] = []
        self._delivered: list[str] = []
        self._keys: set[EndpointOrderKey] = set()
        self._failures: dict[str, tuple[str | None, float]] = {}
        self._successes: set[str] = set()
        self._gone: set[str] = set()

    def add(self, delivery: Delivery, outcome: Outcome) -> None:
        """Add the outcome of a delivery."""
        self._add_attempt(delivery, outcome)
        source = delivery.source
        if source is None:
            self._add_stored(delivery, outcome)
            return
        self.sources.append(source)
        # Another process reads the events of a lost partition again; a late row would be delivered late.
        if not isinstance(outcome, Delivered) and not source.lost:
            self._add_new(delivery, outcome)

    def _add_attempt(self, delivery: Delivery, outcome: Outcome) -> None:
        match outcome:
            case Delivered(attempt=attempt):
                self._attempts.append((delivery, attempt))
                self._successes.add(delivery.endpoint_id)
            case Retry(attempt=attempt, hold_seconds=hold):
                self._add_failure(delivery, attempt, hold)
            case Failed(attempt=attempt):
                if attempt is not None:
                    self._add_failure(delivery, attempt, 0.0)
            case EndpointGone(attempt=attempt):
                self._attempts.append((delivery, attempt))
                self._gone.add(delivery.endpoint_id)
            case NotTried():
                pass
            case _:
                assert_never(outcome)

    def _add_failure(self, delivery: Delivery, attempt: DeliveryAttempt, hold_seconds: float) -> None:
        self._attempts.append((delivery, attempt))
        before = self._failures.get(delivery.endpoint_id, (None, 0.0))[1]
        self._failures[delivery.endpoint_id] = (attempt.error, max(before, hold_seconds))

    def _add_stored(self, delivery: Delivery, outcome: Outcome) -> None:
        if isinstance(outcome, Delivered):
            self._delivered.append(delivery.id)
        else:
            self._changed.append((delivery, outcome))
        if delivery.ordered:
            self._keys.add(delivery.order_key)
            self.pressing = True

    def _add_new(self, delivery: Delivery, outcome: Undelivered) -> None:
        if isinstance(outcome, NotTried) and waits_for_endpoint(delivery, outcome):
            self._untried.append((delivery, outcome))
            self.pressing = self.pressing or len(self._untried) >= _MANY_UNTRIED
            return
        self._new[delivery.id] = (delivery, outcome)
        if delivery.ordered:
            self._keys.add(delivery.order_key)
            self.new_keys.add(delivery.order_key)
            # It may be the first of its entity, which is tried as soon as it is written. Others that are due
            # at once found their queue full: nothing waits for them.
            if not (isinstance(outcome, Retry | NotTried) and outcome.after_seconds):
                self.pressing = True

    async def write(self, tx: Tx, sealer: Sealer, lease: Lease) -> None:
        """Write everything. Raises ``LeaseLost`` if this process lost its lease."""
        if self._delivered or self._changed or self._new or self._untried:
            await leases.assert_held(tx, lease)
        if self._keys:
            await pending.lock_order(tx, {endpoint for endpoint, _ in self._keys})
        if self._attempts:
            await delivery_log.append_attempts(tx, self._attempts)
        if self._new:
            await pending.add_pending(tx, sealer, list(self._new.values()), lease.name)
        if self._untried:
            await _write_untried(tx, sealer, self._untried)
        if self._delivered:
            await pending.remove_delivered(tx, lease.name, self._delivered)
        if self._changed:
            await pending.update_pending(tx, lease.name, self._changed)
        if self._keys:
            await pending.make_due(tx, self._keys)
        await self._write_health(tx, sealer)

    async def _write_health(self, tx: Tx, sealer: Sealer) -> None:
        if self._failures:
            await health.record_failures(tx, self._failures)
        if self._successes:
            for endpoint_id in await health.record_successes(tx, self._successes):
                await operational.recovered(tx, sealer, endpoint_id)
        for endpoint_id in sorted(self._gone):
            await operational.disable_and_notify(tx, sealer, endpoint_id, operational.GONE)


async def _write_untried(tx: Tx, sealer: Sealer, untried: Sequence[tuple[Delivery, NotTried]]) -> None:
    counts = Counter(delivery.endpoint_id for delivery, _ in untried)
    few = [one for one in untried if counts[one[0].endpoint_id] < pending_batches.FROM]
    many = [one for one in untried if counts[one[0].endpoint_id] >= pending_batches.FROM]
    await pending_batches.add_in_parts(tx, sealer, few)
    await pending_batches.add_batches(tx, sealer, many)
