"""What decides a record's version, so that a corrected time zone heals; and how late the index ever was."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_DATING)
    op.execute(_LAG)


_DATING = """
-- A digest of the time zone and of the fields that version was made from; NULL of rows from before.
ALTER TABLE sources ADD COLUMN dating integer;
"""

_LAG = """
-- index_lag_seconds is forgotten by halves; this never is.
ALTER TABLE cursors ADD COLUMN longest_lag_seconds double precision NOT NULL DEFAULT 0;
UPDATE cursors SET longest_lag_seconds = index_lag_seconds;
"""
