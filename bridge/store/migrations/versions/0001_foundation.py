"""Installation, leases, budgets, tokens, outbox."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_INSTALLATION)
    op.execute(_LEASES)
    op.execute(_BUDGETS)
    op.execute(_TOKENS)
    op.execute(_OUTBOX)


_INSTALLATION = """
-- One row: the key that field hashes are keyed with, sealed.
CREATE TABLE installation (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    sealed_hash_key bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
"""

_LEASES = """
-- Who does a piece of work now. The token grows at every take-over: the fence.
CREATE TABLE leases (
    name text PRIMARY KEY,
    holder text NOT NULL,
    token bigint NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);
"""

_BUDGETS = """
-- The request budget of an integration; the row is the lock under which grants are given.
CREATE TABLE budgets (
    integration_id text PRIMARY KEY,
    requests_per_minute integer NOT NULL,
    poll_due_at timestamptz NOT NULL DEFAULT '-infinity',
    command_waits_until timestamptz NOT NULL DEFAULT '-infinity',
    paused_until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);

-- What was granted lately: requests of one grant may arrive until usable_until.
CREATE TABLE budget_grants (
    integration_id text NOT NULL,
    usable_until timestamptz NOT NULL,
    granted integer NOT NULL
);
CREATE INDEX budget_grants_by_time ON budget_grants (integration_id, usable_until);
"""

_TOKENS = """
-- The one live JWT of an integration, and the newest OAuth2 refresh token, both sealed.
CREATE TABLE tokens (
    integration_id text PRIMARY KEY,
    sealed_jwt bytea,
    expires_at timestamptz,
    generation bigint NOT NULL DEFAULT 0,
    sealed_refresh_token bytea
);
"""

_OUTBOX = """
-- What Kafka has not acknowledged yet, and nothing else.
CREATE TABLE outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard smallint NOT NULL,
    topic text NOT NULL,
    key bytea NOT NULL,
    value bytea,
    headers bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000,
        autovacuum_vacuum_cost_delay = 0);
-- A row lives for a moment: compressing a large value would cost more than it saves.
ALTER TABLE outbox ALTER COLUMN value SET STORAGE EXTERNAL;
CREATE INDEX outbox_by_shard ON outbox (shard, position);

-- How far each shard came: in the same transaction as the deletion of what was sent.
CREATE TABLE relay_progress (
    shard smallint PRIMARY KEY,
    sent_position bigint NOT NULL,
    sent_count bigint NOT NULL,
    sent_at timestamptz NOT NULL
) WITH (fillfactor = 50);
"""
