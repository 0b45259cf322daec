-- name: in_reach
-- Patients whom the caller may see, by a search (find_patients answers ids, of anybody) or all of them.
WITH candidate AS MATERIALIZED (
    SELECT find_patients(%(name_like)s::text, %(name_like_too)s::text, %(words)s::text[], %(like_name)s::text,
                         %(email)s::text, %(reference)s::text, %(born_on)s::date, %(phone_digits)s::text) AS id
    WHERE NOT %(everybody)s
)
SELECT p.id, p.first_name, p.last_name, p.date_of_birth, p.gender, p.email, p.phone, p.language, p.address, p.national_id,
       CASE WHEN p.insurance_provider IS NOT NULL
            THEN jsonb_build_object('provider', p.insurance_provider, 'member_id', p.insurance_member_id) END AS insurance,
       p.emergency_contact, p.external_ref,
       ARRAY(SELECT c.clinic_id FROM patient_clinic c WHERE c.patient_id = p.id ORDER BY 1) AS clinic_ids,
       p.preferences, p.active, p.version, p.created_at, p.changed_at
FROM patient p
WHERE (%(after_id)s::uuid IS NULL OR p.id > %(after_id)s)
  AND (%(only_patient)s::uuid IS NULL OR p.id = %(only_patient)s)
  AND (%(only_care_of)s::uuid IS NULL OR in_care(%(only_care_of)s, p.id))
  AND (%(only_clinics)s::uuid[] IS NULL OR of_clinics(%(only_clinics)s, p.id))
  AND (%(everybody)s OR p.id = ANY (ARRAY(SELECT id FROM candidate)))
ORDER BY p.id LIMIT %(rows)s;

-- name: some_in_reach
-- Those of these patients whom the caller may see.
SELECT p.id, p.first_name, p.last_name, p.date_of_birth, p.gender, p.email, p.phone, p.language, p.address, p.national_id,
       CASE WHEN p.insurance_provider IS NOT NULL
            THEN jsonb_build_object('provider', p.insurance_provider, 'member_id', p.insurance_member_id) END AS insurance,
       p.emergency_contact, p.external_ref,
       ARRAY(SELECT c.clinic_id FROM patient_clinic c WHERE c.patient_id = p.id ORDER BY 1) AS clinic_ids,
       p.preferences, p.active, p.version, p.created_at, p.changed_at
FROM patient p
WHERE p.id = ANY (%(ids)s)
  AND (%(only_patient)s::uuid IS NULL OR p.id = %(only_patient)s)
  AND (%(only_care_of)s::uuid IS NULL OR in_care(%(only_care_of)s, p.id))
  AND (%(only_clinics)s::uuid[] IS NULL OR of_clinics(%(only_clinics)s, p.id))
ORDER BY p.id;

-- name: lock_patient
-- Hold the patient while it changes.
SELECT id, first_name, last_name, date_of_birth, gender, email, phone, language, address, national_id,
       insurance_provider, insurance_member_id, emergency_contact, external_ref, preferences, active, version
FROM patient WHERE id = %(patient_id)s FOR UPDATE;

-- name: lock_alike
-- Those who may be the same person are registered one after the other: the locks of all that alike_patients compares, sorted, before
-- any row is written. Of the name and the birth date only the latter, because names need only be similar.
SELECT pg_advisory_xact_lock(key)
FROM (SELECT hashtextextended('alike:' || mark, 0) AS key
      FROM unnest(ARRAY[%(date_of_birth)s::date::text, lower(%(email)s::text), encode(%(national_id_index)s::bytea, 'hex'),
                        %(phone_digits)s::text]) AS mark
      WHERE mark <> '' ORDER BY key) AS sorted;

-- name: alike
-- Who may be the same person, whoever may see them.
SELECT alike_patients(%(first_name)s::text, %(last_name)s::text, %(date_of_birth)s::date, %(email)s::text,
                      %(national_id_index)s::bytea, %(phone_digits)s::text) AS id;

-- name: insert_patient
-- A new patient.
INSERT INTO patient (id, first_name, last_name, date_of_birth, gender, email, phone, language, address, national_id, national_id_index,
                     insurance_provider, insurance_member_id, emergency_contact, preferences, external_ref,
                     changed_by, request_id)
VALUES (%(id)s, %(first_name)s, %(last_name)s, %(date_of_birth)s, %(gender)s, %(email)s, %(phone)s, %(language)s,
        %(address)s, %(national_id)s, %(national_id_index)s, %(insurance_provider)s, %(insurance_member_id)s, %(emergency_contact)s,
        %(preferences)s, %(external_ref)s, %(changed_by)s, %(request_id)s);

-- name: update_patient
-- The whole row: it is locked, and what was not sent is what was read.
UPDATE patient
SET first_name = %(first_name)s, last_name = %(last_name)s, date_of_birth = %(date_of_birth)s, gender = %(gender)s,
    email = %(email)s, phone = %(phone)s, language = %(language)s, address = %(address)s, national_id = %(national_id)s,
    national_id_index = %(national_id_index)s, insurance_provider = %(insurance_provider)s, insurance_member_id = %(insurance_member_id)s,
    emergency_contact = %(emergency_contact)s, preferences = %(preferences)s, external_ref = %(external_ref)s,
    active = %(active)s, changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(id)s;

-- name: registered_at
-- Where the patient is registered.
SELECT clinic_id FROM patient_clinic WHERE patient_id = %(patient_id)s;

-- name: add_clinics
-- Register at clinics; naming one twice is naming it once.
INSERT INTO patient_clinic (patient_id, clinic_id, changed_by, request_id)
SELECT DISTINCT %(patient_id)s::uuid, named, %(changed_by)s::uuid, %(request_id)s::uuid FROM unnest(%(ids)s::uuid[]) AS named
ON CONFLICT DO NOTHING;

-- name: drop_clinics
-- No longer registered at any clinic but these.
DELETE FROM patient_clinic WHERE patient_id = %(patient_id)s AND clinic_id <> ALL (%(ids)s::uuid[]);

-- name: say_who
-- A deleted row cannot name who deletes it, so the transaction does; the audit trail reads it.
SELECT set_config('frontdesk.actor', %(changed_by)s::text, true),
       set_config('frontdesk.request_id', %(request_id)s::text, true);

-- name: has_history
-- Whether anything happened with the patient, or they can log in. The foreign keys say so too, for what comes meanwhile.
SELECT EXISTS (SELECT FROM appointment WHERE patient_id = %(patient_id)s)
    OR EXISTS (SELECT FROM user_account WHERE patient_id = %(patient_id)s)
    OR EXISTS (SELECT FROM guardianship WHERE %(patient_id)s IN (guardian_id, patient_id)) AS has_history;

-- name: logs_in
-- Whether the patient has a log-in that still works.
SELECT EXISTS (SELECT FROM user_account WHERE patient_id = %(patient_id)s AND role = 'patient' AND active) AS yes;

-- name: delete_patient
-- Only one without history; the foreign keys refuse any other.
DELETE FROM patient WHERE id = %(patient_id)s;

-- name: appointments_upcoming
-- One page of what lies ahead, the next one first; `upcoming` false means everything, the oldest first. A hold that was
-- given back keeps `hold_expires_at`, and was no visit that was cancelled.
SELECT id, status, version, provider_id, patient_id, clinic_id, room_id, visit_type_id, lower(during) AS start,
       upper(during) AS "end", mode, reason, hold_expires_at
FROM appointment
WHERE patient_id = %(patient_id)s
  AND (%(only_care_of)s::uuid IS NULL OR provider_id = %(only_care_of)s)
  AND (%(only_clinics)s::uuid[] IS NULL OR clinic_id = ANY (%(only_clinics)s))
  AND (hold_expires_at IS NULL OR status <> 'cancelled')
  AND (NOT %(upcoming)s
       OR (upper(during) > now()
           AND (status IN ('scheduled', 'confirmed', 'checked_in', 'in_progress')
                OR (status = 'held' AND hold_expires_at > now()))))
  AND (%(after_start)s::timestamptz IS NULL
       OR (start_at, id) > (%(after_start)s::timestamptz, %(after_id)s::uuid))
ORDER BY start_at, id LIMIT %(rows)s;

-- name: appointments_past
-- One page of what is over or came to nothing, the latest first.
SELECT id, status, version, provider_id, patient_id, clinic_id, room_id, visit_type_id, lower(during) AS start,
       upper(during) AS "end", mode, reason, hold_expires_at
FROM appointment
WHERE patient_id = %(patient_id)s
  AND (%(only_care_of)s::uuid IS NULL OR provider_id = %(only_care_of)s)
  AND (%(only_clinics)s::uuid[] IS NULL OR clinic_id = ANY (%(only_clinics)s))
  AND status NOT IN ('held', 'expired') AND (hold_expires_at IS NULL OR status <> 'cancelled')
  AND (upper(during) <= now() OR status IN ('completed', 'cancelled', 'no_show'))
  AND (%(after_start)s::timestamptz IS NULL
       OR (start_at, id) < (%(after_start)s::timestamptz, %(after_id)s::uuid))
ORDER BY start_at DESC, id DESC LIMIT %(rows)s;
