-- name: family
-- The caller, who has no relation, and those for whom they may act, the eldest first.
SELECT patient_id, first_name, last_name, date_of_birth, relation, until_on, since FROM family();

-- name: add_ward
-- A new record with the caller as its guardian; false when that would be too many.
SELECT add_ward(%(id)s, %(link_id)s, %(first_name)s, %(last_name)s, %(date_of_birth)s, %(gender)s, %(relation)s, %(until_on)s,
                %(most)s) AS added;

-- name: guardians_of
-- Who may act for this patient, the earliest first.
SELECT guardian_id, first_name, last_name, relation, until_on, since FROM guardians_of(%(patient_id)s);

-- name: end_lapsed
-- One that ended by itself makes room for another of the same two.
UPDATE guardianship SET ended_at = now(), changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE guardian_id = %(guardian_id)s AND patient_id = %(patient_id)s AND ended_at IS NULL
  AND until_on <= (now() AT TIME ZONE 'UTC')::date;

-- name: add_guardian
-- From now on one may act for the other.
INSERT INTO guardianship (id, guardian_id, patient_id, relation, until_on, changed_by, request_id)
VALUES (%(id)s, %(guardian_id)s, %(patient_id)s, %(relation)s, %(until_on)s, %(changed_by)s, %(request_id)s);

-- name: end_guardianship
-- No longer, and neither do the sessions in which they did.
UPDATE guardianship SET ended_at = now(), changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE guardian_id = %(guardian_id)s AND patient_id = %(patient_id)s AND ended_at IS NULL;
