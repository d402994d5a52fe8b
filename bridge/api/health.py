"""Whether this process lives, and whether it can do its work: for who watches it, without a token."""

from typing import Literal

from msgspec import Struct

from bridge.api.calls import Answer, Parts

_STORE_SECONDS = 2.0


class Health(Struct, frozen=True, kw_only=True):
    """``ok``, or what is missing."""

    status: Literal["ok", "unavailable"]


async def livez(parts: Parts) -> Answer[Health]:
    """Whether the process lives"""
    return Answer(value=Health(status="ok"))


async def readyz(parts: Parts) -> Answer[Health]:
    """Whether the process can work

    503 while PostgreSQL does not answer.
    """
    ready = await parts.db.answers(_STORE_SECONDS)
    return Answer(value=Health(status="ok" if ready else "unavailable"))
