"""Findings about an account from running the bridge, which the short look of a check can't see."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Literal

from msgspec import Struct

from bridge.cli import check_rows
from bridge.store import gaps, holds, parked, remarks
from bridge.store.database import Database

_KEYS = "keys of [integrations.tracker]"


class Noticed(Struct, frozen=True, kw_only=True):
    """A finding: a remark, a gap, a hold, or parked records. ``warning`` means that no setting
    corrects it."""

    name: str
    result: Literal["error", "warning"]
    reason: str


async def noticed(db: Database, integration_id: str) -> AsyncIterator[Noticed]:
    """Yield the current findings that ``bridge status`` shows for the account."""
    for remark in await remarks.load_remarks(db, integration_id):
        yield _line(f"{remark.resource}: {remark.code}", remark.text)
    for gap in await gaps.count_gaps(db, integration_id):
        reason = f"left out of {gap.records:,} records, such as {gap.example}: {gap.reason}"
        yield _line(f"{gap.resource}: {gap.field}", reason)
    for held in await holds.load_waiting_holds(db, integration_id):
        if held.state == "held":
            reason = f"{held.evidence}; {held.row_count:,} records are held; see bridge holds list"
            yield Noticed(name=f"{held.resource}: {held.kind}", result="error", reason=reason)
    waiting = await parked.list_parked(db, integration_id)
    counted = Counter(one.resource for one in waiting)
    first = {one.resource: one.reason for one in reversed(waiting)}
    for resource, count in counted.items():
        reason = f"{count:,} records are parked: {first[resource]}; {_KEYS}"
        yield Noticed(name=f"{resource}: parked", result="error", reason=reason)


def _line(name: str, reason: str) -> Noticed:
    if not check_rows.names_a_key(reason):
        return Noticed(name=name, result="warning", reason=reason)
    return Noticed(name=name, result="error", reason=f"{reason}; {_KEYS}")
