"""Records that are in no list and yet read by id."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_UNLISTED)


_UNLISTED = """
-- What a complete scan did not see and a by-id read found to exist: kept. A list that moved while it was read
-- leaves out a row too, so only what was found so again is counted and shown.
CREATE TABLE unlisted (
    integration_id text NOT NULL,
    resource text NOT NULL,
    row_id bigint NOT NULL,
    again boolean NOT NULL DEFAULT false,
    PRIMARY KEY (integration_id, resource, row_id)
);
"""
