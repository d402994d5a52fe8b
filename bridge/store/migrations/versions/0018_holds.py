"""Whatever is held back for a person, not deletions alone; and what records are usually like."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_HOLDS)
    op.execute(_HABITS)


_HOLDS = """
-- What is not published on the bridge's own word: see bridge/store/holds.py for the kinds and their keys.
-- row_ids is a roaring bitmap. unseen: decided or healed since, and no poller has noticed.
ALTER TABLE held_deletions RENAME TO holds;
ALTER TABLE holds
    ADD COLUMN kind text NOT NULL DEFAULT 'deletions'
        CHECK (kind IN ('deletions', 'derived_deletions', 'emptied_field', 'missing_key')),
    ADD COLUMN key text NOT NULL DEFAULT '',
    ADD COLUMN evidence text NOT NULL DEFAULT '',
    ADD COLUMN unseen boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT held_deletions_state_check,
    ADD CONSTRAINT holds_state_check CHECK (state IN ('held', 'approved', 'discarded', 'done', 'healed'));
ALTER TABLE holds ALTER COLUMN kind DROP DEFAULT;
DROP INDEX held_deletions_open;
CREATE UNIQUE INDEX holds_open ON holds (integration_id, resource, kind, key)
    WHERE (state IN ('held', 'approved') OR state = 'discarded' AND kind <> 'deletions');
CREATE INDEX holds_unseen ON holds (integration_id) WHERE unseen;
"""

_HABITS = """
-- A row for each resource: how often each mapped key was in its records, and how many lost values lately.
CREATE TABLE habits (
    integration_id text NOT NULL,
    resource text NOT NULL,
    keys jsonb NOT NULL,
    losses jsonb NOT NULL,
    PRIMARY KEY (integration_id, resource)
) WITH (fillfactor = 50);
"""
