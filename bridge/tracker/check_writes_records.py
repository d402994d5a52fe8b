"""Records that the trial of ``bridge check --write`` works on, found by reading alone."""

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


class NotTried(Permanent):
    """An action that needs what is not there."""


async def newest_open_job(client: Client) -> tuple[str, int]:
    """The open job with the highest id, and among how many; of a long list, its first pages."""
    state = client.settings["jobs"].states[0]
    rows = record_lookups.list_rows(client, "jobs", state=state, pages=_PAGES)
    found = {row.remote_id async for row in rows}
    if not found:
        raise NotTried("there is no open job to add the candidate to")
    return max(found, key=int), len(found)


async def await_application(
    client: Client, job: str, candidate: str, answered: str | None, wait_seconds: float
) -> str | None:
    """The application of this job and candidate: the ``answered`` one, else what the list shows in time.

    The vendor's documented answer names none.
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
            # What updatedAfter compares with is not sure.
            return await record_lookups.find_application(client, job, candidate, None, pages=_PAGES)
        await asyncio.sleep(_LOOK_SECONDS)


async def made(client: Client, email: str, is_ours: Callable[[CandidateFound], bool]) -> str | None:
    """The candidate that was just made, where the answer did not name it: by e-mail, else in the list."""
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
    """The candidates that the list shows as made or changed just now, the highest ids first."""
    return await record_lookups.recent_candidates(client, utc_now() - _RECENT, pages=_RECENT_PAGES)
