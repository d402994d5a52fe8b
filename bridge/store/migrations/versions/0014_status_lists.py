"""The agreed list of placement statuses: what it is, and in which order, over a restart."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_STATUS_LISTS)


_STATUS_LISTS = """
-- Settings of the account, no personal data. content is JSON: bridge.tracker.statuses.StatusList.
CREATE TABLE status_lists (
    integration_id text PRIMARY KEY,
    content bytea NOT NULL
);
"""
