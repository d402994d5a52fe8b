"""What a command writes for and sets, so that capture knows whose change it sees before the command ends."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_AIMS)


_AIMS = """
-- subject is "application:<its id>" or "address:<keyed hash, hex>", as commands of one subject are told by;
-- target is the id of the stage that an application is to be moved to. Null of commands from before.
ALTER TABLE commands ADD COLUMN subject text, ADD COLUMN target text;
"""
