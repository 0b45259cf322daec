-- API keys: how other programs log in (ADR-0019).

-- A key is a session without a refresh: its row of login_session has the same id, says whose it is, how long it lives and
-- whether it was revoked. So whatever ends the sessions of an account ends its keys, and nothing else has to know of them.
CREATE TABLE api_key (
    id           uuid PRIMARY KEY REFERENCES login_session,
    name         text NOT NULL CHECK (name <> ''),
    prefix       text NOT NULL CHECK (prefix ~ '^fd_.{8}$'),  -- by which people tell keys apart
    key_hash     bytea NOT NULL,        -- SHA-256 of the whole key, which is 256 random bits
    scopes       text[] NOT NULL CHECK (cardinality(scopes) > 0),  -- permissions, out of those of the account's role
    last_used_at timestamptz,           -- to the hour: not every request is a write
    created_at   timestamptz NOT NULL DEFAULT now(),
    changed_by   uuid NOT NULL,
    request_id   uuid NOT NULL,
    CONSTRAINT api_key_hash_once UNIQUE (key_hash)
);
