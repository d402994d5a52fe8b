"""Grants know their lane, so that commands leave polls a share of the budget."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_LANES)


_LANES = """
ALTER TABLE budget_grants ADD COLUMN lane text NOT NULL DEFAULT 'poll' CHECK (lane IN ('command', 'poll'));
"""
