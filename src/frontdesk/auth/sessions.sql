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
-- What access tokens of these sessions say; no row for a session that is over, whose user is inactive, or that acts for
-- somebody for whom its user may not (`enter` says the same).
SELECT u.id AS user_id, u.role, s.id AS session_id, coalesce(s.acts_for, u.patient_id) AS patient_id, u.provider_id,
       CASE WHEN s.acts_for IS NOT NULL THEN u.patient_id END AS guardian_id,
       ARRAY(SELECT c.clinic_id FROM user_clinic c WHERE c.user_id = u.id ORDER BY c.clinic_id) AS clinic_ids
FROM login_session s JOIN user_account u ON u.id = s.user_id
WHERE s.id = ANY(%(session_ids)s) AND s.revoked_at IS NULL AND s.expires_at > now() AND u.active
  AND (s.acts_for IS NULL OR (u.role = 'patient' AND guards(u.patient_id, s.acts_for)));

-- name: switch
-- A session of the same user, for this patient, in place of the present one, which ends after a time of grace (none at all
-- for programs). It ends when that would have (`meant_until`, while it has its grace), and needs its newest refresh token
-- unless %(proof)s is NULL. No row when the session is over, an API key, or not to act for this patient. Of two who switch
-- one session, the row lock lets one win; an ending of the guardianship waits until the new session can be seen, and ends it.
WITH present AS (
    SELECT s.id, s.user_id, coalesce(s.meant_until, s.expires_at) AS expires_at, u.patient_id,
           coalesce(s.began_as, s.id) AS began_as
    FROM login_session s JOIN user_account u ON u.id = s.user_id
    WHERE s.id = %(present)s AND s.revoked_at IS NULL AND s.expires_at > now() AND u.active AND u.role = 'patient'
      AND (%(proof)s::bytea IS NULL OR s.refresh_hash = %(proof)s::bytea)
      AND (u.patient_id = %(patient_id)s OR guards_until_commit(u.patient_id, %(patient_id)s))
      AND NOT EXISTS (SELECT FROM api_key k WHERE k.id = s.id)
    FOR UPDATE OF s FOR SHARE OF u
), ended AS (
    -- Revoked, not only expired now: whoever waited for the row may have begun before this "now".
    UPDATE login_session s SET expires_at = least(s.expires_at, now() + %(grace)s::interval),
        meant_until = present.expires_at,
        revoked_at = CASE WHEN %(proof)s::bytea IS NOT NULL THEN now() END,
        changed_by = s.user_id, request_id = %(request_id)s
    FROM present WHERE s.id = present.id
)
INSERT INTO login_session (id, user_id, refresh_hash, expires_at, acts_for, began_as, changed_by, request_id)
SELECT %(session_id)s, user_id, %(refresh_hash)s, least(expires_at, %(not_after)s::timestamptz), nullif(%(patient_id)s, patient_id), began_as,
       user_id, %(request_id)s
FROM present
RETURNING id, expires_at;

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

-- name: end_own_links
-- The links to the appointments of whoever asks, and of those for whom they may act, open nothing from now on.
SELECT end_own_links(%(changed_by)s, %(request_id)s);

-- name: sessions_of
-- The live sessions of a user, oldest first. One that another has taken the place of is no device of its own, in its time of
-- grace either, unless it is the one that asks.
SELECT id, acts_for, created_at, refreshed_at, expires_at, id = %(current)s AS current FROM login_session
WHERE user_id = %(user_id)s AND revoked_at IS NULL AND expires_at > now()
  AND (meant_until IS NULL OR id = %(current)s)
  AND (%(after_id)s::uuid IS NULL OR id > %(after_id)s::uuid)
ORDER BY id LIMIT %(rows)s;

-- name: end_own_session
-- Ends a live session of this user, and no other's.
UPDATE login_session SET revoked_at = now(), changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(session_id)s AND user_id = %(user_id)s AND revoked_at IS NULL AND expires_at > now();
