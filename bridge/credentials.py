"""What the doors agree on about one integration's credentials and allowance: a token and two ports.

``bridge.store`` keeps both in PostgreSQL, ``bridge.tracker`` uses them; neither imports the other.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Literal, Protocol

from msgspec import Struct

from bridge.config import Secret

Lane = Literal["command", "poll"]

flow: ContextVar[str] = ContextVar("flow", default="")
"""Whose requests these are: within a lane, the flows take turns, however many requests each has waiting."""


class TrackerToken(Struct, frozen=True, kw_only=True):
    """A JWT that TrackerRMS exchanged for the bearer token; one lives at a time per account."""

    jwt: Secret
    expires_at: datetime | None
    """When it ends, aware UTC; ``None``: nothing tells, it is used until it is refused."""
    generation: int
    """Counts the exchanges: a process that was refused with generation n exchanges only if n is still it."""
    origin: bytes
    """Stands for the credential that it was exchanged for, see ``TokenVault.origin``: with another
    credential, account or host it is of no use."""


class TokenVault(Protocol):
    """One integration's token, shared by every process and sealed at rest.

    A process that needs a new token enters ``exchange_turn()``, loads again (another may have exchanged
    while it waited), exchanges over the network, and saves before it leaves.
    """

    def origin(self, *parts: str) -> bytes:
        """16 bytes that stand for a credential and its host, keyed by the installation's key."""

    async def load(self) -> TrackerToken | None:
        """The newest token, expired or not, whatever credential it came from; ``None`` before the first
        exchange."""

    def exchange_turn(self) -> AbstractAsyncContextManager[None]:
        """Wait until this process alone may exchange. ``LeaseLost`` on ``save`` if the turn ran out."""

    async def save(self, token: TrackerToken) -> None:
        """Replace the token. ``generation`` must be greater than the stored one, or it is refused."""

    async def load_refresh_token(self, origin: bytes) -> Secret | None:
        """The newest OAuth2 refresh token that came from ``origin``; ``None``: use the configured."""

    async def save_refresh_token(self, secret: Secret, origin: bytes) -> None:
        """Replace the OAuth2 refresh token."""


class RequestBudget(Protocol):
    """One integration's requests per minute, shared by every process."""

    async def acquire(self, lane: Lane) -> None:
        """Wait until one request may be sent; send it within a few seconds, or it is not covered."""

    async def pause(self, seconds: float, why: str) -> None:
        """Hold every process for that long, because TrackerRMS asked for patience; ``why`` is shown."""


class Recognized(Struct, frozen=True, kw_only=True):
    """Of a list's rows: how many have the id of a known record, and how many of those are that record;
    ``stored``: how many are known at all, counting to ten."""

    same_id: int
    same: int
    stored: int


class KnownAccount(Protocol):
    """What is known of the account that an integration was read from so far."""

    async def is_confirmed(self, origin: bytes) -> bool:
        """Whether a credential (see ``TokenVault.origin``) was seen to open that account."""

    async def confirm(self, origin: bytes) -> None:
        """Remember that it does."""

    async def recognized(self, resource: str, rows: Sequence[Mapping[str, Any]]) -> Recognized:
        """Compare a list's rows with the records that are known."""
