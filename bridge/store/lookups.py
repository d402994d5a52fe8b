"""Look-ups of commands: candidates by address, applications by candidate and job, remote ids by our ids.

Capture maintains all three as it reads records; a command adds what it has just written. Addresses are keyed
hashes (``Hasher.address``).
"""

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct
from trackerrms_contracts import ids
from trackerrms_contracts.entities import Model

from bridge.store.database import Database, Tx

NAMED = frozenset({Model.USER, Model.JOB, Model.APPLICATION, Model.APPLICATION_STAGE, Model.REJECTION_REASON})
"""Models that a command's input refers to."""


class ApplicationPair(Struct, frozen=True, kw_only=True):
    """An application: its remote id, and the bridge's ids of its candidate and job."""

    application_id: int
    candidate: str
    job: str


_PUT_ADDRESSES = """
WITH fresh AS (
    SELECT * FROM unnest($2::bytea[], $3::bigint[]) AS f (address, candidate_id)
), left_behind AS (
    DELETE FROM candidate_addresses AS a
     WHERE a.integration_id = $1 AND a.candidate_id = ANY($4::bigint[])
       AND NOT EXISTS (SELECT FROM fresh f WHERE (f.address, f.candidate_id) = (a.address, a.candidate_id))
)
INSERT INTO candidate_addresses (integration_id, address, candidate_id)
SELECT $1, address, candidate_id FROM fresh
ON CONFLICT DO NOTHING
"""


async def put_addresses(tx: Tx, integration_id: str, addresses: Mapping[int, Collection[bytes]]) -> None:
    """Store all present addresses of candidates; their former addresses are deleted."""
    if not addresses:
        return
    flat = [(address, candidate) for candidate, held in addresses.items() for address in sorted(set(held))]
    await tx.execute(
        _PUT_ADDRESSES, integration_id, [a for a, _ in flat], [c for _, c in flat], list(addresses)
    )


async def add_address(tx: Tx, integration_id: str, address: bytes, candidate_id: int) -> None:
    """Add an address of a candidate."""
    await tx.execute(
        "INSERT INTO candidate_addresses (integration_id, address, candidate_id) VALUES ($1, $2, $3) "
        "ON CONFLICT DO NOTHING",
        integration_id,
        address,
        candidate_id,
    )


async def candidates_at(db: Database, integration_id: str, address: bytes) -> list[int]:
    """Return the candidates that had this address when last read, oldest record first."""
    rows = await db.fetch(
        "SELECT candidate_id FROM candidate_addresses WHERE integration_id = $1 AND address = $2 "
        "ORDER BY candidate_id",
        integration_id,
        address,
    )
    return [row[0] for row in rows]


_PUT_PAIRS = """
INSERT INTO application_pairs (integration_id, application_id, candidate, job)
SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[])
ON CONFLICT (integration_id, application_id) DO UPDATE SET candidate = excluded.candidate, job = excluded.job
WHERE (application_pairs.candidate, application_pairs.job) <> (excluded.candidate, excluded.job)
"""


async def put_pairs(tx: Tx, integration_id: str, pairs: Sequence[ApplicationPair]) -> None:
    """Store applications."""
    if pairs:
        await tx.execute(
            _PUT_PAIRS,
            integration_id,
            [pair.application_id for pair in pairs],
            [pair.candidate for pair in pairs],
            [pair.job for pair in pairs],
        )


async def applications_of(db: Database, candidate: str, job: str) -> list[int]:
    """Return the applications of a candidate on a job (the bridge's ids), newest first."""
    rows = await db.fetch(
        "SELECT application_id FROM application_pairs WHERE candidate = $1 AND job = $2 "
        "ORDER BY application_id DESC",
        candidate,
        job,
    )
    return [row[0] for row in rows]


async def named_by_applications(db: Database, integration_id: str, what: str) -> dict[str, int]:
    """Return the candidates or jobs (``what``; the bridge's ids) that applications name, with their
    counts."""
    column = {"candidate": "candidate", "job": "job"}[what]
    rows = await db.fetch(
        f"SELECT {column}, count(*) FROM application_pairs WHERE integration_id = $1 GROUP BY {column}",
        integration_id,
    )
    return {row[0]: row[1] for row in rows}


async def some_naming(db: Database, integration_id: str, what: str, entity_ids: Sequence[str]) -> list[int]:
    """Return, for each of these candidates or jobs (``what``; the bridge's ids), an application that names
    it."""
    column = {"candidate": "candidate", "job": "job"}[what]
    rows = await db.fetch(
        f"SELECT max(application_id) FROM application_pairs WHERE integration_id = $1 "
        f"AND {column} = ANY($2::text[]) GROUP BY {column}",
        integration_id,
        entity_ids,
    )
    return [row[0] for row in rows]


async def forget_records(tx: Tx, integration_id: str, resource: str, row_ids: Sequence[int]) -> None:
    """Delete the entries of records that are gone from TrackerRMS."""
    if resource == "candidates":
        await tx.execute(
            "DELETE FROM candidate_addresses WHERE integration_id = $1 AND candidate_id = ANY($2::bigint[])",
            integration_id,
            row_ids,
        )
    elif resource == "applications":
        await tx.execute(
            "DELETE FROM application_pairs WHERE integration_id = $1 AND application_id = ANY($2::bigint[])",
            integration_id,
            row_ids,
        )


async def put_ids(tx: Tx, integration_id: str, keys: Sequence[tuple[Model, str]]) -> None:
    """Store what these ids name: (model, remote id), for the models that commands name."""
    named = [(model, remote_id) for model, remote_id in keys if model in NAMED]
    if named:
        await tx.execute(
            "INSERT INTO known_ids (integration_id, id, model, remote_id) "
            "SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[]) ON CONFLICT DO NOTHING",
            integration_id,
            [ids.entity_id(integration_id, model, remote_id) for model, remote_id in named],
            [str(model) for model, _ in named],
            [remote_id for _, remote_id in named],
        )


async def find_remote_id(db: Database, integration_id: str, entity_id: str) -> tuple[Model, str] | None:
    """Return (model, remote id) of one of the integration's ids; ``None`` if it was never seen."""
    row = await db.fetchrow(
        "SELECT model, remote_id FROM known_ids WHERE id = $1 AND integration_id = $2",
        entity_id,
        integration_id,
    )
    return None if row is None else (Model(row[0]), row[1])
