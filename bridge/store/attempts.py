"""Attempts: one person's application to one job and its progress, across commands.

A failed command leaves its attempt behind; the next command for the same address and job continues it.
"""

from datetime import datetime

import msgspec
from msgspec import Struct

from bridge.store.commands import CommandKey
from bridge.store.database import Tx

CREATING, ADDING = "create_candidate", "add_to_job"
"""The steps, as in ``AttemptProgress.started``, that create a record whose id is not known yet."""


class AttemptProgress(Struct, frozen=True, kw_only=True):
    """The steps that were carried out in TrackerRMS, by remote ids, without values.

    ``made``: this attempt created the candidate. ``started``: the step whose call may have been sent and
    whose effect is not known yet. ``documents``: digests of the attached ones. ``warnings`` go into the
    result of the command that ends the attempt.
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
    """An attempt. ``done``: a command ended it with success; ``command_id``: the last command that worked on
    it."""

    command_id: str
    done: bool
    progress: AttemptProgress


_decoder = msgspec.json.Decoder(AttemptProgress)


async def load_attempt(tx: Tx, integration_id: str, address: bytes, job_id: int) -> Attempt | None:
    """Return the attempt for this address and job, if there was one."""
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
    """Save the progress of an attempt. The caller holds the claim on the address."""
    encoded = msgspec.json.encode(progress)
    await tx.execute(_SAVE, key.integration_id, address, job_id, key.command_id, done, encoded)
