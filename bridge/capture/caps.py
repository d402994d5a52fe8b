"""Signs that a list stops before its end and says that this is all: remarked on, for nothing proves it."""

import asyncio

from bridge.capture.deletion import Doors
from bridge.capture.list_read import ListRead
from bridge.store import lookups, remarks, sources
from bridge.tracker.shapes import Resource
from contracts import ids
from contracts.entities import Model

_ROUND_COUNT = "round_count"
_UNLISTED = "unlisted_references"
_NAMED = (("candidates", Model.CANDIDATE), ("jobs", Model.JOB))


async def remark_cap(doors: Doors, resource: Resource, state: str | None, read: ListRead) -> int | None:
    """Remark on a whole list of exactly a number of rows at which searches stop; return that number."""
    capped = read.capped_at(doors.pages.page_size(resource))
    code = _ROUND_COUNT if state is None else f"{_ROUND_COUNT}_{state}"
    if capped is None:
        await remarks.clear(doors.db, doors.integration_id, resource.name, code)
        return None
    listed = resource.name if state is None else f"{resource.name} of state {state}"
    text = (
        f"the list of {listed} has exactly {capped} rows, all of its pages full: its search may stop there. "
        "Compare with TrackerRMS; records beyond are read only when a hint or an application names them"
    )
    if resource.by_id is None:
        text += "; no deletion is taken from a list of this length"
    await remarks.note(doors.db, doors.integration_id, resource.name, code, text)
    return capped


async def remark_unlisted(doors: Doors) -> None:
    """Remark on candidates and jobs that applications name and no list shows; their scan has just ended."""
    for name, model in _NAMED:
        named = await lookups.named_by_applications(doors.db, doors.integration_id, str(model))
        applications = sum(named.values())
        async for row_ids in sources.live(doors.db, doors.integration_id, name):
            for start in range(0, len(row_ids), 500):
                for row_id in row_ids[start : start + 500]:
                    named.pop(ids.entity_id(doors.integration_id, model, str(row_id)), None)
                await asyncio.sleep(0)
        if not named or applications == sum(named.values()):
            # Where none is known, the list was not read yet, or its model is off.
            await remarks.clear(doors.db, doors.integration_id, name, _UNLISTED)
            continue
        await remarks.note(
            doors.db,
            doors.integration_id,
            name,
            _UNLISTED,
            f"{sum(named.values())} applications name {len(named)} {name} that the list does not show: its "
            f"search may stop before its end, or paths.{name} is not the list of them all",
        )
