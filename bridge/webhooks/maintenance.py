"""Maintenance: warns of failing endpoints and disables them, reports holds, and deletes old rows."""

import asyncio
import time

import structlog

from bridge.config import WebhooksConfig
from bridge.errors import Transient
from bridge.sealing import Sealer
from bridge.store import delivery_log, health, pending, pending_batches
from bridge.store.database import Database
from bridge.webhooks import held, operational

_log = structlog.get_logger(__name__)
_LOOK_SECONDS = 60.0
_HOLDS_SECONDS = 2.0
_PRUNE_SECONDS = 300.0
# As a share of the days after which an endpoint is disabled.
_WARN_AFTER = 0.2
_DAY_SECONDS = 86_400.0


class Maintenance:
    """Checks every minute; more often for holds, and if endpoints are disabled within hours."""

    def __init__(self, db: Database, sealer: Sealer, config: WebhooksConfig, retention_days: float) -> None:
        self._db = db
        self._sealer = sealer
        self._config = config
        self._retention_days = retention_days
        self._pruned_at = 0.0
        self._looked_at = float("-inf")

    async def keep(self) -> None:
        """Check until canceled."""
        often = min(_LOOK_SECONDS, self._config.disable_after_days * _DAY_SECONDS / 100)
        while True:
            try:
                await held.report_holds(self._db, self._sealer)
                if time.monotonic() - self._looked_at >= often:
                    self._looked_at = time.monotonic()
                    await self.look()
                    await self._prune()
            except Transient as problem:
                _log.warning("webhooks.keeping_failed", reason=str(problem))
            await asyncio.sleep(min(_HOLDS_SECONDS, often))

    async def look(self) -> None:
        """Warn of endpoints that have failed for long, and disable those that have failed for too long."""
        config = self._config
        for standing in await health.failing_for(
            self._db, config.disable_after_days * _DAY_SECONDS * _WARN_AFTER
        ):
            failing = standing.last_failure_at - standing.failing_since
            async with self._db.transaction() as tx:
                if not standing.warned:
                    await operational.warn_owner(tx, self._sealer, standing, config.disable_after_days)
                elif failing.total_seconds() >= config.disable_after_days * _DAY_SECONDS:
                    reason = f"failing for {config.disable_after_days:g} days"
                    await operational.disable_and_notify(
                        tx, self._sealer, standing.endpoint_id, reason, standing
                    )

    async def _prune(self) -> None:
        if time.monotonic() - self._pruned_at < _PRUNE_SECONDS and self._pruned_at:
            return
        self._pruned_at = time.monotonic()
        await pending.prune_pending(self._db, self._retention_days)
        await pending_batches.prune_batches(self._db, self._retention_days)
        while True:
            if not await delivery_log.prune_attempts(self._db, self._retention_days):
                return
