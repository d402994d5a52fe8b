-- The initial schema.
--
--   1 installation, leases    4 what capture doubts    7 webhooks
--   2 access to an account    5 outbox                 8 HTTP API
--   3 capture                 6 commands
--
-- Sealed values are encrypted with sealing.key; a digest or a keyed hash can't be reversed.

-- 1. Installation and leases ------------------------------------------------------------------------------

-- One row: the sealed key of the field hashes.
CREATE TABLE installation (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    sealed_hash_key bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Holders of pieces of work. The token increases at every take-over: the fence.
CREATE TABLE leases (
    name text PRIMARY KEY,
    holder text NOT NULL,
    token bigint NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- 2. Access to an account: tokens, budgets, findings about its API -----------------------------------------

-- The one valid JWT of an integration, and the newest OAuth2 refresh token, both sealed. origin and
-- refresh_origin are keyed digests of the credential and the host that the JWT and the refresh token came
-- from. confirmed_origin is the digest of the last credential that opened the account of the integration's
-- records.
CREATE TABLE tokens (
    integration_id text PRIMARY KEY,
    sealed_jwt bytea,
    expires_at timestamptz,
    generation bigint NOT NULL DEFAULT 0,
    sealed_refresh_token bytea,
    origin bytea,
    refresh_origin bytea,
    confirmed_origin bytea
);

-- The request budget of an integration. Grants are given under the lock of this row.
CREATE TABLE budgets (
    integration_id text PRIMARY KEY,
    requests_per_minute integer NOT NULL,
    poll_due_at timestamptz NOT NULL DEFAULT '-infinity',
    command_waits_until timestamptz NOT NULL DEFAULT '-infinity',
    paused_until timestamptz NOT NULL DEFAULT '-infinity',
    pause_reason text
) WITH (fillfactor = 50);

-- Recent grants: requests of one grant may arrive until usable_until. Grants record their lane, so that
-- commands leave polls a share of the budget.
CREATE TABLE budget_grants (
    integration_id text NOT NULL,
    lane text NOT NULL DEFAULT 'poll' CHECK (lane IN ('command', 'poll')),
    usable_until timestamptz NOT NULL,
    granted integer NOT NULL
);
CREATE INDEX budget_grants_by_time ON budget_grants (integration_id, usable_until);

-- The findings about one account (an AccountProfile, as JSON), learned at that host. basis is a digest of the
-- configuration that they were learned with.
CREATE TABLE profiles (
    integration_id text PRIMARY KEY,
    profile text NOT NULL,
    host text NOT NULL,
    basis bytea NOT NULL,
    learned_at timestamptz NOT NULL
);

-- The agreed list of placement statuses and their order, kept over a restart. These are settings of the
-- account, without personal data. content is JSON.
CREATE TABLE status_lists (
    integration_id text PRIMARY KEY,
    content bytea NOT NULL
);

-- 3. Capture: row states, snapshots, scans, polls, read requests ------------------------------------------

-- One row for each record of TrackerRMS: what its list row looked like when its content was last read. quick
-- and fingerprint are NULL if the record must be read again. dating is a digest of the time zone and the
-- fields that version was derived from, so that a corrected time zone heals. state is the list that a job was
-- last read in: it distinguishes a job in the lists of two states from one that moved.
CREATE TABLE row_states (
    integration_id text NOT NULL,
    resource text NOT NULL,
    row_id bigint NOT NULL,
    quick bytea,
    fingerprint bytea,
    version timestamptz,
    dating integer,
    state text,
    gone boolean NOT NULL DEFAULT false,
    missed smallint NOT NULL DEFAULT 0,
    read_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (integration_id, resource, row_id)
) WITH (fillfactor = 85);

-- One row for each entity that was ever published: its version and its keyed hashes, but no values, except
-- for integrations that keep them (last, sealed). parent is the record that yields it ('candidates:17'), ''
-- for entities that several records yield together (tags, roles). shared is the tag or role that a link keeps
-- alive ('tag:Java').
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
-- Counts the existing entities without reading them: 7 MB for a million, as equal keys are stored once.
CREATE INDEX snapshots_live ON snapshots (integration_id, model) WHERE NOT deleted;

-- A scan of all pages of a resource. At most one runs per integration and resource. meaning identifies the
-- settings that the rows are read with, so that the next poller notices a change: a digest of how the list is
-- requested, and for applications a keyed digest of the placement statuses, which decide what a row means.
CREATE TABLE scans (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    integration_id text NOT NULL,
    resource text NOT NULL,
    kind text NOT NULL,
    meaning bytea,
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

-- The ids seen on a run of pages, as a roaring bitmap; deleted when the scan ends.
CREATE TABLE scan_pages (
    scan_id bigint NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    segment smallint NOT NULL,
    first_page integer NOT NULL,
    last_page integer NOT NULL,
    seen bytea NOT NULL,
    PRIMARY KEY (scan_id, segment, first_page)
);

-- Progress of the incremental polls of a resource, by TrackerRMS's clock. index_lag_seconds is halved at
-- every sweep, longest_lag_seconds never is. scan_error says why a scan can't continue. It is separate from
-- error, which the next successful poll clears.
CREATE TABLE cursors (
    integration_id text NOT NULL,
    resource text NOT NULL,
    polled_until timestamptz,
    index_lag_seconds double precision NOT NULL DEFAULT 0,
    longest_lag_seconds double precision NOT NULL DEFAULT 0,
    polled_at timestamptz,
    poll_calls bigint NOT NULL DEFAULT 0,
    changes_found bigint NOT NULL DEFAULT 0,
    error text,
    error_at timestamptz,
    scan_error text,
    scan_error_at timestamptz,
    PRIMARY KEY (integration_id, resource)
) WITH (fillfactor = 50);

-- Records that a complete scan did not see but a by-id read found to exist: they are kept. A list that
-- changes while it is read omits rows too, so only records found repeatedly (again) are counted and shown.
CREATE TABLE unlisted (
    integration_id text NOT NULL,
    resource text NOT NULL,
    row_id bigint NOT NULL,
    again boolean NOT NULL DEFAULT false,
    PRIMARY KEY (integration_id, resource, row_id)
);

-- Records to read by id at once, ahead of the polls, because they are known to have changed.
CREATE TABLE read_requests (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    integration_id text NOT NULL,
    resource text NOT NULL,
    row_id bigint NOT NULL,
    cause text NOT NULL,
    command_id text,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX read_requests_by_integration ON read_requests (integration_id, position);

-- 4. Doubts of capture: holds, statistics, parked records, gaps, remarks -----------------------------------

-- Changes that are not published without a person's decision, such as implausibly many disappearances.
-- row_ids is a roaring bitmap; the meaning of key depends on the kind. unseen: decided or healed, but not yet
-- noticed by a poller. reported: the state last reported to operational endpoints.
CREATE TABLE holds (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    integration_id text NOT NULL,
    resource text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('deletions', 'derived_deletions', 'emptied_field', 'missing_key')),
    key text NOT NULL DEFAULT '',
    evidence text NOT NULL DEFAULT '',
    row_ids bytea NOT NULL,
    row_count integer NOT NULL,
    known_count integer NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'approved', 'discarded', 'done', 'healed')),
    decided_at timestamptz,
    unseen boolean NOT NULL DEFAULT false,
    reported text
);
CREATE UNIQUE INDEX holds_open ON holds (integration_id, resource, kind, key)
    WHERE (state IN ('held', 'approved') OR state = 'discarded' AND kind <> 'deletions');
CREATE INDEX holds_unseen ON holds (integration_id) WHERE unseen;
CREATE INDEX holds_unreported ON holds (id) WHERE reported IS DISTINCT FROM state;

-- One row per resource: how often its records had each mapped key, and how many lost values recently.
CREATE TABLE habits (
    integration_id text NOT NULL,
    resource text NOT NULL,
    keys jsonb NOT NULL,
    losses jsonb NOT NULL,
    PRIMARY KEY (integration_id, resource)
) WITH (fillfactor = 50);

-- Records that could not be normalized or published, until they can.
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

-- One row for each field of a record whose value can't be read without a guess, as long as that is so. The
-- value is left out, and counted by field.
CREATE TABLE gaps (
    integration_id text NOT NULL,
    resource text NOT NULL,
    field text NOT NULL,
    row_id bigint NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (integration_id, resource, field, row_id)
);
CREATE INDEX gaps_by_record ON gaps (integration_id, resource, row_id);

-- Signs in an account's answers that look wrong but are not failures. One row per kind of remark: text is the
-- latest one, count how often it was seen.
CREATE TABLE remarks (
    integration_id text NOT NULL,
    resource text NOT NULL,
    code text NOT NULL,
    text text NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen timestamptz NOT NULL DEFAULT clock_timestamp(),
    count bigint NOT NULL,
    PRIMARY KEY (integration_id, resource, code)
);

-- 5. Outbox -----------------------------------------------------------------------------------------------

-- Exactly the messages that Kafka has not acknowledged yet.
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
-- A row lives only briefly: compressing a large value would cost more than it saves.
ALTER TABLE outbox ALTER COLUMN value SET STORAGE EXTERNAL;
CREATE INDEX outbox_by_shard ON outbox (shard, position);

-- Progress of each shard, updated in the transaction that deletes the sent rows.
CREATE TABLE relay_progress (
    shard smallint PRIMARY KEY,
    sent_position bigint NOT NULL,
    sent_count bigint NOT NULL,
    sent_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- 6. Commands: the ledger, attempts, claims, look-ups -----------------------------------------------------

-- The ledger: one row for each command id. content is a keyed hash of the request. history lists the steps,
-- with ids of TrackerRMS and no values. result is the published answer, sealed. holder names the lease of the
-- process that executes it; position is where on Kafka it was first read. subject and target say what it
-- writes to and sets, so that capture can attribute changes before the command ends. subject is
-- "application:<its id>" or "address:<keyed hash, hex>"; target is the id of the stage to move an application
-- to.
CREATE TABLE commands (
    integration_id text NOT NULL,
    command_id text NOT NULL,
    type text NOT NULL,
    content bytea NOT NULL,
    subject text,
    target text,
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
-- bridge status counts the unfinished commands among all that are stored.
CREATE INDEX commands_under_way ON commands (integration_id) WHERE finished_at IS NULL;

-- An application of one person (a keyed hash of the e-mail address) to one job, and its progress across
-- commands. progress holds ids and digests, no values.
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

-- Claims on persons: one command at a time writes for one person, in all processes.
CREATE TABLE claims (
    integration_id text NOT NULL,
    subject text NOT NULL,
    command_id text NOT NULL,
    holder text NOT NULL,
    PRIMARY KEY (integration_id, subject)
);

-- Look-ups of candidates by address (a keyed hash), and of applications by the ids of candidate and job.
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

-- Entities that a command may name by the bridge's own id. An id is a hash and can't be reversed.
CREATE TABLE known_ids (
    id text PRIMARY KEY,
    integration_id text NOT NULL,
    model text NOT NULL,
    remote_id text NOT NULL
);

-- 7. Webhooks: endpoints, pending deliveries, the log of attempts, health, recoveries ----------------------

-- Receivers of webhooks. sealed_headers holds the custom headers as JSON; their names are in header_names in
-- plain text.
CREATE TABLE endpoints (
    id text PRIMARY KEY,
    position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    url text NOT NULL,
    owner text NOT NULL,
    description text NOT NULL,
    integrations text[] NOT NULL,
    event_types text[] NOT NULL,
    changed_fields text[] NOT NULL,
    operational boolean NOT NULL,
    rate_limit_per_second double precision,
    timeout_seconds double precision NOT NULL,
    "order" text NOT NULL,
    signature text NOT NULL,
    header_names text[] NOT NULL,
    sealed_headers bytea NOT NULL,
    enabled boolean NOT NULL,
    disabled_reason text,
    disabled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX endpoints_by_owner ON endpoints (owner, position);

-- Secrets that sign deliveries. expires_at is NULL for the current one; the others still sign until then.
CREATE TABLE signing_secrets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id text NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('v1', 'v1a')),
    sealed_secret bytea NOT NULL,
    public_key text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz
);
CREATE INDEX signing_secrets_by_endpoint ON signing_secrets (endpoint_id, id);
CREATE UNIQUE INDEX signing_secrets_current ON signing_secrets (endpoint_id, kind) WHERE expires_at IS NULL;

-- One row: version increments with every change of any endpoint, in the same transaction, and notifies a
-- channel.
CREATE TABLE endpoints_version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version bigint NOT NULL
);
INSERT INTO endpoints_version (version) VALUES (0);

CREATE FUNCTION endpoints_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE endpoints_version SET version = version + 1;
    PERFORM pg_notify('endpoints', '');
    RETURN NULL;
END $$;

CREATE TRIGGER endpoints_changed AFTER INSERT OR UPDATE OR DELETE ON endpoints
    FOR EACH STATEMENT EXECUTE FUNCTION endpoints_changed();
CREATE TRIGGER signing_secrets_changed AFTER INSERT OR UPDATE OR DELETE ON signing_secrets
    FOR EACH STATEMENT EXECUTE FUNCTION endpoints_changed();

-- Sealed bodies of events that are pending for any endpoint: one row per event, for all endpoints.
CREATE TABLE pending_bodies (
    event_id text PRIMARY KEY,
    sealed bytea NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE pending_bodies ALTER COLUMN sealed SET STORAGE EXTERNAL;

-- One row for each pending or failed delivery. Of each entity of an ordered endpoint, only the first is due; the
-- others wait until infinity and are released when it leaves. topic, partition and kafka_offset say where the
-- event can be read again; they are null for events that are not on Kafka. holder names the lease of the process
-- that tries it now.
CREATE TABLE pending_deliveries (
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
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    last_status smallint,
    last_error text,
    first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    holder text
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX pending_deliveries_due ON pending_deliveries (endpoint_id, next_attempt_at) WHERE state = 'pending';
CREATE INDEX pending_deliveries_in_order ON pending_deliveries (endpoint_id, subject, sequence) WHERE state = 'pending' AND ordered;
CREATE INDEX pending_deliveries_by_event ON pending_deliveries (event_id);
CREATE INDEX pending_deliveries_by_time ON pending_deliveries (endpoint_id, last_at);
-- Gives the age of the oldest pending delivery at once.
CREATE INDEX pending_deliveries_oldest ON pending_deliveries (first_at) WHERE state = 'pending';

-- Pending deliveries of endpoints that receive nothing now can share rows: batches and shares. A batch holds events
-- that became pending at about the same time, once for all endpoints: events is a JSON array of their descriptions,
-- bodies holds their bodies, sealed together, in the same order.
CREATE TABLE pending_batches (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    events bytea NOT NULL,
    bodies bytea NOT NULL
);
ALTER TABLE pending_batches ALTER COLUMN events SET STORAGE EXTERNAL, ALTER COLUMN bodies SET STORAGE EXTERNAL;

-- The events of a batch that are pending for an endpoint; places counts from 0. None of them was tried, and none
-- is ordered. A share becomes rows of pending_deliveries when its endpoint has capacity, or when one of its
-- deliveries is requested.
CREATE TABLE pending_batch_shares (
    batch_id bigint NOT NULL,
    endpoint_id text NOT NULL,
    places integer[] NOT NULL,
    delivery_ids text[] NOT NULL,
    event_types text[] NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at timestamptz NOT NULL,
    PRIMARY KEY (batch_id, endpoint_id)
);
CREATE INDEX pending_batch_shares_by_endpoint ON pending_batch_shares (endpoint_id, batch_id);

-- The log: one row per attempt, written in batches. response is the sealed beginning of the response to a failed
-- attempt.
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

-- Health of endpoints with failures. failing_since: no success since then. held_until: the endpoint asked to
-- wait until then.
CREATE TABLE endpoint_health (
    endpoint_id text PRIMARY KEY,
    failing_since timestamptz,
    last_failure_at timestamptz,
    last_error text,
    warned_at timestamptz,
    held_until timestamptz
) WITH (fillfactor = 50);

-- Time ranges whose missed events an endpoint is to receive.
CREATE TABLE recoveries (
    id text PRIMARY KEY,
    endpoint_id text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    reason text,
    found bigint NOT NULL DEFAULT 0,
    pending bigint NOT NULL DEFAULT 0,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz
);

-- 8. HTTP API: tokens, idempotency keys -------------------------------------------------------------------

-- owner is NULL for scope 'admin'. The token itself is not stored; digest is a keyed hash of it.
CREATE TABLE api_tokens (
    id text PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    scope text NOT NULL CHECK (scope IN ('admin', 'owner')),
    owner text CHECK ((scope = 'owner') = (owner IS NOT NULL)),
    description text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    used_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz
);

-- Answers to creating requests that may be repeated. An answer contains secrets, so it is sealed.
CREATE TABLE idempotent_answers (
    token_id text NOT NULL,
    key text NOT NULL,
    request bytea NOT NULL,
    sealed_answer bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (token_id, key)
);
CREATE INDEX idempotent_answers_by_time ON idempotent_answers (created_at);
