"""The ledger of commands (what was asked, the progress, the result), and claims on persons.

A process works under its own lease, whose name is the ``holder`` of what it works on. What a dead process
held is free for the next one, as its lease has expired. Every write here follows ``leases.assert_held`` in
the same transaction, so that a process that was paused can't write late.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from bridge.store.database import Database, Tx

CommandState = Literal["received", "running", "succeeded", "failed", "unknown"]
Final = Literal["succeeded", "failed", "unknown"]
LEASE_PREFIX = "commands:"


def new_lease_name() -> str:
    """Return a name for the lease of one run of the command stage."""
    return f"{LEASE_PREFIX}{uuid.uuid4().hex}"


class CommandKey(Struct, frozen=True, kw_only=True, order=True):
    """The key of a command in the ledger."""

    integration_id: str
    command_id: str


class NewCommand(Struct, frozen=True, kw_only=True):
    """A command to enter. ``content`` is a keyed hash of its request; ``position`` is its place in Kafka.

    ``subject``: what it writes to, without an address; ``target``: the stage to move an application to.
    """

    key: CommandKey
    type: str
    content: bytes
    position: str
    subject: str | None = None
    target: str | None = None


class CommandClaim(Struct, frozen=True, kw_only=True):
    """State of a command. ``ours``: it is unfinished, and this process is to execute it."""

    state: CommandState
    step: str | None
    content: bytes
    position: str
    ours: bool
    age_seconds: float
    tries: int
    result: bytes | None


class Ending(Struct, frozen=True, kw_only=True):
    """The end of a command. ``result`` is sealed; ``history`` is appended to its lines."""

    key: CommandKey
    state: Final
    error_code: str | None
    result: bytes
    history: Sequence[Mapping[str, Any]] = ()
    tries: int = 1


_ENTER = """
INSERT INTO commands (integration_id, command_id, type, content, position, subject, target, holder)
SELECT *, $8::text
  FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::text[], $7::text[])
ON CONFLICT DO NOTHING
RETURNING integration_id, command_id
"""


async def enter(tx: Tx, holder: str, entries: Sequence[NewCommand]) -> set[CommandKey]:
    """Enter commands as received by ``holder``. Return those that were not in the ledger before."""
    rows = await tx.fetch(
        _ENTER,
        [entry.key.integration_id for entry in entries],
        [entry.key.command_id for entry in entries],
        [entry.type for entry in entries],
        [entry.content for entry in entries],
        [entry.position for entry in entries],
        [entry.subject for entry in entries],
        [entry.target for entry in entries],
        holder,
    )
    return {CommandKey(integration_id=row[0], command_id=row[1]) for row in rows}


# The row is locked first: of two processes that find its holder dead, only one takes it.
_TAKE = """
WITH row AS (
    SELECT * FROM commands WHERE integration_id = $1 AND command_id = $2 FOR UPDATE
), free AS (
    SELECT finished_at IS NULL AND content = $4 AND (
               holder IS NULL OR holder = $3
               OR NOT EXISTS (SELECT FROM leases WHERE name = holder AND expires_at > clock_timestamp())
           ) AS ours FROM row
), taken AS (
    UPDATE commands SET holder = $3
      FROM free WHERE ours AND integration_id = $1 AND command_id = $2
)
SELECT state, step, content, position, ours,
       extract(epoch FROM clock_timestamp() - received_at)::float8, tries, result
  FROM row, free
"""


async def take_command(tx: Tx, holder: str, key: CommandKey, content: bytes) -> CommandClaim | None:
    """Return the state of a command. If it is unfinished and no living process holds it, ``holder`` takes it.

    It is not taken if ``content`` differs: a message that only has the same id is not that command.
    """
    row = await tx.fetchrow(_TAKE, key.integration_id, key.command_id, holder, content)
    if row is None:
        return None
    return CommandClaim(
        state=row[0],
        step=row[1],
        content=row[2],
        position=row[3],
        ours=row[4],
        age_seconds=row[5],
        tries=row[6],
        result=row[7],
    )


_NOTE = """
UPDATE commands
   SET state = 'running', step = $4, history = history || $5::jsonb, tries = greatest(tries, $6)
 WHERE integration_id = $1 AND command_id = $2 AND holder = $3 AND finished_at IS NULL
RETURNING true
"""


async def note_step(
    tx: Tx,
    holder: str,
    key: CommandKey,
    step: str | None,
    lines: Sequence[Mapping[str, Any]] = (),
    tries: int = 0,
) -> bool:
    """Set the command running at ``step``. Return ``False`` if another process has it."""
    added = msgspec.json.encode(lines).decode()
    return bool(await tx.fetchval(_NOTE, key.integration_id, key.command_id, holder, step, added, tries))


_FINISH = """
UPDATE commands AS c
   SET state = e.state, step = NULL, error_code = e.error_code, result = e.result,
       history = c.history || e.history::jsonb, tries = greatest(c.tries, e.tries),
       holder = NULL, finished_at = clock_timestamp()
  FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::text[], $8::int[])
       AS e (integration_id, command_id, state, error_code, result, history, tries)
 WHERE c.integration_id = e.integration_id AND c.command_id = e.command_id
   AND c.holder = $1 AND c.finished_at IS NULL
RETURNING c.integration_id, c.command_id
"""


async def finish_commands(tx: Tx, holder: str, endings: Sequence[Ending]) -> set[CommandKey]:
    """End commands that ``holder`` executes. Return those that it really ended."""
    rows = await tx.fetch(
        _FINISH,
        holder,
        [ending.key.integration_id for ending in endings],
        [ending.key.command_id for ending in endings],
        [ending.state for ending in endings],
        [ending.error_code for ending in endings],
        [ending.result for ending in endings],
        [msgspec.json.encode(ending.history).decode() for ending in endings],
        [ending.tries for ending in endings],
    )
    ended = {CommandKey(integration_id=row[0], command_id=row[1]) for row in rows}
    await tx.execute(
        "DELETE FROM claims USING unnest($1::text[], $2::text[]) AS e (integration_id, command_id) "
        "WHERE claims.integration_id = e.integration_id AND claims.command_id = e.command_id "
        "AND claims.holder = $3",
        [key.integration_id for key in ended],
        [key.command_id for key in ended],
        holder,
    )
    return ended


_CLAIM = """
INSERT INTO claims AS claim (integration_id, subject, command_id, holder) VALUES ($1, $2, $3, $4)
ON CONFLICT (integration_id, subject) DO UPDATE SET command_id = excluded.command_id, holder = excluded.holder
 WHERE claim.holder = excluded.holder
    OR NOT EXISTS (SELECT FROM leases WHERE name = claim.holder AND expires_at > clock_timestamp())
RETURNING true
"""


async def claim_subject(tx: Tx, holder: str, key: CommandKey, subject: str) -> bool:
    """Claim ``subject`` for this process until the command ends. Return ``False`` if another process has it.

    Within one process the caller ensures that only one command at a time asks.
    """
    return bool(await tx.fetchval(_CLAIM, key.integration_id, subject, key.command_id, holder))


async def forget_dead_leases(db: Database) -> None:
    """Delete the leases of processes that ended a day ago."""
    await db.execute(
        "DELETE FROM leases WHERE starts_with(name, $1) "
        "AND expires_at < clock_timestamp() - interval '1 day'",
        LEASE_PREFIX,
    )


async def prune_commands(db: Database, days: float, batch: int = 5_000) -> int:
    """Delete commands that ended more than ``days`` ago, and attempts as old. Return the number of
    commands."""
    tag = await db.execute(
        "DELETE FROM commands WHERE (integration_id, command_id) IN (SELECT integration_id, command_id "
        "FROM commands WHERE received_at < now() - make_interval(secs => $1) "
        "AND finished_at < now() - make_interval(secs => $1) ORDER BY received_at LIMIT $2)",
        days * 86_400,
        batch,
    )
    await db.execute(
        "DELETE FROM attempts WHERE updated_at < now() - make_interval(secs => $1)", days * 86_400
    )
    return int(tag.rpartition(" ")[2])


class CommandSummary(Struct, frozen=True, kw_only=True):
    """A command, for people to look at."""

    integration_id: str
    command_id: str
    type: str
    state: CommandState
    step: str | None
    tries: int
    error_code: str | None
    received_at: datetime
    finished_at: datetime | None
    history: list[dict[str, Any]]
    result: bytes | None


_SHOWN = (
    "integration_id, command_id, type, state, step, tries, error_code, received_at, finished_at, "
    "history::text, result"
)


async def newest_commands(
    db: Database, integration_id: str | None, states: Collection[str], limit: int
) -> list[CommandSummary]:
    """Return the newest commands, of one integration or all, in one of ``states`` (empty: any)."""
    rows = await db.fetch(
        f"SELECT {_SHOWN} FROM commands WHERE ($1::text IS NULL OR integration_id = $1) "
        "AND (cardinality($2::text[]) = 0 OR state = ANY($2)) ORDER BY received_at DESC LIMIT $3",
        integration_id,
        list(states),
        limit,
    )
    return [_shown(row) for row in rows]


async def find_commands(db: Database, command_id: str) -> list[CommandSummary]:
    """Return the commands with that id: one for each integration that it was sent to."""
    rows = await db.fetch(f"SELECT {_SHOWN} FROM commands WHERE command_id = $1", command_id)
    return [_shown(row) for row in rows]


def _shown(row: Any) -> CommandSummary:
    return CommandSummary(
        integration_id=row[0],
        command_id=row[1],
        type=row[2],
        state=row[3],
        step=row[4],
        tries=row[5],
        error_code=row[6],
        received_at=row[7],
        finished_at=row[8],
        history=msgspec.json.decode(row[9]),
        result=row[10],
    )
