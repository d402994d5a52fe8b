"""What a handler is given and what it gives back: no word of HTTP but the status."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from msgspec import Struct, field

from bridge.heartbeat import SILENT_SECONDS, Roster
from bridge.outbound import Target, Unusable
from bridge.sealing import Sealer
from bridge.store.api_tokens import ApiToken, ApiTokens
from bridge.store.database import Database

V = TypeVar("V")


class ApiDependencies(Struct, frozen=True, kw_only=True):
    """What the API stands on. ``judge`` says whether a URL may be called; ``integrations`` are the known ids,
    none where it is not known which there are; ``roster`` has the process's stages, of
    which one that is silent for so long is stuck."""

    db: Database
    sealer: Sealer
    tokens: ApiTokens
    judge: Callable[[str], Target | Unusable]
    integrations: tuple[str, ...] = ()
    roster: Roster = field(default_factory=Roster)
    silent_seconds: float = SILENT_SECONDS


class ApiCall(Struct, frozen=True, kw_only=True):
    """A request that was admitted. ``raw`` is the body as it came."""

    parts: ApiDependencies
    token: ApiToken
    path: Mapping[str, str]
    raw: bytes = b""
    idempotency_key: str | None = None

    @property
    def owner(self) -> str | None:
        """Whose things the caller may see; ``None``: everybody's."""
        return self.token.owner


class ApiResponse(Struct, Generic[V], frozen=True, kw_only=True):
    """What the client gets: ``value`` as JSON, where it is not ``None``."""

    value: V
    location: str | None = None
