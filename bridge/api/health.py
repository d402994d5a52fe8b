"""Whether this process lives, and whether the API can do its work: for who watches it, without a token.

By the rules of ``bridge.monitoring`` and no more words than one: anybody may ask here. The API stands on
PostgreSQL alone, so Kafka does not count.
"""

from typing import Literal

from msgspec import Struct

from bridge.api.calls import ApiDependencies, ApiResponse

_STORE_SECONDS = 2.0


class Health(Struct, frozen=True, kw_only=True):
    """``ok``, or what is missing."""

    status: Literal["ok", "unavailable"]


async def livez(parts: ApiDependencies) -> ApiResponse[Health]:
    """Whether the process lives

    503 while one of its stages gives no sign of life.
    """
    stuck = parts.roster.stuck(parts.silent_seconds)
    return ApiResponse(value=Health(status="unavailable" if stuck else "ok"))


async def readyz(parts: ApiDependencies) -> ApiResponse[Health]:
    """Whether the API can work

    503 while PostgreSQL does not answer.
    """
    ready = await parts.db.answers(_STORE_SECONDS)
    return ApiResponse(value=Health(status="ok" if ready else "unavailable"))
