"""What an account's API looks like is learned and kept."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_PROFILES)


_PROFILES = """
-- The findings about one account (contracts.profiles.AccountProfile, as JSON), made at that host. basis is a
-- digest of the configuration that they were made with.
CREATE TABLE profiles (
    integration_id text PRIMARY KEY,
    profile text NOT NULL,
    host text NOT NULL,
    basis bytea NOT NULL,
    learned_at timestamptz NOT NULL
);
"""
