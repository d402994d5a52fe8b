"""A token belongs to the credential it came from; a pause says why."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_TOKENS)
    op.execute(_BUDGETS)


_TOKENS = """
-- Keyed digests of the credential and the host that the JWT, and the refresh token, came from; and of those
-- that were last seen to open the account that the integration's records are from.
ALTER TABLE tokens
    ADD COLUMN origin bytea, ADD COLUMN refresh_origin bytea, ADD COLUMN confirmed_origin bytea;
"""

_BUDGETS = """
ALTER TABLE budgets ADD COLUMN pause_reason text;
"""
