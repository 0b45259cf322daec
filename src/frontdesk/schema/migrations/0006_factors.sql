-- API keys and second factors (ADR-0019).

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

-- Codes of an authenticator app (RFC 6238).
CREATE TABLE totp_factor (
    user_id      uuid PRIMARY KEY REFERENCES user_account,
    secret       bytea NOT NULL,             -- AES-256-GCM of the user's id and 160 random bits
    confirmed_at timestamptz,                -- NULL: being set up, and asked of nobody yet
    last_step    bigint NOT NULL DEFAULT 0,  -- of the newest code that was used: none works twice (RFC 6238 §5.2)
    changed_by   uuid NOT NULL,
    request_id   uuid NOT NULL
);

-- For the day when the phone is gone.
CREATE TABLE recovery_code (
    user_id    uuid NOT NULL REFERENCES user_account,
    code_hash  bytea NOT NULL,  -- SHA-256 of 120 random bits
    used_at    timestamptz,
    changed_by uuid NOT NULL,
    request_id uuid NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

-- A log-in under way: how often its token was tried, and whether it has led to a session. No row: never tried.
CREATE TABLE second_step (
    token_id   uuid PRIMARY KEY,
    tries      smallint NOT NULL CONSTRAINT second_step_five_tries CHECK (tries BETWEEN 1 AND 5),
    used_at    timestamptz,
    expires_at timestamptz NOT NULL
);
CREATE INDEX second_step_over ON second_step (expires_at);

-- Passkeys (WebAuthn), several to an account.
CREATE TABLE passkey (
    id            uuid PRIMARY KEY,
    user_id       uuid NOT NULL REFERENCES user_account,
    name          text NOT NULL CHECK (name <> ''),
    credential_id bytea NOT NULL,
    public_key    bytea NOT NULL,   -- COSE
    sign_count    bigint NOT NULL,  -- goes up with each use, or stays 0: one that goes back was copied
    transports    text[] NOT NULL,  -- how browsers reach it: usb, nfc, internal, hybrid …
    last_used_at  timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    changed_by    uuid NOT NULL,
    request_id    uuid NOT NULL,
    CONSTRAINT passkey_credential_once UNIQUE (credential_id)
);
CREATE INDEX passkey_of ON passkey (user_id);

-- What a passkey has been asked to sign. The row is gone when it comes back, right or wrong.
CREATE TABLE passkey_challenge (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES user_account,
    purpose    text NOT NULL CHECK (purpose IN ('register', 'log_in')),
    challenge  bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX passkey_challenge_over ON passkey_challenge (expires_at);

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON api_key FOR EACH ROW EXECUTE FUNCTION audit('id', '{key_hash}');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON totp_factor FOR EACH ROW EXECUTE FUNCTION audit('user_id', '{secret}');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON recovery_code FOR EACH ROW EXECUTE FUNCTION audit('user_id', '{code_hash}');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON passkey FOR EACH ROW EXECUTE FUNCTION audit('id', '{credential_id,public_key}');

GRANT SELECT, INSERT, UPDATE, DELETE ON api_key, totp_factor, recovery_code, second_step, passkey, passkey_challenge
    TO frontdesk_service;
