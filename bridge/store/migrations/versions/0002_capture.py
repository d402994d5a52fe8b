"""What capture remembers: rows read, snapshots, scans, deletions held, records parked."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_SOURCES)
    op.execute(_SNAPSHOTS)
    op.execute(_SCANS)
    op.execute(_CURSORS)
    op.execute(_DELETIONS)
    op.execute(_PARKED)


_SOURCES = """
-- One row for each record of TrackerRMS: what its list row looked like when its content was last read.
-- quick and fingerprint are NULL where the next sight of the row must lead to a new read.
CREATE TABLE sources (
    integration_id text NOT NULL,
    resource text NOT NULL,
    row_id bigint NOT NULL,
    quick bytea,
    fingerprint bytea,
    version timestamptz,
    gone boolean NOT NULL DEFAULT false,
    missed smallint NOT NULL DEFAULT 0,
    read_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (integration_id, resource, row_id)
) WITH (fillfactor = 85);
"""

_SNAPSHOTS = """
-- One row for each entity that was ever published: its version and its keyed hashes, never its values,
-- but for integrations that keep them (last, sealed).
-- parent is the record that yields it ('candidate:17'), '' for what several yield together (tags, roles);
-- shared is the tag or role that a link keeps alive ('tag:Java').
CREATE TABLE snapshots (
    integration_id text NOT NULL,
    model text NOT NULL,
    remote_id text NOT NULL,
    parent text NOT NULL,
    shared text,
    sequence bigint NOT NULL,
    hash bytea NOT NULL,
    fields bytea NOT NULL,
    deleted boolean NOT NULL DEFAULT false,
    changed_at timestamptz NOT NULL,
    last bytea,
    PRIMARY KEY (integration_id, model, remote_id)
) WITH (fillfactor = 85);
CREATE INDEX snapshots_by_parent ON snapshots (integration_id, parent) WHERE NOT deleted AND parent <> '';
CREATE INDEX snapshots_by_shared ON snapshots (integration_id, shared)
    WHERE NOT deleted AND shared IS NOT NULL;
"""

_SCANS = """
-- A walk through all pages of a resource. At most one runs per integration and resource.
CREATE TABLE scans (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    integration_id text NOT NULL,
    resource text NOT NULL,
    kind text NOT NULL,
    started_at timestamptz NOT NULL,
    segment smallint NOT NULL DEFAULT 0,
    next_page integer NOT NULL DEFAULT 1,
    pages_read integer NOT NULL DEFAULT 0,
    pages_known integer,
    rows_known integer,
    pages_done integer NOT NULL DEFAULT 0,
    rows_done integer NOT NULL DEFAULT 0,
    rows_seen integer NOT NULL DEFAULT 0,
    ghosts integer NOT NULL DEFAULT 0,
    rows_changed integer NOT NULL DEFAULT 0,
    calls integer NOT NULL DEFAULT 0,
    flaw text,
    finished_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX scans_running ON scans (integration_id, resource) WHERE finished_at IS NULL;
CREATE INDEX scans_finished ON scans (integration_id, resource, finished_at DESC);

-- The ids seen on a run of pages, as a roaring bitmap; gone when the scan is.
CREATE TABLE scan_pages (
    scan_id bigint NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    segment smallint NOT NULL,
    first_page integer NOT NULL,
    last_page integer NOT NULL,
    seen bytea NOT NULL,
    PRIMARY KEY (scan_id, segment, first_page)
);
"""

_CURSORS = """
-- How far the incremental polls of a resource came, by TrackerRMS's clock.
CREATE TABLE cursors (
    integration_id text NOT NULL,
    resource text NOT NULL,
    polled_until timestamptz,
    index_lag_seconds double precision NOT NULL DEFAULT 0,
    polled_at timestamptz,
    poll_calls bigint NOT NULL DEFAULT 0,
    changes_found bigint NOT NULL DEFAULT 0,
    error text,
    error_at timestamptz,
    PRIMARY KEY (integration_id, resource)
) WITH (fillfactor = 50);
"""

_DELETIONS = """
-- Disappearances too many to believe: they wait for a person.
CREATE TABLE held_deletions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    integration_id text NOT NULL,
    resource text NOT NULL,
    row_ids bytea NOT NULL,
    row_count integer NOT NULL,
    known_count integer NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'approved', 'discarded', 'done')),
    decided_at timestamptz
);
CREATE UNIQUE INDEX held_deletions_open ON held_deletions (integration_id, resource)
    WHERE state IN ('held', 'approved');
"""

_PARKED = """
-- Records that could not be normalised or published, until they can.
CREATE TABLE parked (
    integration_id text NOT NULL,
    resource text NOT NULL,
    row_id bigint NOT NULL,
    reason text NOT NULL,
    path text NOT NULL,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (integration_id, resource, row_id)
);
"""
