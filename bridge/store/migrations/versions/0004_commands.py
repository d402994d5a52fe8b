"""What the command stage remembers: the ledger, attempts, claims; what capture tells it; and hints."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_COMMANDS)
    op.execute(_ATTEMPTS)
    op.execute(_LOOKUPS)
    op.execute(_HINTS)


_COMMANDS = """
-- The ledger: one row for each command id. content is a keyed hash of what was asked; history says which
-- steps were taken, with ids of TrackerRMS and no values; result is the answer as published, sealed.
-- holder names the lease of the process that carries it out; position is where on Kafka it was first read.
CREATE TABLE commands (
    integration_id text NOT NULL,
    command_id text NOT NULL,
    type text NOT NULL,
    content bytea NOT NULL,
    state text NOT NULL DEFAULT 'received'
        CHECK (state IN ('received', 'running', 'succeeded', 'failed', 'unknown')),
    step text,
    history jsonb NOT NULL DEFAULT '[]',
    tries integer NOT NULL DEFAULT 0,
    error_code text,
    result bytea,
    holder text,
    position text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    PRIMARY KEY (integration_id, command_id)
) WITH (fillfactor = 70);
CREATE INDEX commands_by_time ON commands (received_at);
-- bridge status counts those under way, among all that are remembered.
CREATE INDEX commands_under_way ON commands (integration_id) WHERE finished_at IS NULL;
"""

_ATTEMPTS = """
-- An application of one person (a keyed hash of the e-mail address) to one job: how far it came, whichever
-- command carried it there. progress holds ids and digests, no values.
CREATE TABLE attempts (
    integration_id text NOT NULL,
    address bytea NOT NULL,
    job_id bigint NOT NULL,
    command_id text NOT NULL,
    done boolean NOT NULL DEFAULT false,
    progress bytea NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (integration_id, address, job_id)
) WITH (fillfactor = 70);

-- Who works on whom: one command at a time writes for one person, whatever process it is in.
CREATE TABLE claims (
    integration_id text NOT NULL,
    subject text NOT NULL,
    command_id text NOT NULL,
    holder text NOT NULL,
    PRIMARY KEY (integration_id, subject)
);
"""

_LOOKUPS = """
-- Finding a candidate by address (a keyed hash of it), and an application by the ids of candidate and job.
CREATE TABLE candidate_addresses (
    integration_id text NOT NULL,
    address bytea NOT NULL,
    candidate_id bigint NOT NULL,
    PRIMARY KEY (integration_id, address, candidate_id)
);
CREATE INDEX candidate_addresses_by_candidate ON candidate_addresses (integration_id, candidate_id);

CREATE TABLE application_pairs (
    integration_id text NOT NULL,
    application_id bigint NOT NULL,
    candidate text NOT NULL,
    job text NOT NULL,
    PRIMARY KEY (integration_id, application_id)
);
CREATE INDEX application_pairs_by_pair ON application_pairs (candidate, job);

-- What a command may name by the bridge's own id: an id is a hash, and can't be turned back.
CREATE TABLE known_ids (
    id text PRIMARY KEY,
    integration_id text NOT NULL,
    model text NOT NULL,
    remote_id text NOT NULL
);
"""

_HINTS = """
-- Records to read by id at once, ahead of the polls: somebody knows that they changed.
CREATE TABLE hints (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    integration_id text NOT NULL,
    resource text NOT NULL,
    row_id bigint NOT NULL,
    cause text NOT NULL,
    command_id text,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX hints_by_integration ON hints (integration_id, position);
"""
