"""Types that doors share for one integration's credentials and request budget: a token and the ports.

``bridge.store`` implements the ports in PostgreSQL and ``bridge.tracker`` uses them; neither imports the
other.
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
"""Name of the work that sends requests. Within a lane the flows take turns, however many requests each
has."""


class TrackerToken(Struct, frozen=True, kw_only=True):
    """A JWT that TrackerRMS exchanged for the bearer token. An account has one valid JWT at a time."""

    jwt: Secret
    expires_at: datetime | None
    """When it expires, aware UTC. ``None`` if unknown: then it is used until TrackerRMS rejects it."""
    generation: int
    """Number of exchanges so far. A process whose token n was rejected exchanges only if n is still
    stored."""
    origin: bytes
    """Identifies the credential that it was exchanged for, see ``TokenVault.origin``. The token is useless
    with another credential, account or host."""


class TokenVault(Protocol):
    """An integration's token, shared by every process and sealed at rest.

    A process that needs a new token enters ``exchange_turn()``, loads again (another may have exchanged
    while it waited), exchanges over the network, and saves before it leaves.
    """

    def origin(self, *parts: str) -> bytes:
        """Hash a credential and its host to 16 bytes, keyed by the installation's key."""

    async def load(self) -> TrackerToken | None:
        """Return the newest token, expired or not, whatever its origin; ``None`` before the first
        exchange."""

    def exchange_turn(self) -> AbstractAsyncContextManager[None]:
        """Wait for the exclusive right to exchange. ``save`` raises ``LeaseLost`` if that right expired."""

    async def save(self, token: TrackerToken) -> None:
        """Replace the token. Refuse it unless its ``generation`` is greater than the stored one."""

    async def load_refresh_token(self, origin: bytes) -> Secret | None:
        """Return the newest OAuth2 refresh token of ``origin``; ``None`` means: use the configured one."""

    async def save_refresh_token(self, secret: Secret, origin: bytes) -> None:
        """Replace the OAuth2 refresh token."""


class RequestBudget(Protocol):
    """An integration's requests per minute, shared by every process."""

    async def acquire(self, lane: Lane) -> None:
        """Wait until one request may be sent. Send it within a few seconds, or the budget does not cover
        it."""

    async def pause(self, seconds: float, why: str) -> None:
        """Stop the requests of every process for ``seconds``, as TrackerRMS asked. ``why`` is shown to
        people."""


class Recognized(Struct, frozen=True, kw_only=True):
    """The number of rows of a list that have the id of a known record (``same_id``), and of those whose
    record matches (``same``). ``stored`` is the number of known records, up to ten."""

    same_id: int
    same: int
    stored: int


class KnownAccount(Protocol):
    """The known facts about the account that the bridge reads for an integration."""

    async def is_confirmed(self, origin: bytes) -> bool:
        """Report whether this credential (see ``TokenVault.origin``) has opened that account before."""

    async def confirm(self, origin: bytes) -> None:
        """Remember that this credential opens that account."""

    async def recognized(self, resource: str, rows: Sequence[Mapping[str, Any]]) -> Recognized:
        """Compare a list's rows with the known records."""
