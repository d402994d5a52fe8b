"""The options of a simulator server."""

from collections.abc import Mapping

from msgspec import Struct

from bridge.simulator.recording import ListSkeletons

BEARER_TOKEN = "simulator-bearer-token"  # noqa: S105 (not a secret: the simulator's own default)
REFRESH_TOKEN = "simulator-refresh-token"  # noqa: S105
CLIENT_SECRET = "simulator-client-secret"  # noqa: S105
API_KEY = "simulator-api-key"
USERNAME = "simulator-user"
PASSWORD = "simulator-password"  # noqa: S105


class Options(Struct, frozen=True, kw_only=True):
    """Settings of one running simulator; durations in seconds.

    ``rate_limit_per_minute`` 0 disables the limiter. ``send_retry_after`` adds ``Retry-After`` to a 429 (it
    is unknown if TrackerRMS sends it). ``index_lag_seconds`` is the lag of search behind the live record; 0
    disables it. ``empty_body_rate`` and ``missed_webhook_rate`` are probabilities. ``jwt_seconds`` is the
    life of a JWT (seven days as others saw it). ``users`` are the names and passwords that the widget API
    accepts. ``dialect`` sets switches of ``bridge.simulator.dialects`` by name. ``shapes`` are the skeletons
    for showing records (see ``bridge.simulator.recording``).
    """

    rate_limit_per_minute: int = 600
    send_retry_after: bool = False
    changes_per_minute: float = 0
    index_lag_seconds: float = 3
    empty_body_rate: float = 0.002
    missed_webhook_rate: float = 0.05
    page_size: int = 10
    bearer_tokens: tuple[str, ...] = (BEARER_TOKEN,)
    refresh_tokens: tuple[str, ...] = (REFRESH_TOKEN,)
    client_id: str = "EvoApi_1.0"
    client_secret: str = CLIENT_SECRET
    api_keys: tuple[str, ...] = (API_KEY,)
    users: tuple[tuple[str, str], ...] = ((USERNAME, PASSWORD),)
    jwt_seconds: float = 7 * 24 * 3600
    access_token_seconds: float = 3600
    quirks_off: tuple[str, ...] = ()
    dialect: Mapping[str, str] = {}
    shapes: ListSkeletons = {}
