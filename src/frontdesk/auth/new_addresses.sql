-- name: hold
-- By what address the caller logs in, whether this one has an account already, theirs aside, and what they speak. The
-- account is locked before its codes, as by a new password, which makes them void.
SELECT u.email, p.language,
       EXISTS (SELECT FROM user_account o WHERE lower(o.email) = lower(%(email)s) AND o.id <> u.id) AS taken
FROM user_account u LEFT JOIN patient p ON p.id = u.patient_id
WHERE u.id = %(user_id)s
FOR NO KEY UPDATE OF u;

-- name: keep_code
-- The newest code, in place of any older one, whatever address that was for.
INSERT INTO contact_code (user_id, channel, new_address, code_hash, expires_at, changed_by, request_id)
VALUES (%(user_id)s, 'new_address', %(new_address)s, %(code_hash)s, now() + %(ttl)s::interval, %(changed_by)s, %(request_id)s)
ON CONFLICT (user_id, channel) DO UPDATE
SET new_address = EXCLUDED.new_address, code_hash = EXCLUDED.code_hash, expires_at = EXCLUDED.expires_at, tries = 0,
    changed_by = EXCLUDED.changed_by, request_id = EXCLUDED.request_id
RETURNING expires_at;

-- name: find_asked
-- The address that was asked for last, and whether its code still works.
SELECT new_address, tries < %(most)s AND expires_at > now() AS open
FROM contact_code WHERE user_id = %(user_id)s AND channel = 'new_address';

-- name: take_try
-- One try less. Rivals wait for the row and look again, so that together they have no more tries than one alone.
UPDATE contact_code SET tries = tries + 1
WHERE user_id = %(user_id)s AND channel = 'new_address' AND tries < %(most)s AND expires_at > now()
RETURNING new_address, code_hash;

-- name: use_code
-- A code works once.
DELETE FROM contact_code WHERE user_id = %(user_id)s AND channel = 'new_address' AND code_hash = %(code_hash)s;

-- name: change_email
-- The account logs in by this address. Who proved it in the same moment has it: the index judges.
UPDATE user_account SET email = %(email)s, changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(user_id)s;
