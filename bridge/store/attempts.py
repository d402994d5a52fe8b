"""Attempts: one person's application to one job, and how far it came, whichever command carried it.

A failed command leaves its attempt; the next one for the same address and job goes on from there.
"""

from datetime import datetime

import msgspec
from msgspec import Struct

from bridge.store.commands import CommandKey
from bridge.store.database import Tx

CREATING, ADDING = "create_candidate", "add_to_job"
"""The steps, as ``Progress.started`` says them, that make a record whose id nobody knows yet."""


class AttemptProgress(Struct, frozen=True, kw_only=True):
    """What was done in TrackerRMS, by remote ids; no values.

    ``made``: the candidate was made by this attempt. ``started``: the step whose call may have been sent
    and whose effect is not known yet. ``documents``: digests of those attached. ``warnings`` are told in
    the result, whichever command ends the attempt.
    """

    candidate: str | None = None
    made: bool = False
    filled: bool = False
    application: str | None = None
    staged: str | None = None
    documents: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    started: str | None = None
    started_at: datetime | None = None


class Attempt(Struct, frozen=True, kw_only=True):
    """``done``: a command ended it with success; ``command_id``: the one that worked on it last."""

    command_id: str
    done: bool
    progress: AttemptProgress


_decoder = msgspec.json.Decoder(AttemptProgress)


async def load_attempt(tx: Tx, integration_id: str, address: bytes, job_id: int) -> Attempt | None:
    """The attempt for this address and job, if there was one."""
    row = await tx.fetchrow(
        "SELECT command_id, done, progress FROM attempts "
        "WHERE integration_id = $1 AND address = $2 AND job_id = $3",
        integration_id,
        address,
        job_id,
    )
    return None if row is None else Attempt(command_id=row[0], done=row[1], progress=_decoder.decode(row[2]))


_SAVE = """
INSERT INTO attempts (integration_id, address, job_id, command_id, done, progress)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (integration_id, address, job_id) DO UPDATE
   SET command_id = excluded.command_id, done = excluded.done, progress = excluded.progress,
       updated_at = clock_timestamp()
"""


async def save_attempt(
    tx: Tx, key: CommandKey, address: bytes, job_id: int, progress: AttemptProgress, *, done: bool = False
) -> None:
    """Remember how far it came. The caller holds the claim on the address."""
    encoded = msgspec.json.encode(progress)
    await tx.execute(_SAVE, key.integration_id, address, job_id, key.command_id, done, encoded)
