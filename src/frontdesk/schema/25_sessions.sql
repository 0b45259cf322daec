-- What log-ins need besides accounts and sessions (ADR-0018). Each row here is work in hand, forgotten when it is done.

-- A link by which somebody who can read the account's mail sets a new password, once. The request stores the address alone,
-- sealed, and so does the same whether it has an account or not; the background worker finds out and makes the link.
CREATE TABLE password_reset (
    id         uuid PRIMARY KEY,
    asked_for  bytea,        -- AES-256-GCM of the e-mail address, until the worker has looked whose it is
    user_id    uuid REFERENCES user_account,
    token_hash bytea,        -- SHA-256 of a token of 256 bits
    expires_at timestamptz,
    used_at    timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_by uuid NOT NULL,
    request_id uuid NOT NULL,
    CONSTRAINT password_reset_token_once UNIQUE (token_hash),
    CONSTRAINT password_reset_asked_or_sent CHECK (
        CASE WHEN asked_for IS NULL THEN num_nulls(user_id, token_hash, expires_at) = 0
             ELSE num_nonnulls(user_id, token_hash, expires_at, used_at) = 0 END)
);
CREATE INDEX password_reset_of ON password_reset (user_id, created_at);
CREATE INDEX password_reset_asked ON password_reset (created_at) WHERE asked_for IS NOT NULL;

-- A code of six digits on its way to the holder of an e-mail address or a phone number. One at a time for each, and one to
-- an address that its holder wants to log in by from now on.
CREATE TABLE contact_code (
    user_id    uuid NOT NULL REFERENCES user_account,
    channel    text NOT NULL CHECK (channel IN ('email', 'phone', 'new_address')),
    code_hash  bytea NOT NULL,  -- keyed, over user, channel, address and code: a bare digest of six digits is soon guessed
    tries      smallint NOT NULL DEFAULT 0 CONSTRAINT contact_code_five_tries CHECK (tries BETWEEN 0 AND 5),
    expires_at timestamptz NOT NULL,
    changed_by uuid NOT NULL,
    request_id uuid NOT NULL,
    new_address bytea,          -- AES-256-GCM of it, until it is proven
    PRIMARY KEY (user_id, channel),
    CONSTRAINT contact_code_new_address_kept CHECK ((channel = 'new_address') = (new_address IS NOT NULL))
);

-- Failures in a row of one kind against one thing, which is named by a keyed digest, whether it exists or not.
CREATE TABLE wrong_guess (
    subject       bytea PRIMARY KEY,
    failures      integer NOT NULL,
    last_at       timestamptz NOT NULL,
    refused_until timestamptz NOT NULL
);
CREATE INDEX wrong_guess_age ON wrong_guess (last_at);

-- Messages to people, in the transaction that has something to say; the background worker sends them.
CREATE TABLE outgoing_message (
    id         uuid PRIMARY KEY,
    kind       text NOT NULL,
    channel    text NOT NULL CHECK (channel IN ('email', 'phone')),
    sealed     bytea NOT NULL,  -- AES-256-GCM of address and parameters: they may hold a code or a token
    attempts   smallint NOT NULL DEFAULT 0,
    next_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,  -- of no use after this, and not sent
    changed_by uuid NOT NULL,
    request_id uuid NOT NULL
);
CREATE INDEX outgoing_message_due ON outgoing_message (next_at);

-- What was verified is the address, not the account: another one has to be verified anew.
CREATE FUNCTION unverify_email() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    NEW.email_verified_at := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER unverify_email BEFORE UPDATE OF email ON user_account FOR EACH ROW
    WHEN (lower(OLD.email) <> lower(NEW.email)) EXECUTE FUNCTION unverify_email();

-- A link is for the password it was asked to replace, and for whoever reads the mail of the address it was sent to. A new
-- address was asked for with that password, too.
CREATE FUNCTION void_resets() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE password_reset SET used_at = now() WHERE user_id = NEW.id AND used_at IS NULL;
    DELETE FROM contact_code WHERE user_id = NEW.id AND channel = 'new_address';
    RETURN NULL;
END
$$;
CREATE TRIGGER void_resets AFTER UPDATE OF email, password_hash ON user_account FOR EACH ROW
    WHEN (OLD.password_hash <> NEW.password_hash OR lower(OLD.email) <> lower(NEW.email)) EXECUTE FUNCTION void_resets();

CREATE FUNCTION unverify_phone() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'patient' THEN
        UPDATE user_account SET phone_verified_at = NULL, changed_by = NEW.changed_by, request_id = NEW.request_id
        WHERE patient_id = NEW.id AND phone_verified_at IS NOT NULL;
    ELSE
        UPDATE user_account SET phone_verified_at = NULL, changed_by = NEW.changed_by, request_id = NEW.request_id
        WHERE provider_id = NEW.id AND phone_verified_at IS NOT NULL;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER unverify_phone AFTER UPDATE OF phone ON patient FOR EACH ROW
    WHEN (OLD.phone IS DISTINCT FROM NEW.phone) EXECUTE FUNCTION unverify_phone();
CREATE TRIGGER unverify_phone AFTER UPDATE OF phone ON provider FOR EACH ROW
    WHEN (OLD.phone IS DISTINCT FROM NEW.phone) EXECUTE FUNCTION unverify_phone();
CREATE INDEX user_account_patient_phone ON user_account (patient_id) WHERE phone_verified_at IS NOT NULL;
CREATE INDEX user_account_provider_phone ON user_account (provider_id) WHERE phone_verified_at IS NOT NULL;
