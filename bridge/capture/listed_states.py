"""The state of a job according to the list it is in, or to its own record if lists disagree.

If an account starts to ignore the state parameter, every job is in every list. So a state that is new for a
job, and that its own record does not confirm, is believed only if none of the other lists has the job.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import msgspec

from bridge.capture.observations import ChangedRow
from bridge.store.stored_records import BY_RECORD, RowState
from bridge.tracker.client import Client
from bridge.tracker.errors import Refused, Unreadable
from bridge.tracker.schema import ResourceName

_LOOK_BACK = timedelta(minutes=2)
_MOST_PAGES = 10
"""A job that is not on so many pages may be on a later page, and counts as being in both lists."""


def of_row(listed: str | None, before: RowState | None, *, later: bool, reread: bool) -> str | None:
    """Return the state of a row's list, or ``BY_RECORD`` if another list claims another state for this
    version.

    Lists lag: if two disagree, the ``later`` version is right. A row that was read right after its change has
    no version to compare. A contested state remains contested until a complete sweep finds the job in one
    list only, or until a resync.
    """
    if listed is None or before is None or before.gone:
        return listed
    if before.state == BY_RECORD:
        return listed if reread else BY_RECORD
    if before.fingerprint is None or before.state in (None, listed):
        return listed
    return listed if later else BY_RECORD


def of_moved(listed: str | None, moved: ChangedRow | None) -> str | None:
    """Return the state to read a record with; ``None``: its own record has it."""
    return None if moved is not None and moved.contested else listed


def others(states: Sequence[str | None], moved: ChangedRow, *, loaded: bool) -> tuple[str, ...]:
    """Return the states whose lists could contradict the state of a row's list; none if that is not new.

    ``loaded``: the first load is over. What the first load meets is compared when later lists are read.
    """
    said, known = moved.source.state, moved.known
    if said in (None, BY_RECORD):
        return ()
    if known is None or known.gone or known.state == BY_RECORD:
        rest = (state for state in states if state is not None and state != said)
        return tuple(rest) if loaded else ()
    return () if known.state in (None, said) else (str(known.state),)


def contested(moved: ChangedRow) -> ChangedRow:
    """Return the row marked as being in the lists of two states."""
    source = msgspec.structs.replace(moved.source, state=BY_RECORD)
    return msgspec.structs.replace(moved, source=source, contested=True)


async def have(client: Client, resource: ResourceName, states: Iterable[str], moved: ChangedRow) -> bool:
    """Return whether the list of one of these states has the row too.

    Raises the client's errors that concern the account as a whole.
    """
    for state in states:
        try:
            if await _has(client, resource, state, moved):
                return True
        except (Refused, Unreadable):
            continue  # that state's own poll or sweep reports it
    return False


async def _has(client: Client, resource: ResourceName, state: str, moved: ChangedRow) -> bool:
    since = None if moved.latest is None else moved.latest - _LOOK_BACK
    for number in range(1, _MOST_PAGES + 1):
        page = await client.pages(resource, state=state, updated_after=since, number=number)
        if moved.row.remote_id in page.row_ids:
            return True
        if not page.has_next:
            return False
    return True
