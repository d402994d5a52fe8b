"""Finds the records that the trial of ``bridge check --write`` works on, by reading only."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

from bridge.clock import utc_now
from bridge.errors import Permanent
from bridge.tracker import record_lookups
from bridge.tracker.client import Client
from bridge.tracker.record_lookups import CandidateFound

_RECENT = timedelta(minutes=10)
_RECENT_PAGES = 3
_PAGES = 20
_LOOK_SECONDS = 1.0


class WriteSkipped(Permanent):
    """An action that was not tried because something it needs does not exist."""


async def newest_open_job(client: Client) -> tuple[str, int]:
    """Return the open job with the highest id, and the number of open jobs seen. A long list is cut after its
    first pages."""
    state = client.settings["jobs"].states[0]
    rows = record_lookups.list_rows(client, "jobs", state=state, pages=_PAGES)
    found = {row.remote_id async for row in rows}
    if not found:
        raise WriteSkipped("there is no open job to add the candidate to")
    return max(found, key=int), len(found)


async def await_application(
    client: Client, job: str, candidate: str, answered: str | None, wait_seconds: float
) -> str | None:
    """Return the application of this job and candidate: the ``answered`` one, else the one that the list
    shows in time.

    The vendor's documented answer has no id.
    """
    if answered is not None:
        found = await record_lookups.read_application(client, answered)
        if found is not None and (found.job, found.candidate) == (job, candidate):
            return answered
    since = utc_now() - _RECENT
    deadline = time.monotonic() + wait_seconds
    while True:
        listed = await record_lookups.find_application(client, job, candidate, since, pages=_RECENT_PAGES)
        if listed is not None:
            return listed
        if time.monotonic() >= deadline:
            # It is uncertain what updatedAfter compares with.
            return await record_lookups.find_application(client, job, candidate, None, pages=_PAGES)
        await asyncio.sleep(_LOOK_SECONDS)


async def made(client: Client, email: str, is_ours: Callable[[CandidateFound], bool]) -> str | None:
    """Return the candidate that was just created if the answer had no id: by e-mail, else from the list."""
    if record_lookups.can_find_people(client):
        person = await record_lookups.person_by_email(client, email)
        if person is not None and person.remote_id is not None:
            return person.remote_id
    for candidate in await recent(client):
        found = await record_lookups.read_candidate(client, candidate)
        if found is not None and is_ours(found):
            return candidate
    return None


async def recent(client: Client) -> list[str]:
    """Return the candidates that were created or changed just now according to the list, highest
    ids first."""
    return await record_lookups.recent_candidates(client, utc_now() - _RECENT, pages=_RECENT_PAGES)
