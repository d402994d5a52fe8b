"""Finds integrations that share a credential: each exchange ends the other's JWT. Pure."""

from collections.abc import Iterable

from bridge.config import IntegrationConfig
from bridge.tracker import hosts

ADVICE = (
    "two integrations must not share one credential, because each exchange ends the other's JWT: merge them "
    "into one integration, or give each its own bearer_token"
)


def shared(integrations: Iterable[IntegrationConfig]) -> dict[str, tuple[str, ...]]:
    """Return for each integration the others that exchange its credential at the same host."""
    by_credential: dict[tuple[str, ...], list[str]] = {}
    for one in integrations:
        by_credential.setdefault(_credential(one), []).append(one.id)
    return {
        name: tuple(other for other in names if other != name)
        for names in by_credential.values()
        for name in names
        if len(names) > 1
    }


def _credential(one: IntegrationConfig) -> tuple[str, ...]:
    found = hosts.hosts_of(one)
    if one.bearer_token is not None:
        return (found.rest, one.bearer_token.reveal())
    refresh = one.oauth_refresh_token.reveal() if one.oauth_refresh_token is not None else ""
    return (found.rest, found.widget, one.oauth_client_id, refresh)
