-- name: find_owner
-- What a change of the caller's own password is checked against, and the log-in that the caller's session began as.
SELECT u.email, u.password_hash, coalesce(p.first_name, v.first_name) AS first_name,
       coalesce(p.last_name, v.last_name) AS last_name,
       coalesce((SELECT s.began_as FROM login_session s WHERE s.id = %(login)s), %(login)s::uuid) AS began_as
FROM user_account u LEFT JOIN patient p ON p.id = u.patient_id LEFT JOIN provider v ON v.id = u.provider_id
WHERE u.id = %(user_id)s;

-- name: exchange_password
-- The new password in place of the old; no row when the account is no longer as it was when the old one was proven.
UPDATE user_account SET password_hash = %(new_hash)s, changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(user_id)s AND active AND password_hash = %(old_hash)s
RETURNING email;

-- name: ask_reset
-- Somebody forgot a password. Nothing is looked up: an address with an account costs no more than one without.
INSERT INTO password_reset (id, asked_for, changed_by, request_id)
VALUES (%(id)s, %(asked_for)s, %(changed_by)s, %(request_id)s);

-- name: next_asked
-- The next request that nobody has answered, locked.
SELECT id, asked_for FROM password_reset WHERE asked_for IS NOT NULL
ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED;

-- name: find_mail
-- The account of an address, if it may log in and was not sent enough links in this hour.
SELECT u.id, u.email FROM user_account u
WHERE lower(u.email) = lower(%(email)s) AND u.active
  AND %(most)s > (SELECT count(*) FROM password_reset r
                  WHERE r.user_id = u.id AND r.created_at > now() - interval '1 hour');

-- name: drop_reset
-- A request that nobody gets a link for.
DELETE FROM password_reset WHERE id = %(id)s;

-- name: make_link
-- The request becomes a link.
UPDATE password_reset
SET asked_for = NULL, user_id = %(user_id)s, token_hash = %(token_hash)s, expires_at = now() + %(ttl)s::interval
WHERE id = %(id)s;

-- name: find_reset
-- Whose password a link sets, while it works.
SELECT u.email FROM password_reset r JOIN user_account u ON u.id = r.user_id
WHERE r.token_hash = %(token_hash)s AND r.used_at IS NULL AND r.expires_at > now() AND u.active;

-- name: lock_account_of_reset
-- The account behind a link, locked.
SELECT u.id, u.email FROM user_account u
WHERE u.id = (SELECT r.user_id FROM password_reset r WHERE r.token_hash = %(token_hash)s) AND u.active
FOR NO KEY UPDATE;

-- name: use_resets
-- Uses up all links of the account, if this one still works; else no row. Under the lock of the account.
UPDATE password_reset SET used_at = now()
WHERE user_id = %(user_id)s AND used_at IS NULL
  AND EXISTS (SELECT FROM password_reset r
              WHERE r.token_hash = %(token_hash)s AND r.used_at IS NULL AND r.expires_at > now());

-- name: set_password
-- A new password, whatever the old one was.
UPDATE user_account SET password_hash = %(new_hash)s, changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(user_id)s;

-- name: purge_resets
-- Links and requests of yesterday.
DELETE FROM password_reset WHERE created_at < now() - interval '1 day';
