-- name: place
-- The appointment of a visit, whoever may see the appointment itself: whose it is, and whether the caller may read and write
-- clinical text about them (schema/95_access.sql). No row when there is no such appointment, or nobody's.
SELECT patient_id, status, reads_clinical(patient_id) AS reads, writes_clinical(patient_id) AS writes
FROM clinical_place(%(appointment_id)s, %(to_write)s);

-- name: reach
-- Whether the caller may read and write clinical text about the patient, and for which reason, where that is a broken glass.
SELECT reads_clinical(%(patient_id)s) AS reads, writes_clinical(%(patient_id)s) AS writes,
       (SELECT g.reason FROM break_glass g
        WHERE g.patient_id = %(patient_id)s AND g.user_id = %(user_id)s AND g.expires_at > now()
        ORDER BY g.opened_at DESC LIMIT 1) AS glass;

-- name: find_visit
-- What was written down at a visit.
SELECT appointment_id, chief_complaint, diagnosis, treatment_plan, prescriptions, notes, follow_up_on, version, created_at,
       changed_at
FROM visit WHERE appointment_id = %(appointment_id)s;

-- name: begin_visit
-- The empty sheet, if there is none yet.
INSERT INTO visit (appointment_id, changed_by, request_id)
VALUES (%(appointment_id)s, %(changed_by)s, %(request_id)s)
ON CONFLICT DO NOTHING
RETURNING appointment_id;

-- name: lock_visit
-- Hold the sheet while it changes.
SELECT chief_complaint, diagnosis, treatment_plan, prescriptions, notes, follow_up_on, version
FROM visit WHERE appointment_id = %(appointment_id)s FOR UPDATE;

-- name: write_visit
-- The whole sheet: it is locked, and what was not sent is what was read.
UPDATE visit
SET chief_complaint = %(chief_complaint)s, diagnosis = %(diagnosis)s, treatment_plan = %(treatment_plan)s,
    prescriptions = %(prescriptions)s, notes = %(notes)s, follow_up_on = %(follow_up_on)s,
    changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE appointment_id = %(appointment_id)s;

-- name: list_records
-- A page of a patient's records in the order in which they were written; a replaced one names its successor.
SELECT m.id, m.patient_id, m.kind, m.title, m.body, m.recorded_on, m.appointment_id, m.replaces,
       (SELECT n.id FROM medical_record n WHERE n.replaces = m.id) AS replaced_by, m.created_at, m.changed_by AS written_by
FROM medical_record m
WHERE m.patient_id = %(patient_id)s AND (%(kind)s::text IS NULL OR m.kind = %(kind)s)
  AND (%(after_id)s::uuid IS NULL OR m.id > %(after_id)s)
ORDER BY m.id LIMIT %(rows)s;

-- name: add_record
-- Write a record.
INSERT INTO medical_record (id, patient_id, kind, title, body, recorded_on, appointment_id, replaces, changed_by, request_id)
VALUES (%(id)s, %(patient_id)s, %(kind)s, %(title)s, %(body)s, %(recorded_on)s, %(appointment_id)s, %(replaces)s,
        %(changed_by)s, %(request_id)s)
RETURNING id, patient_id, kind, title, body, recorded_on, appointment_id, replaces, NULL::uuid AS replaced_by, created_at,
          changed_by AS written_by;

-- name: of_patient
-- Whether what a record names is of the same patient.
SELECT (%(appointment_id)s::uuid IS NULL OR patient_of(%(appointment_id)s::uuid) = %(patient_id)s)
   AND (%(replaces)s::uuid IS NULL
        OR EXISTS (SELECT FROM medical_record WHERE id = %(replaces)s::uuid AND patient_id = %(patient_id)s)) AS fits;

-- name: open_glass
-- Break the glass for one patient.
INSERT INTO break_glass (id, patient_id, user_id, reason, expires_at, changed_by, request_id)
VALUES (%(id)s, %(patient_id)s, %(changed_by)s, %(reason)s, now() + %(for_time)s::interval, %(changed_by)s, %(request_id)s)
RETURNING id, patient_id, user_id, reason, opened_at, expires_at;

-- name: glasses
-- Every time the glass was broken for a patient, the latest first.
SELECT g.id, g.patient_id, g.reason, g.opened_at, g.expires_at, broken_by(g.user_id) AS display
FROM break_glass g
WHERE g.patient_id = %(patient_id)s AND (%(before_id)s::uuid IS NULL OR g.id < %(before_id)s)
ORDER BY g.id DESC LIMIT %(rows)s;
