"""Subscribers: endpoints with everything that a delivery needs: headers, signer and filter."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from trackerrms_contracts import events
from trackerrms_contracts.webhooks import Endpoint

from bridge.store.endpoints import Stored
from bridge.webhooks import matching
from bridge.webhooks.matching import Filter
from bridge.webhooks.signing import Signer, SigningKey

# An event's time comes from the publisher's clock, an endpoint's creation time from the database's clock.
_CLOCKS_DIFFER = timedelta(seconds=10)
_OURS = ("webhook-", "content-", "host", "transfer-encoding", "connection", "user-agent", "accept-encoding")


class Subscriber(Struct, frozen=True, kw_only=True):
    """An endpoint with everything that a delivery needs. ``headers`` are those of every delivery, except the
    signature's."""

    endpoint: Endpoint
    headers: Mapping[str, str]
    signer: Signer
    filter: Filter

    @property
    def ordered(self) -> bool:
        """Return true if an entity's events must arrive one after another."""
        return self.endpoint.order == "per_entity"

    @property
    def since(self) -> datetime:
        """Return the time from which it receives events. Only a recovery delivers earlier ones."""
        return self.endpoint.created_at - _CLOCKS_DIFFER


def build_subscriber(stored: Stored) -> Subscriber:
    """Return the subscriber of an endpoint. Raises ``BadSecret``."""
    keys = [SigningKey(kind=s.kind, secret=s.secret, expires_at=s.expires_at) for s in stored.secrets]
    custom = {name: value for name, value in stored.headers.items() if not name.lower().startswith(_OURS)}
    return Subscriber(
        endpoint=stored.endpoint,
        headers={**custom, "Content-Type": events.CONTENT_TYPE.decode()},
        signer=Signer(keys),
        filter=matching.build_filter(stored.endpoint),
    )
