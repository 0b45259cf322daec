-- name: use_key
-- What a key opens today; no row when there is no such key, it is over, or its account inactive. That it was used is noted
-- once an hour, in the audit trail too.
WITH known AS (
    SELECT u.id AS user_id, u.role, s.id AS session_id, u.patient_id, u.provider_id, k.scopes,
           ARRAY(SELECT c.clinic_id FROM user_clinic c WHERE c.user_id = u.id ORDER BY c.clinic_id) AS clinic_ids
    FROM api_key k JOIN login_session s ON s.id = k.id JOIN user_account u ON u.id = s.user_id
    WHERE k.key_hash = %(key_hash)s AND s.revoked_at IS NULL AND s.expires_at > now() AND u.active
), noted AS (
    UPDATE api_key k SET last_used_at = now(), changed_by = known.user_id, request_id = %(request_id)s
    FROM known
    WHERE k.id = known.session_id AND (k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 hour')
)
SELECT user_id, role, session_id, patient_id, provider_id, scopes, clinic_ids FROM known;

-- name: find_holder
-- The account that a key is to be for. FOR SHARE: it stays active, and its role, until the key is there.
SELECT id, role FROM user_account WHERE id = %(user_id)s AND active FOR SHARE;

-- name: insert_key
-- The key and the session that it is.
WITH session AS (
    INSERT INTO login_session (id, user_id, refresh_hash, expires_at, changed_by, request_id)
    VALUES (%(id)s, %(user_id)s, %(key_hash)s, %(expires_at)s, %(changed_by)s, %(request_id)s)
)
INSERT INTO api_key (id, name, prefix, key_hash, scopes, changed_by, request_id)
VALUES (%(id)s, %(name)s, %(prefix)s, %(key_hash)s, %(scopes)s, %(changed_by)s, %(request_id)s);

-- name: list_keys
-- Keys in the order of their ids, which is that of their creation; one of them when its id is given.
SELECT k.id, k.name, k.prefix, k.scopes, s.user_id, u.role,
       ARRAY(SELECT c.clinic_id FROM user_clinic c WHERE c.user_id = u.id ORDER BY c.clinic_id) AS clinic_ids,
       s.revoked_at IS NULL AND s.expires_at > now() AND u.active AS active,
       s.expires_at, s.revoked_at, k.last_used_at, k.created_at
FROM api_key k JOIN login_session s ON s.id = k.id JOIN user_account u ON u.id = s.user_id
WHERE (%(key_id)s::uuid IS NULL OR k.id = %(key_id)s::uuid)
  AND (%(user_id)s::uuid IS NULL OR s.user_id = %(user_id)s::uuid)
  AND (%(after_id)s::uuid IS NULL OR k.id > %(after_id)s::uuid)
ORDER BY k.id
LIMIT %(rows)s;

-- name: revoke_key
-- From here on the key opens nothing. Repeating it changes nothing; no row when there is no such key.
WITH ended AS (
    UPDATE login_session s SET revoked_at = now(), changed_by = %(changed_by)s, request_id = %(request_id)s
    FROM api_key k WHERE k.id = %(key_id)s AND s.id = k.id AND s.revoked_at IS NULL
)
SELECT id FROM api_key WHERE id = %(key_id)s;
