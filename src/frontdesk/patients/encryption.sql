-- name: outdated
-- Patients with a value that is in plain or under an older key, locked; those that somebody is changing come next time.
SELECT id, national_id, insurance_member_id
FROM patient
WHERE (national_id IS NOT NULL AND (national_id NOT LIKE %(newest)s OR national_id_index IS NULL))
   OR (insurance_member_id IS NOT NULL AND insurance_member_id NOT LIKE %(newest)s)
ORDER BY id LIMIT %(rows)s FOR UPDATE SKIP LOCKED;

-- name: encrypt
-- The same values under the newest key.
UPDATE patient
SET national_id = %(national_id)s, national_id_index = %(national_id_index)s, insurance_member_id = %(insurance_member_id)s,
    changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(id)s;
