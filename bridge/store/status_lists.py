"""What an account's list of placement statuses is believed to be; the poller knows the content's shape."""

from bridge.store.database import Database, Tx


async def load_status_list(db: Database, integration_id: str) -> bytes | None:
    """Return what was saved last; ``None`` before the first time."""
    content: bytes | None = await db.fetchval(
        "SELECT content FROM status_lists WHERE integration_id = $1", integration_id
    )
    return content


async def save_status_list(tx: Tx, integration_id: str, content: bytes) -> None:
    """Replace what is saved."""
    await tx.execute(
        "INSERT INTO status_lists (integration_id, content) VALUES ($1, $2) "
        "ON CONFLICT (integration_id) DO UPDATE SET content = excluded.content",
        integration_id,
        content,
    )
