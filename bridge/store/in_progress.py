"""Records that commands in progress write, for capture, which may read them before the commands end."""

import msgspec
from msgspec import Struct

from bridge.store.attempts import AttemptProgress
from bridge.store.database import Tx


class CommandInProgress(Struct, frozen=True, kw_only=True):
    """A command that has not ended. ``subject`` and ``target`` as in ``commands.NewCommand``; ``job_id`` and
    ``progress`` are its attempt's, if it has begun one."""

    command_id: str
    type: str
    subject: str
    target: str | None
    job_id: int | None
    progress: AttemptProgress | None


class ReadByCommand(Struct, frozen=True, kw_only=True):
    """A record that a command wrote before it ended, and that was not read since."""

    command_id: str
    resource: str
    row_id: int


# One statement, so one snapshot: either the command in progress is seen, or what it leaves behind.
_UNDER_WAY = """
SELECT c.command_id, c.type, c.subject, c.target, a.job_id, a.progress, NULL::text, NULL::bigint
  FROM commands c
  LEFT JOIN attempts a
    ON a.integration_id = c.integration_id AND a.command_id = c.command_id
   AND a.address = CASE WHEN starts_with(c.subject, 'address:') THEN decode(substr(c.subject, 9), 'hex') END
 WHERE c.integration_id = $1 AND c.finished_at IS NULL AND c.subject IS NOT NULL
UNION ALL
SELECT command_id, NULL, NULL, NULL, NULL, NULL, resource, row_id
  FROM read_requests WHERE integration_id = $1 AND command_id IS NOT NULL
"""

_decoder = msgspec.json.Decoder(AttemptProgress)


async def load_in_progress(
    tx: Tx, integration_id: str
) -> tuple[list[CommandInProgress], list[ReadByCommand]]:
    """Return the commands in progress, and the records that ended commands want read.

    There are few rows, mostly none: the number of commands that processes take from Kafka limits the first, a
    working poller the second.
    """
    doing, reads = [], []
    for row in await tx.fetch(_UNDER_WAY, integration_id):
        if row[1] is None:
            reads.append(ReadByCommand(command_id=row[0], resource=row[6], row_id=row[7]))
            continue
        progress = None if row[5] is None else _decoder.decode(row[5])
        doing.append(
            CommandInProgress(
                command_id=row[0],
                type=row[1],
                subject=row[2],
                target=row[3],
                job_id=row[4],
                progress=progress,
            )
        )
    return doing, reads
