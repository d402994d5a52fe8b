"""Signs that a list stops before its end but claims to be complete. They are remarks, as nothing proves
it."""

import asyncio
from collections.abc import Iterable

import structlog
from trackerrms_contracts import ids
from trackerrms_contracts.entities import Model

from bridge.capture.deletion import CaptureContext
from bridge.capture.list_read import ListRead
from bridge.store import lookups, remarks, row_states
from bridge.tracker.errors import CredentialsRefused, Refused, Unreachable, Unreadable
from bridge.tracker.schema import Resource, ResourceName

_ROUND_COUNT = "round_count"
_UNLISTED = "unlisted_references"
_NAMED: tuple[tuple[ResourceName, Model], ...] = (("candidates", Model.CANDIDATE), ("jobs", Model.JOB))
_TRIED = 3
_TELLING = 1000
"""A complete list with fewer rows may well have that many rows, however round the number is."""
_log = structlog.get_logger(__name__)


async def remark_cap(capture: CaptureContext, resource: Resource, state: str | None, read: ListRead) -> None:
    """Remark on a large complete list whose number of rows is one at which searches stop.

    Many accounts have a hundred candidates: for smaller numbers only references to unlisted records are a
    sign.
    """
    capped = read.capped_at(capture.pages.page_size(resource))
    code = _ROUND_COUNT if state is None else f"{_ROUND_COUNT}_{state}"
    if capped is None or capped < _TELLING:
        await remarks.clear(capture.db, capture.integration_id, resource.name, code)
        return
    listed = resource.name if state is None else f"{resource.name} of state {state}"
    await remarks.add_remark(
        capture.db,
        capture.integration_id,
        resource.name,
        code,
        f"the list of {listed} has exactly {capped} rows, and all of its pages are full: its search may "
        "stop there. Compare with TrackerRMS; further records are read only if a request or an application "
        "names them",
    )


class ListCaps:
    """Detection of records that were pushed out of a list: a search that stops at n rows always shows n.

    For a resource that can't be read by id. ``longest`` is the largest number of rows since the start.
    """

    def __init__(self) -> None:
        self._longest = 0

    def doubt(self, read: ListRead, page_size: int, known: int) -> str | None:
        """Return why this complete read deletes nothing, or ``None``. ``known`` is the number of records
        believed to exist, including those read."""
        rows, capped = len(read.seen), read.capped_at(page_size)
        self._longest = max(self._longest, rows)
        if capped is None or known <= rows or rows < self._longest:
            return None
        return (
            f"the list has exactly {capped} rows as before, and {known - rows} known records are missing: "
            "its search may stop there and show others instead. Compare with TrackerRMS"
        )


async def remark_unlisted(capture: CaptureContext, states: Iterable[str | None]) -> None:
    """Remark on candidates and jobs that applications name but no list shows. Call this after their scan.

    ``states``: the states that jobs are listed by.
    """
    db, integration_id = capture.db, capture.integration_id
    for name, model in _NAMED:
        named = await lookups.named_by_applications(db, integration_id, str(model))
        applications = sum(named.values())
        async for row_ids in row_states.live(db, integration_id, name):
            for start in range(0, len(row_ids), 500):
                for row_id in row_ids[start : start + 500]:
                    named.pop(ids.entity_id(integration_id, model, str(row_id)), None)
                await asyncio.sleep(0)
        if not named or applications == sum(named.values()):
            # If none is known, the list was not read yet, or its model is off.
            await remarks.clear(db, integration_id, name, _UNLISTED)
            continue
        listed = await row_states.count_live_rows(db, integration_id, name)
        exactly = f", which has exactly {listed} rows" if listed % 10 == 0 else ""
        known = f"{len(named)} {name} that the list does not show{exactly}"
        text = f"{sum(named.values())} applications name {known}"
        if not await _one_is_there(capture, name, model, named):
            text += f": its search may stop before its end, or paths.{name} may not list all of them"
        else:
            text += f", and they can be read by id: {await _cure(capture, name, states)}"
        await remarks.add_remark(db, integration_id, name, _UNLISTED, text)


async def _cure(capture: CaptureContext, name: ResourceName, states: Iterable[str | None]) -> str:
    if name == "jobs":
        listed = await row_states.load_states(capture.db, capture.integration_id, name)
        empty = [state for state in states if state is not None and state not in listed]
        if empty:
            return f"no job is listed as {' or '.join(empty)}: set states.{empty[0]} to the account's word"
    return f"its search stops before its end; set paths.{name} to a complete list"


async def _one_is_there(
    capture: CaptureContext, name: ResourceName, model: Model, named: Iterable[str]
) -> bool:
    """Report whether one of a few named records can be read by id: a reference may be to a deleted record."""
    tried = sorted(named)[:_TRIED]
    for application in await lookups.some_naming(capture.db, capture.integration_id, str(model), tried):
        try:
            if await capture.pages.is_named_there(str(application), name, f"{model}_id"):
                return True
        except (Unreadable, Refused, CredentialsRefused, Unreachable) as error:
            _log.info("named.not_read", integration=capture.integration_id, resource=name, reason=str(error))
    return False
