"""What an operator sees at once in a large store."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_LIVE_SNAPSHOTS)


_LIVE_SNAPSHOTS = """
-- Counts the entities that exist without reading them: 7 MB for a million, as equal keys are stored once.
CREATE INDEX snapshots_live ON snapshots (integration_id, model) WHERE NOT deleted;
"""
