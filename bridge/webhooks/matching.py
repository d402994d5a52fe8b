"""Finds the endpoints that want an event, by its Kafka headers, and by its body only if necessary. Pure."""

from collections.abc import Iterable
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct
from trackerrms_contracts.webhooks import Endpoint

T = TypeVar("T")


class Filter(Struct, frozen=True, kw_only=True):
    """The events that an endpoint wants. Empty ``integrations`` and ``changed_fields`` match all."""

    integrations: frozenset[str]
    event_types: tuple[str, ...]
    changed_fields: frozenset[str]

    def wants(self, kind: str, integration_id: str) -> bool:
        """Return true if events of this type and integration are wanted, regardless of their fields."""
        if self.integrations and integration_id not in self.integrations:
            return False
        return any(fits(pattern, kind) for pattern in self.event_types)

    def looks_into(self, kind: str) -> bool:
        """Return true if the changed fields decide. Only ``updated`` events name any."""
        return bool(self.changed_fields) and kind.endswith(".updated")


def build_filter(endpoint: Endpoint) -> Filter:
    """Return the filter of an endpoint."""
    return Filter(
        integrations=frozenset(endpoint.integrations),
        event_types=endpoint.event_types,
        changed_fields=frozenset(endpoint.changed_fields),
    )


def fits(pattern: str, kind: str) -> bool:
    """Return true if ``pattern`` matches ``kind``: the same text, ``candidate.*``, ``*.deleted`` or ``*``."""
    if pattern in ("*", kind):
        return True
    model, _, operation = pattern.partition(".")
    of_model, _, of_operation = kind.partition(".")
    return model in ("*", of_model) and operation in ("*", of_operation)


class _Data(Struct, frozen=True, kw_only=True):
    changed_fields: tuple[str, ...] = ()


class _Body(Struct, frozen=True, kw_only=True):
    data: _Data = _Data()


_decoder = msgspec.json.Decoder(_Body)


def read_changed_fields(body: bytes) -> tuple[str, ...]:
    """Return the event's changed fields; none if the event cannot be read."""
    try:
        return _decoder.decode(body).data.changed_fields
    except msgspec.DecodeError:
        return ()


class FilterTable(Generic[T]):
    """Filters with their owners. The matches of each event type are cached."""

    def __init__(self, entries: Iterable[tuple[Filter, T]]) -> None:
        self._entries = list(entries)
        self._found: dict[tuple[str, str], tuple[list[T], list[tuple[Filter, T]]]] = {}

    def matching(self, kind: str, integration_id: str, body: bytes) -> list[T]:
        """Return the owners of all filters that match the event. The caller must not change the list."""
        found = self._found.get((kind, integration_id))
        if found is None:
            wanting = [entry for entry in self._entries if entry[0].wants(kind, integration_id)]
            found = (
                [whose for wanted, whose in wanting if not wanted.looks_into(kind)],
                [entry for entry in wanting if entry[0].looks_into(kind)],
            )
            self._found[kind, integration_id] = found
        certain, looking = found
        if not looking:
            return certain
        fields = read_changed_fields(body)
        return certain + [whose for wanted, whose in looking if not wanted.changed_fields.isdisjoint(fields)]
