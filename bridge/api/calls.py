"""The input and output of a handler, independent of HTTP except for the status."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from msgspec import Struct, field

from bridge.outbound import Target, Unusable
from bridge.runtime.heartbeat import SILENT_SECONDS, Roster
from bridge.sealing import Sealer
from bridge.store.api_tokens import ApiToken, ApiTokens
from bridge.store.database import Database

V = TypeVar("V")


class ApiDependencies(Struct, frozen=True, kw_only=True):
    """The dependencies of the API. ``judge`` decides if a URL may be called. ``integrations`` holds the known
    ids; it is empty if they are not known. ``roster`` lists the process's stages; a stage that is silent for
    ``silent_seconds`` counts as stuck.
    """

    db: Database
    sealer: Sealer
    tokens: ApiTokens
    judge: Callable[[str], Target | Unusable]
    integrations: tuple[str, ...] = ()
    roster: Roster = field(default_factory=Roster)
    silent_seconds: float = SILENT_SECONDS


class ApiCall(Struct, frozen=True, kw_only=True):
    """An authenticated request. ``raw`` is the body as received."""

    parts: ApiDependencies
    token: ApiToken
    path: Mapping[str, str]
    raw: bytes = b""
    idempotency_key: str | None = None

    @property
    def owner(self) -> str | None:
        """Return the owner whose objects the caller may see; ``None`` means all owners."""
        return self.token.owner


class ApiResponse(Struct, Generic[V], frozen=True, kw_only=True):
    """The response to the client: ``value`` as JSON, unless it is ``None``."""

    value: V
    location: str | None = None
