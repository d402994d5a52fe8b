"""Dead letters: reports about what could not be processed, without the data itself.

Both kinds have a reason that a person can act on, and the place of the original.
"""

from typing import Literal

from msgspec import Struct

from trackerrms_contracts.entities import Utc


class ParkedRecord(Struct, frozen=True, kw_only=True, tag_field="kind", tag="record"):
    """A record of TrackerRMS, to be read at ``path``. It is retried when it changes there."""

    reason: str
    resource: str
    remote_id: str | None
    path: str


class RefusedMessage(Struct, frozen=True, kw_only=True, tag_field="kind", tag="message"):
    """A message that is not a command, to be read at its position in Kafka."""

    reason: str
    topic: str
    partition: int
    offset: int


class DeadLetter(Struct, frozen=True, kw_only=True):
    """The envelope: CloudEvents 1.0, as for all messages."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: Literal["record.parked", "command.refused"]
    subject: str
    time: Utc
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str = "urn:trackerrms-bridge:dead-letter:1"
    integrationid: str
    data: ParkedRecord | RefusedMessage
