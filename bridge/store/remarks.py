"""Remarks: signs in an account's answers that look wrong but are not failures, as long as they are seen.

A remark's text names the evidence and the key of ``bridge.toml`` to set, and never a record's value.
"""

from datetime import datetime

from msgspec import Struct

from bridge.store.database import Database, Tx


class Remark(Struct, frozen=True, kw_only=True):
    """A kind of remark on one resource. ``code`` is a metric's label: one of the bridge's words, never the
    account's.

    ``count`` is the number of times it was seen; ``text`` is the latest.
    """

    resource: str
    code: str
    text: str
    first_seen: datetime
    last_seen: datetime
    count: int


_NOTE = """
INSERT INTO remarks AS r (integration_id, resource, code, text, count) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (integration_id, resource, code) DO UPDATE
SET text = excluded.text, last_seen = clock_timestamp(), count = r.count + excluded.count
"""


async def add_remark(
    db: "Database | Tx", integration_id: str, resource: str, code: str, text: str, count: int = 1
) -> None:
    """Record a remark that was seen ``count`` times now. The counts of the same code add up."""
    # PostgreSQL does not accept NUL in text, and a key of the account's may contain one.
    await db.execute(_NOTE, integration_id, resource, code, text.replace("\0", ""), count)


async def clear(db: "Database | Tx", integration_id: str, resource: str, *codes: str) -> None:
    """Clear these remarks, as they no longer apply."""
    await db.execute(
        "DELETE FROM remarks WHERE integration_id = $1 AND resource = $2 AND code = ANY($3::text[])",
        integration_id,
        resource,
        list(codes),
    )


async def load_remarks(db: "Database | Tx", integration_id: str) -> list[Remark]:
    """Return the remarks on an account, by resource and code."""
    rows = await db.fetch(
        f"SELECT {', '.join(Remark.__struct_fields__)} FROM remarks WHERE integration_id = $1 "
        "ORDER BY resource, code",
        integration_id,
    )
    return [Remark(**dict(r)) for r in rows]
