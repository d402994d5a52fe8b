"""Who gets webhooks: endpoints, what they are signed with; tokens of the HTTP API, its idempotency keys."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_ENDPOINTS)
    op.execute(_SECRETS)
    op.execute(_VERSION)
    op.execute(_API)


_ENDPOINTS = """
-- sealed_headers holds the custom headers as JSON; their names stand beside it for everybody to see.
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
"""

_SECRETS = """
-- expires_at is NULL in what is current; the others sign along until then.
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
"""

_VERSION = """
-- Grows with every change of any endpoint, in the transaction that makes it, and says so on a channel.
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
"""

_API = """
-- owner is NULL for scope 'admin'; the token itself is nowhere, digest is a keyed hash of it.
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

-- Answers to creations that may be asked for again; an answer holds secrets, so it is sealed.
CREATE TABLE idempotent_answers (
    token_id text NOT NULL,
    key text NOT NULL,
    request bytea NOT NULL,
    sealed_answer bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (token_id, key)
);
CREATE INDEX idempotent_answers_by_time ON idempotent_answers (created_at);
"""
