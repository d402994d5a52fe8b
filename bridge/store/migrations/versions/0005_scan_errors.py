"""Why a scan can't go on, apart from the polls' own error, which the next good poll takes back."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE cursors ADD COLUMN scan_error text, ADD COLUMN scan_error_at timestamptz")
