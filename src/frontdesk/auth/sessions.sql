-- name: find_account
-- What a log-in is checked against, and how long its door stays closed; one row, whether there is such an account or not.
SELECT u.id, u.password_hash, u.active, extract(epoch FROM w.refused_until - clock_timestamp())::float8 AS wait_s
FROM (VALUES (true)) AS log_in
LEFT JOIN user_account u ON lower(u.email) = lower(%(email)s)
LEFT JOIN wrong_guess w ON w.subject = %(subject)s;

-- name: open_session
-- A session of an account that is still as it was when its password was proven; no row when it is not.
-- FOR SHARE waits for an admin who is changing the account, and then looks again.
WITH account AS (
    SELECT id FROM user_account
    WHERE id = %(user_id)s AND active AND password_hash = %(password_hash)s
    FOR SHARE
)
INSERT INTO login_session (id, user_id, refresh_hash, expires_at, changed_by, request_id)
SELECT %(session_id)s, account.id, %(refresh_hash)s, now() + %(ttl)s::interval, account.id, %(request_id)s FROM account
RETURNING id;

-- name: rotate
-- Exchange the newest refresh token for the next, or return no row. The row lock lets one of two rivals win: the other
-- looks again at a hash that is no longer its own. Each exchange begins a new time of expiry.
UPDATE login_session s
SET refresh_hash = %(next_hash)s, refreshed_at = now(), expires_at = now() + %(ttl)s::interval,
    changed_by = s.user_id, request_id = %(request_id)s
FROM user_account u
WHERE s.id = %(session_id)s AND s.refresh_hash = %(refresh_hash)s
  AND s.revoked_at IS NULL AND s.expires_at > now() AND u.id = s.user_id AND u.active
RETURNING s.id;

-- name: end_session
-- After this no refresh token of the session works. Repeating it changes nothing.
UPDATE login_session SET revoked_at = now(), changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(session_id)s AND revoked_at IS NULL;

-- name: find_logins
-- What access tokens of these sessions say; no row for a session that is over or whose user is inactive.
SELECT u.id AS user_id, u.role, s.id AS session_id, u.patient_id, u.provider_id,
       ARRAY(SELECT c.clinic_id FROM user_clinic c WHERE c.user_id = u.id ORDER BY c.clinic_id) AS clinic_ids
FROM login_session s JOIN user_account u ON u.id = s.user_id
WHERE s.id = ANY(%(session_ids)s) AND s.revoked_at IS NULL AND s.expires_at > now() AND u.active;

-- name: purge_sessions
-- Sessions that ended more than 30 days ago, at most a thousand at once; the audit trail keeps what they were. Those of API
-- keys stay: their list tells of old ones too.
DELETE FROM login_session WHERE id IN (
    SELECT id FROM login_session s
    WHERE (expires_at < now() - interval '30 days' OR revoked_at < now() - interval '30 days')
      AND NOT EXISTS (SELECT FROM api_key k WHERE k.id = s.id)
    LIMIT 1000 FOR UPDATE SKIP LOCKED);

-- name: end_links
-- The links to this patient's appointments open nothing from now on (74_links.sql).
UPDATE patient SET link_generation = link_generation + 1, changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(patient_id)s;

-- name: sessions_of
-- The live sessions of a user, oldest first.
SELECT id, created_at, refreshed_at, expires_at, id = %(current)s AS current FROM login_session
WHERE user_id = %(user_id)s AND revoked_at IS NULL AND expires_at > now()
  AND (%(after_id)s::uuid IS NULL OR id > %(after_id)s::uuid)
ORDER BY id LIMIT %(rows)s;

-- name: end_own_session
-- Ends a live session of this user, and no other's.
UPDATE login_session SET revoked_at = now(), changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(session_id)s AND user_id = %(user_id)s AND revoked_at IS NULL AND expires_at > now();
