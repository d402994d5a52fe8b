"""The event envelope: CloudEvents 1.0 in structured JSON, with the same bytes on Kafka and in a webhook.

``id`` is derived from (entity id, sequence), so the same change has the same id on every replay. ``sequence``
counts the entity's versions from 1 and never decreases. ``subject`` is the entity's id and the Kafka key.
Order is guaranteed per entity, not between entities.
"""

from functools import cache
from typing import Any, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from trackerrms_contracts.entities import Id, Model, Utc

Operation = Literal["created", "updated", "deleted"]
OPERATIONS: tuple[Operation, ...] = ("created", "updated", "deleted")
Cause = Literal["initial", "poll", "sweep", "command", "resync"]
CONTENT_TYPE = b"application/cloudevents+json; charset=UTF-8"
SCHEMA_VERSION = 1

_MODELS = frozenset(map(str, Model))

R = TypeVar("R")


class Change(Struct, Generic[R], frozen=True, kw_only=True, gc=False):
    """A change of a record.

    ``record`` is the record after the change. In ``deleted`` it is the last record if the integration keeps
    values; otherwise it has only the identifiers and ``remote_deleted_at``, and every other field is
    ``null``. ``changed_fields`` names the differences from the previous version, in the model's order; it is
    empty in ``created`` and ``deleted``. ``command_id`` is present if ``cause`` is ``command``. ``previous``
    holds the old values of the changed fields if the integration keeps them.
    """

    record: R
    changed_fields: tuple[str, ...] = ()
    cause: Cause
    command_id: str | UnsetType = UNSET
    previous: dict[str, Any] | UnsetType = UNSET


class Event(Struct, Generic[R], frozen=True, kw_only=True, gc=False):
    """A CloudEvent. ``type`` is ``<model>.created|updated|deleted``; ``time`` is when the bridge saw the
    change."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    subject: Id
    time: Utc
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str
    integrationid: str
    sequence: str
    data: Change[R]


@cache
def event_type(model: Model, operation: Operation) -> str:
    """Return an event type such as ``candidate.updated``."""
    return f"{model}.{operation}"


def parse_type(text: str) -> tuple[Model, Operation]:
    """Return the model and operation of an event type. Raises ``ValueError`` for other text."""
    model, _, operation = text.partition(".")
    if model in _MODELS:
        for known in OPERATIONS:
            if operation == known:
                return Model(model), known
    raise ValueError("not an event type; write <model>.created, .updated or .deleted")


@cache
def data_schema(model: Model) -> str:
    """Return the URN of the model's event data."""
    return f"urn:trackerrms-bridge:{model}:{SCHEMA_VERSION}"


def headers(event_id: str, kind: str, integration_id: str) -> tuple[tuple[str, bytes], ...]:
    """Return the Kafka headers of an event, which let consumers filter without parsing.

    The message is in structured mode, according to its content type. A reader that goes by the ``ce_``
    headers instead, such as the mode detection of CloudEvents' Python SDK 2, must call
    ``from_structured_event``.
    """
    return (
        ("content-type", CONTENT_TYPE),
        ("ce_id", event_id.encode()),
        ("ce_type", kind.encode()),
        ("ce_integrationid", integration_id.encode()),
    )


class _Sequenced(Struct, frozen=True, gc=False):
    sequence: str = ""


_sequenced = msgspec.json.Decoder(_Sequenced)


def sequence_of(value: bytes) -> str:
    """Return the sequence of an encoded event; empty if it has none."""
    try:
        return _sequenced.decode(value).sequence
    except msgspec.DecodeError:
        return ""
