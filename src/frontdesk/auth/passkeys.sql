-- name: insert_challenge
-- What a passkey is asked to sign.
INSERT INTO passkey_challenge (id, user_id, purpose, challenge, expires_at)
VALUES (%(id)s, %(user_id)s, %(purpose)s, %(challenge)s, now() + %(ttl)s::interval);

-- name: take_challenge
-- The challenge, which is gone with this; no row for one that is too old, was taken before, or is for something else.
DELETE FROM passkey_challenge
WHERE id = %(challenge_id)s AND user_id = %(user_id)s AND purpose = %(purpose)s AND expires_at > now()
RETURNING challenge;

-- name: purge_challenges
-- Those that nothing came back for.
DELETE FROM passkey_challenge WHERE expires_at < now();

-- name: insert_passkey
-- A passkey, or no row when it is registered already.
INSERT INTO passkey (id, user_id, name, credential_id, public_key, sign_count, transports, changed_by, request_id)
VALUES (%(id)s, %(user_id)s, %(name)s, %(credential_id)s, %(public_key)s, %(sign_count)s, %(transports)s,
        %(changed_by)s, %(request_id)s)
ON CONFLICT (credential_id) DO NOTHING
RETURNING id, name, created_at, last_used_at;

-- name: find_passkey
-- A passkey of this account.
SELECT id, public_key, sign_count FROM passkey WHERE user_id = %(user_id)s AND credential_id = %(credential_id)s;

-- name: use_passkey
-- Its counter goes up, or stays 0; no row when a rival has brought it further.
UPDATE passkey
SET sign_count = %(sign_count)s, last_used_at = now(), changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(id)s AND (sign_count < %(sign_count)s OR (sign_count = 0 AND %(sign_count)s = 0))
RETURNING id;
