-- Ledgers that travel in the same transaction as the change they speak of.

-- A write repeated with the same key by the same caller has one effect and one answer. The row is inserted first and
-- rolled back with a refusal, so a rival with the same key waits here and then finds either the answer or nothing.
CREATE TABLE idempotency_key (
    caller       text NOT NULL,   -- a user id, or a keyed digest of an anonymous address
    key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_hash bytea NOT NULL,  -- HMAC-SHA-256 of method, path and canonical body
    status       smallint,
    answer       bytea,           -- sealed (AES-256-GCM): it may hold a patient's data or a token
    created_at   timestamptz NOT NULL DEFAULT now(),
    changed_by   uuid NOT NULL,
    request_id   uuid NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_key_age ON idempotency_key (created_at);

-- Events of the domain, in the transaction that caused them.
CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id    uuid NOT NULL,
    topic       text NOT NULL,  -- versioned: appointments.scheduled.v1
    key         text NOT NULL,  -- events of one key stay in order
    payload     jsonb NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    tx          xid8 NOT NULL DEFAULT pg_current_xact_id(),
    changed_by  uuid NOT NULL,
    request_id  uuid NOT NULL,
    -- 1, 2, 3, … as the relay saw them, after the commit: what caused another comes before it. Neither `id` nor `tx` is
    -- that order, because both are taken before the commit (ADR-0022).
    position    bigint UNIQUE
);
CREATE INDEX outbox_unnumbered ON outbox (id) WHERE position IS NULL;

-- How often somebody has called in the present window, where there is no Redis (ADR-0017).
-- Not logged: no flush to disk a hit, and after a crash all windows begin anew.
CREATE UNLOGGED TABLE rate_limit (
    name      text PRIMARY KEY,      -- a user id, or a keyed digest of an address or an account's name
    taken     integer NOT NULL,      -- since the window began
    granted   integer NOT NULL,      -- of these, to whoever asked last: RETURNING cannot see the row before (PostgreSQL 15)
    resets_at timestamptz NOT NULL   -- the end of the window; a later hit begins a new one
) WITH (fillfactor = 50);            -- room for the row's next version beside it
