"""What the rows of a scan were read by, so that a change of it is noticed by whoever polls next."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_MEANING)


_MEANING = """
-- Of applications: a keyed digest of the placement statuses, which decide what a row means. NULL elsewhere.
ALTER TABLE scans ADD COLUMN meaning bytea;
"""
