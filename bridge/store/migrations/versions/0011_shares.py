"""What is owed to endpoints that are given nothing now can stand many deliveries to a row."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(_SHEETS)
    op.execute(_SHARES)


_SHEETS = """
-- Events that became owed about the same time, once for all endpoints: events is a JSON array of what is
-- known of each, bodies their bodies, sealed together, in the same order.
CREATE TABLE owed_sheets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    events bytea NOT NULL,
    bodies bytea NOT NULL
);
ALTER TABLE owed_sheets ALTER COLUMN events SET STORAGE EXTERNAL, ALTER COLUMN bodies SET STORAGE EXTERNAL;
"""

_SHARES = """
-- Which events of a sheet are owed to an endpoint: places counts from 0. None of them was tried, none keeps
-- an order. A share becomes rows of owed when its endpoint has room, or when one of them is asked for.
CREATE TABLE owed_shares (
    sheet_id bigint NOT NULL,
    endpoint_id text NOT NULL,
    places integer[] NOT NULL,
    delivery_ids text[] NOT NULL,
    event_types text[] NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at timestamptz NOT NULL,
    PRIMARY KEY (sheet_id, endpoint_id)
);
CREATE INDEX owed_shares_by_endpoint ON owed_shares (endpoint_id, sheet_id);
"""
