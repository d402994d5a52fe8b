"""Which state of a hold was told to operational endpoints last."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What there is by now is not told of any more.
    op.execute("ALTER TABLE holds ADD COLUMN told text")
    op.execute("UPDATE holds SET told = state")
    op.execute("CREATE INDEX holds_untold ON holds (id) WHERE told IS DISTINCT FROM state")
