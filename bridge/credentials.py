"""What the doors agree on about one integration's credentials and allowance: a token and two ports.

``bridge.store`` keeps both in PostgreSQL, ``bridge.tracker`` uses them; neither imports the other.
"""

from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from bridge.config import Secret

Lane = Literal["command", "poll"]

flow: ContextVar[str] = ContextVar("flow", default="")
"""Whose requests these are: within a lane, the flows take turns, however many requests each has waiting."""


class Token(Struct, frozen=True, kw_only=True):
    """A JWT that TrackerRMS exchanged for the bearer token; one lives at a time per account."""

    jwt: Secret
    expires_at: datetime
    """When it ends, aware UTC."""
    generation: int
    """Counts the exchanges: a process that was refused with generation n exchanges only if n is still it."""


class TokenVault(Protocol):
    """One integration's token, shared by every process and sealed at rest.

    A process that needs a new token enters ``exchange_turn()``, loads again (another may have exchanged
    while it waited), exchanges over the network, and saves before it leaves.
    """

    async def load(self) -> Token | None:
        """The newest token, expired or not; ``None`` before the first exchange."""

    def exchange_turn(self) -> AbstractAsyncContextManager[None]:
        """Wait until this process alone may exchange. ``LeaseLost`` on ``save`` if the turn ran out."""

    async def save(self, token: Token) -> None:
        """Replace the token. ``generation`` must be greater than the stored one, or it is refused."""

    async def load_refresh_token(self) -> Secret | None:
        """The newest OAuth2 refresh token, where the provider rotates them; ``None``: use the configured."""

    async def save_refresh_token(self, secret: Secret) -> None:
        """Replace the OAuth2 refresh token."""


class Budget(Protocol):
    """One integration's requests per minute, shared by every process."""

    async def acquire(self, lane: Lane) -> None:
        """Wait until one request may be sent; send it within a few seconds, or it is not covered."""

    async def pause(self, seconds: float) -> None:
        """Hold every process for that long: TrackerRMS answered 429 with ``Retry-After``."""
