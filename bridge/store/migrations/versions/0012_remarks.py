"""What an account's answers look like wrong, where that is no failure: noticed, counted, shown."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_REMARKS)


_REMARKS = """
-- One row a kind of remark: text is that of its latest sight, count how often it was noted.
CREATE TABLE remarks (
    integration_id text NOT NULL,
    resource text NOT NULL,
    code text NOT NULL,
    text text NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen timestamptz NOT NULL DEFAULT clock_timestamp(),
    count bigint NOT NULL,
    PRIMARY KEY (integration_id, resource, code)
);
"""
