"""Values that are there and can't be read: left out, and counted by field."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_GAPS)


_GAPS = """
-- One row for each field of a record whose value can't be read without a guess, while that is so.
CREATE TABLE gaps (
    integration_id text NOT NULL,
    resource text NOT NULL,
    field text NOT NULL,
    row_id bigint NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (integration_id, resource, field, row_id)
);
CREATE INDEX gaps_by_record ON gaps (integration_id, resource, row_id);
"""
