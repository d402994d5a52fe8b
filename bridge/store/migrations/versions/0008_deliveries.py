"""What the webhook stage remembers: what is owed, the log of attempts, how endpoints fare, recoveries."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_OWED)
    op.execute(_LOG)
    op.execute(_HEALTH)
    op.execute(_RECOVERIES)


_OWED = """
-- Bodies of events that some endpoint has not got yet, sealed; one row an event, however many it is owed to.
CREATE TABLE owed_events (
    event_id text PRIMARY KEY,
    sealed bytea NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE owed_events ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- One row for each delivery that is neither done nor forgotten. Of an ordered endpoint and one entity, only
-- the first is due; those behind it wait until infinity and are released when it goes. topic, partition and
-- kafka_offset say where the event can be read again; they are null of what is not on Kafka.
-- holder names the lease of the process that tries it now.
CREATE TABLE owed (
    delivery_id text PRIMARY KEY,
    endpoint_id text NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    subject text NOT NULL,
    integration_id text NOT NULL,
    sequence text NOT NULL,
    ordered boolean NOT NULL,
    topic text,
    partition integer,
    kafka_offset bigint,
    event_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'owed' CHECK (state IN ('owed', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    last_status smallint,
    last_error text,
    first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    holder text
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX owed_due ON owed (endpoint_id, next_attempt_at) WHERE state = 'owed';
CREATE INDEX owed_in_order ON owed (endpoint_id, subject, sequence) WHERE state = 'owed' AND ordered;
CREATE INDEX owed_by_event ON owed (event_id);
CREATE INDEX owed_by_time ON owed (endpoint_id, last_at);
"""

_LOG = """
-- The log: one row an attempt, written in batches. response is the beginning of what the receiver said to a
-- failed attempt, sealed.
CREATE TABLE webhook_attempts (
    delivery_id text NOT NULL,
    endpoint_id text NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    subject text NOT NULL,
    integration_id text NOT NULL,
    topic text,
    partition integer,
    kafka_offset bigint,
    event_at timestamptz NOT NULL,
    attempt integer NOT NULL,
    at timestamptz NOT NULL,
    first_at timestamptz NOT NULL,
    delivered boolean NOT NULL,
    status smallint,
    error text,
    reason text,
    elapsed_ms integer NOT NULL,
    response bytea,
    signed_with text NOT NULL
) WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000);
CREATE INDEX webhook_attempts_by_delivery ON webhook_attempts (delivery_id);
CREATE INDEX webhook_attempts_by_endpoint ON webhook_attempts (endpoint_id, at);
CREATE INDEX webhook_attempts_by_time ON webhook_attempts USING brin (at);
"""

_HEALTH = """
-- How endpoints fare that do not just succeed. failing_since: nothing succeeded since then.
-- held_until: the endpoint asked to be left alone until then.
CREATE TABLE endpoint_health (
    endpoint_id text PRIMARY KEY,
    failing_since timestamptz,
    last_failure_at timestamptz,
    last_error text,
    warned_at timestamptz,
    held_until timestamptz
) WITH (fillfactor = 50);
"""

_RECOVERIES = """
-- Time ranges of which an endpoint is to get what it did not get.
CREATE TABLE recoveries (
    id text PRIMARY KEY,
    endpoint_id text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    reason text,
    found bigint NOT NULL DEFAULT 0,
    owed bigint NOT NULL DEFAULT 0,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz
);
"""
