"""Every column of the bridge's tables is used by the code that keeps its table."""

import re
from pathlib import Path

import bridge
from bridge.store.database import Database

STORE = Path(bridge.__file__).parent / "store"
# Columns that no statement names, with the reason.
UNNAMED: dict[tuple[str, str], str] = {
    ("endpoints_version", "only_row"): "keeps the table to one row",
    ("installation", "singleton"): "keeps the table to one row",
    ("read_requests", "queued_at"): "for a person who looks why a record is not read yet",
}


async def test_every_column_is_named_where_its_table_is(db: Database) -> None:
    columns = await db.fetch(
        "SELECT table_name::text, column_name::text FROM information_schema.columns "
        "WHERE table_schema = 'public'"
    )
    assert len(columns) > 100
    sources = [path.read_text(encoding="utf-8") for path in sorted(STORE.glob("*.py"))]
    unnamed = {
        (table, column)
        for table, column in columns
        if not any(named(table, text) and named(column, text) for text in sources)
    }
    assert unnamed == UNNAMED.keys(), "no statement of bridge/store uses these: drop them, or say why not"


def named(word: str, text: str) -> bool:
    """Whether the text has the word."""
    return re.search(rf"\b{re.escape(word)}\b", text) is not None
