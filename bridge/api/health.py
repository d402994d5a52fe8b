"""Liveness and readiness of the API process, without a token.

Follows the rules of ``bridge.monitoring`` and answers with one word, since anyone may ask. The API depends
only on PostgreSQL, so Kafka does not count.
"""

from typing import Literal

from msgspec import Struct

from bridge.api.calls import ApiDependencies, ApiResponse

_STORE_SECONDS = 2.0


class Health(Struct, frozen=True, kw_only=True):
    """The health of the process: ``ok`` or ``unavailable``."""

    status: Literal["ok", "unavailable"]


async def livez(parts: ApiDependencies) -> ApiResponse[Health]:
    """Check if the process is alive

    Returns 503 while one of its stages is stuck.
    """
    stuck = parts.roster.stuck(parts.silent_seconds)
    return ApiResponse(value=Health(status="unavailable" if stuck else "ok"))


async def readyz(parts: ApiDependencies) -> ApiResponse[Health]:
    """Check if the API is ready

    Returns 503 while PostgreSQL does not answer.
    """
    ready = await parts.db.answers(_STORE_SECONDS)
    return ApiResponse(value=Health(status="ok" if ready else "unavailable"))
