-- name: find_addresses
-- Where the holder of an account can be reached.
SELECT u.email, coalesce(p.phone, v.phone) AS phone
FROM user_account u LEFT JOIN patient p ON p.id = u.patient_id LEFT JOIN provider v ON v.id = u.provider_id
WHERE u.id = %(user_id)s;

-- name: keep_code
-- The newest code, in place of any older one.
INSERT INTO contact_code (user_id, channel, code_hash, expires_at, changed_by, request_id)
VALUES (%(user_id)s, %(channel)s, %(code_hash)s, now() + %(ttl)s::interval, %(changed_by)s, %(request_id)s)
ON CONFLICT (user_id, channel) DO UPDATE
SET code_hash = EXCLUDED.code_hash, expires_at = EXCLUDED.expires_at, tries = 0,
    changed_by = EXCLUDED.changed_by, request_id = EXCLUDED.request_id
RETURNING expires_at;

-- name: take_try
-- One try less. Rivals wait for the row and look again, so that together they have no more tries than one alone.
UPDATE contact_code SET tries = tries + 1
WHERE user_id = %(user_id)s AND channel = %(channel)s AND tries < %(most)s AND expires_at > now()
RETURNING code_hash;

-- name: use_code
-- A code works once.
DELETE FROM contact_code WHERE user_id = %(user_id)s AND channel = %(channel)s AND code_hash = %(code_hash)s;

-- name: verified_email
-- The caller reads what is sent to the e-mail address of their account.
UPDATE user_account SET email_verified_at = now(), changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(changed_by)s;

-- name: verified_phone
-- The caller reads what is sent to the phone number of their record.
UPDATE user_account SET phone_verified_at = now(), changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(changed_by)s;

-- name: purge_codes
-- Codes that work no more.
DELETE FROM contact_code WHERE expires_at < now();
