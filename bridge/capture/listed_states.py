"""The state of a job by the list that it stands in; by its own record where lists do not agree.

A word that the account starts to ignore puts every job into every list. So a list's word that is news, and
that the job's own record does not say too, is believed only where the job is in none of the other lists.
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
"""A job that so many pages did not show may stand further behind: it counts as one of both lists."""


def of_row(listed: str | None, before: RowState | None, *, later: bool, reread: bool) -> str | None:
    """Return the state that a row's list says, or ``BY_RECORD`` where another list says another of the same
    version.

    A list runs behind: of two that disagree, the ``later`` version is right. A row that was read within a
    moment of its change has none to compare. Once contested, it stays so until a complete sweep meets it in
    one list, or a resync.
    """
    if listed is None or before is None or before.gone:
        return listed
    if before.state == BY_RECORD:
        return listed if reread else BY_RECORD
    if before.fingerprint is None or before.state in (None, listed):
        return listed
    return listed if later else BY_RECORD


def of_moved(listed: str | None, moved: ChangedRow | None) -> str | None:
    """Return the state to read a record by; ``None``: its own record says it."""
    return None if moved is not None and moved.contested else listed


def others(states: Sequence[str | None], moved: ChangedRow, *, loaded: bool) -> tuple[str, ...]:
    """Return the states whose lists could contradict what a row's list says; none where that is no news.

    ``loaded``: the first load is over; what it meets is compared as the lists after it are read.
    """
    said, known = moved.source.state, moved.known
    if said in (None, BY_RECORD):
        return ()
    if known is None or known.gone or known.state == BY_RECORD:
        rest = (state for state in states if state is not None and state != said)
        return tuple(rest) if loaded else ()
    return () if known.state in (None, said) else (str(known.state),)


def contested(moved: ChangedRow) -> ChangedRow:
    """Return the row as one that stands in the lists of two states."""
    source = msgspec.structs.replace(moved.source, state=BY_RECORD)
    return msgspec.structs.replace(moved, source=source, contested=True)


async def have(client: Client, resource: ResourceName, states: Iterable[str], moved: ChangedRow) -> bool:
    """Return whether the list of one of these states has a row too.

    Raises what the client raises for the account as a whole.
    """
    for state in states:
        try:
            if await _has(client, resource, state, moved):
                return True
        except (Refused, Unreadable):
            continue  # its own poll or sweep reports it
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
