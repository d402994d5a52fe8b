"""Measures the delay of events, from a record's change in TrackerRMS to the broker's acknowledgement.

It counts only created and updated events whose record has a last-updated time, and only if that update led to
the event: an old record that is now read differently is not late.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import get_args

import msgspec
from msgspec import Struct
from trackerrms_contracts.entities import Utc
from trackerrms_contracts.events import Cause

from bridge import metrics
from bridge.clock import utc_now

# A batch of a first load has hundreds of events; decoding all of them would cost the relay time.
_MOST_LOOKED_AT = 100
_CHANGES = tuple(cause for cause in get_args(Cause) if cause not in ("initial", "resync"))
# Cached, because a lookup by label costs more than the count.
_BY_CAUSE = {cause: metrics.CHANGE_SECONDS.labels(cause) for cause in _CHANGES}


class _Record(Struct, frozen=True, kw_only=True, gc=False):
    remote_updated_at: Utc | None = None


class _Change(Struct, frozen=True, kw_only=True, gc=False):
    record: _Record = _Record()
    cause: str = ""
    changed_fields: tuple[str, ...] = ()


class _Event(Struct, frozen=True, kw_only=True, gc=False):
    type: str
    data: _Change


_event = msgspec.json.Decoder(_Event)


def observe_acknowledged(values: Sequence[bytes | None]) -> None:
    """Record that the broker has just acknowledged these messages."""
    now = utc_now()
    for value in islice(values, _MOST_LOOKED_AT):
        found = None if value is None else changed_at(value)
        if found is not None:
            cause, at = found
            # TrackerRMS's clock may be ahead of ours.
            _BY_CAUSE[cause].observe(max(0.0, (now - at).total_seconds()))


def changed_at(value: bytes) -> tuple[str, datetime] | None:
    """Return the cause of an event and its record's last update in TrackerRMS; ``None`` if it is unknown."""
    try:
        event = _event.decode(value)
    except msgspec.MsgspecError:
        return None  # a result, a dead letter
    change, at = event.data, event.data.record.remote_updated_at
    if at is None or change.cause not in _BY_CAUSE:
        return None
    if event.type.endswith(".created") or "remote_updated_at" in change.changed_fields:
        return change.cause, at
    return None
