-- name: end_sessions_of
-- Ends all sessions of a user, but for one if it is named.
UPDATE login_session SET revoked_at = now(), changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE user_id = %(user_id)s AND revoked_at IS NULL AND id IS DISTINCT FROM %(but_for)s::uuid;

-- name: set_deleter
-- A deleted row has no column that says who deleted it; the audit trail reads these two.
SELECT set_config('frontdesk.actor', %(changed_by)s::text, true),
       set_config('frontdesk.request_id', %(request_id)s::text, true);

-- name: insert_patient
-- The record of a patient who registers. It is new, even when one like it exists: only the desk can prove identity.
INSERT INTO patient (id, first_name, last_name, date_of_birth, gender, email, phone, language, changed_by, request_id)
VALUES (%(id)s, %(first_name)s, %(last_name)s, %(date_of_birth)s, %(gender)s, %(email)s, %(phone)s, %(language)s,
        %(changed_by)s, %(request_id)s);

-- name: insert_user
-- The account and the clinics of its desk, in one statement; nothing when the address is taken. ON CONFLICT, because the
-- database's log would quote the address of a violated index.
WITH account AS (
    INSERT INTO user_account (id, email, password_hash, role, patient_id, provider_id, may_report, changed_by, request_id)
    VALUES (%(id)s, %(email)s, %(password_hash)s, %(role)s, %(patient_id)s, %(provider_id)s, %(may_report)s,
            %(changed_by)s, %(request_id)s)
    ON CONFLICT (lower(email)) DO NOTHING
    RETURNING id, changed_by, request_id
)
INSERT INTO user_clinic (user_id, clinic_id, changed_by, request_id)
SELECT DISTINCT account.id, clinic_id, account.changed_by, account.request_id
FROM account, unnest(%(clinic_ids)s::uuid[]) AS clinic_id;

-- name: find_user
-- One account, without its password.
SELECT u.id, u.email, u.role, u.patient_id, u.provider_id,
       ARRAY(SELECT c.clinic_id FROM user_clinic c WHERE c.user_id = u.id ORDER BY c.clinic_id) AS clinic_ids,
       u.may_report, u.active, u.version, u.created_at, u.changed_at, u.email_verified_at, u.phone_verified_at
FROM user_account u
WHERE u.id = %(user_id)s;

-- name: list_users
-- Accounts in the order of their ids, which is that of their creation.
SELECT u.id, u.email, u.role, u.patient_id, u.provider_id,
       ARRAY(SELECT c.clinic_id FROM user_clinic c WHERE c.user_id = u.id ORDER BY c.clinic_id) AS clinic_ids,
       u.may_report, u.active, u.version, u.created_at, u.changed_at, u.email_verified_at, u.phone_verified_at
FROM user_account u
WHERE (%(role)s::text IS NULL OR u.role = %(role)s::text)
  AND (%(active)s::boolean IS NULL OR u.active = %(active)s::boolean)
  AND (%(after_id)s::uuid IS NULL OR u.id > %(after_id)s::uuid)
ORDER BY u.id
LIMIT %(rows)s;

-- name: lock_admins
-- All active admins, locked until the end of the transaction, so that two cannot end each other's account at once: the
-- second waits here and then no longer finds the first's. In the order of ids, so that no two wait for each other.
SELECT id FROM user_account WHERE role = 'admin' AND active ORDER BY id FOR NO KEY UPDATE;

-- name: lock_user
-- The account before a change.
SELECT email, password_hash, role, patient_id, provider_id, may_report, active, version
FROM user_account WHERE id = %(user_id)s FOR NO KEY UPDATE;

-- name: update_user
-- The account after a change, under the lock of lock_user.
UPDATE user_account
SET email = %(email)s, password_hash = %(password_hash)s, role = %(role)s, patient_id = %(patient_id)s,
    provider_id = %(provider_id)s, may_report = %(may_report)s, active = %(active)s,
    changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(user_id)s;

-- name: leave_clinics
-- Takes the user from the desks of all clinics but these.
DELETE FROM user_clinic WHERE user_id = %(user_id)s AND clinic_id <> ALL (%(clinic_ids)s::uuid[]);

-- name: join_clinics
-- Puts the user at the desks of these clinics.
INSERT INTO user_clinic (user_id, clinic_id, changed_by, request_id)
SELECT DISTINCT %(user_id)s::uuid, clinic_id, %(changed_by)s::uuid, %(request_id)s::uuid
FROM unnest(%(clinic_ids)s::uuid[]) AS clinic_id
ON CONFLICT DO NOTHING;
