-- name: lock_owner
-- Of two who set up the first factor of an account at once, one waits here. What the other has done the waiting statement
-- itself does not see: look with the next one.
SELECT FROM user_account WHERE id = %(user_id)s FOR NO KEY UPDATE;

-- name: factors_of
-- What an account can prove itself by, besides the password.
SELECT u.email, u.role, u.password_hash, u.active,
       (SELECT t.confirmed_at FROM totp_factor t WHERE t.user_id = u.id) AS totp_since,
       (SELECT count(*) FROM recovery_code c WHERE c.user_id = u.id AND c.used_at IS NULL) AS recovery_codes,
       (SELECT count(*) FROM passkey k WHERE k.user_id = u.id) AS passkeys
FROM user_account u WHERE u.id = %(user_id)s;

-- name: passkeys_of
-- The passkeys of an account, oldest first.
SELECT id, name, credential_id, transports, created_at, last_used_at FROM passkey WHERE user_id = %(user_id)s ORDER BY id;

-- name: remove_passkeys
-- One of them when its id is given, else all.
DELETE FROM passkey WHERE user_id = %(user_id)s AND (%(passkey_id)s::uuid IS NULL OR id = %(passkey_id)s::uuid);

-- name: begin_totp
-- A new secret, in place of one that was never confirmed.
INSERT INTO totp_factor (user_id, secret, changed_by, request_id)
VALUES (%(user_id)s, %(secret)s, %(changed_by)s, %(request_id)s)
ON CONFLICT (user_id) DO UPDATE
SET secret = excluded.secret, changed_by = excluded.changed_by, request_id = excluded.request_id
WHERE totp_factor.confirmed_at IS NULL;

-- name: find_totp
-- The secret, and the newest step that was used.
SELECT secret, last_step, confirmed_at IS NOT NULL AS confirmed FROM totp_factor WHERE user_id = %(user_id)s;

-- name: use_step
-- Take this time step, or no row when it, or a later one, was used already. Rivals wait for the row and look again.
UPDATE totp_factor
SET last_step = %(step)s, confirmed_at = coalesce(confirmed_at, now()),
    changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE user_id = %(user_id)s AND last_step < %(step)s AND (confirmed_at IS NULL) = %(first)s
RETURNING user_id;

-- name: remove_totp
-- From here on no code is asked for.
DELETE FROM totp_factor WHERE user_id = %(user_id)s;

-- name: remove_recovery_codes
-- All of them, used or not.
DELETE FROM recovery_code WHERE user_id = %(user_id)s;

-- name: insert_recovery_codes
-- New ones.
INSERT INTO recovery_code (user_id, code_hash, changed_by, request_id)
SELECT %(user_id)s, code_hash, %(changed_by)s, %(request_id)s FROM unnest(%(code_hashes)s::bytea[]) AS code_hash;

-- name: use_recovery_code
-- Use one up, or no row.
UPDATE recovery_code SET used_at = now(), changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE user_id = %(user_id)s AND code_hash = %(code_hash)s AND used_at IS NULL
RETURNING user_id;

-- name: try_step
-- One try of five more for this log-in, or no row when they are used up or it has led to a session.
INSERT INTO second_step AS s (token_id, tries, expires_at) VALUES (%(token_id)s, 1, %(expires_at)s)
ON CONFLICT (token_id) DO UPDATE SET tries = s.tries + 1 WHERE s.tries < 5 AND s.used_at IS NULL
RETURNING tries;

-- name: finish_step
-- This log-in leads to a session; no row when it has before.
UPDATE second_step SET used_at = now() WHERE token_id = %(token_id)s AND used_at IS NULL RETURNING token_id;

-- name: purge_steps
-- Log-ins whose token has expired.
DELETE FROM second_step WHERE expires_at < now();
