"""The agreed list of an account's placement statuses; the poller knows the format of the content."""

from bridge.store.database import Database, Tx


async def load_status_list(db: Database, integration_id: str) -> bytes | None:
    """Return the saved list; ``None`` before the first one."""
    content: bytes | None = await db.fetchval(
        "SELECT content FROM status_lists WHERE integration_id = $1", integration_id
    )
    return content


async def save_status_list(tx: Tx, integration_id: str, content: bytes) -> None:
    """Replace the saved list."""
    await tx.execute(
        "INSERT INTO status_lists (integration_id, content) VALUES ($1, $2) "
        "ON CONFLICT (integration_id) DO UPDATE SET content = excluded.content",
        integration_id,
        content,
    )
