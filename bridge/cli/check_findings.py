"""What running has noticed of an account, for its check: what a short look at the account can't see."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Literal

from msgspec import Struct

from bridge.cli import check_rows
from bridge.store import gaps, holds, parked, remarks
from bridge.store.database import Database

_KEYS = "keys of [integrations.tracker]"


class Noticed(Struct, frozen=True, kw_only=True):
    """One line: a remark, gap, hold, or records parked. ``warning``: no setting cures it."""

    name: str
    result: Literal["error", "warning"]
    reason: str


async def noticed(db: Database, integration_id: str) -> AsyncIterator[Noticed]:
    """Yield what the status tells of the account, the cured left out."""
    for remark in await remarks.load_remarks(db, integration_id):
        yield _line(f"{remark.resource}: {remark.code}", remark.text)
    for gap in await gaps.count_gaps(db, integration_id):
        told = f"left out of {gap.records:,} records, such as {gap.example}: {gap.reason}"
        yield _line(f"{gap.resource}: {gap.field}", told)
    for held in await holds.load_waiting_holds(db, integration_id):
        if held.state == "held":
            told = f"{held.evidence}; {held.row_count:,} records wait: bridge holds list"
            yield Noticed(name=f"{held.resource}: {held.kind}", result="error", reason=told)
    waiting = await parked.list_parked(db, integration_id)
    counted = Counter(one.resource for one in waiting)
    first = {one.resource: one.reason for one in reversed(waiting)}
    for resource, count in counted.items():
        told = f"{count:,} records are parked: {first[resource]}; {_KEYS}"
        yield Noticed(name=f"{resource}: parked", result="error", reason=told)


def _line(name: str, told: str) -> Noticed:
    if not check_rows.names_a_key(told):
        return Noticed(name=name, result="warning", reason=told)
    return Noticed(name=name, result="error", reason=f"{told}; {_KEYS}")
