"""Since when the oldest delivery is owed can be read at once."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX owed_oldest ON owed (first_at) WHERE state = 'owed'")
