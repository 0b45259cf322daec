-- name: appointments
-- All appointments and holds of a patient, with their visit as far as the caller may read it.
SELECT a.id, a.status, a.version, a.provider_id, p.first_name || ' ' || p.last_name AS provider, a.clinic_id, c.name AS clinic,
       c.time_zone, v.name AS visit_type, lower(a.during) AS start, upper(a.during) AS "end", a.mode, a.reason, a.status_reason,
       a.override_reason, a.created_at, a.changed_at,
       ARRAY(SELECT jsonb_build_object('version', h.version, 'from_status', h.from_status, 'to_status', h.to_status,
                                       'start', lower(h.during), 'end', upper(h.during), 'reason', h.reason, 'at', h.at)
             FROM appointment_history h WHERE h.appointment_id = a.id ORDER BY h.version) AS history,
       (SELECT jsonb_build_object('chief_complaint', w.chief_complaint, 'diagnosis', w.diagnosis,
                                  'treatment_plan', w.treatment_plan, 'prescriptions', w.prescriptions, 'notes', w.notes,
                                  'follow_up_on', w.follow_up_on, 'changed_at', w.changed_at)
        FROM visit w WHERE w.appointment_id = a.id) AS visit
FROM appointment a
JOIN provider p ON p.id = a.provider_id
JOIN clinic c ON c.id = a.clinic_id
JOIN visit_type v ON v.id = a.visit_type_id
WHERE a.patient_id = %(patient_id)s
ORDER BY a.start_at, a.id;

-- name: records
-- The medical record of a patient as far as the caller may read it, and every time the glass was broken for them.
SELECT ARRAY(SELECT jsonb_build_object('kind', m.kind, 'title', m.title, 'body', m.body, 'recorded_on', m.recorded_on,
                                       'replaces', m.replaces, 'id', m.id, 'created_at', m.created_at)
             FROM medical_record m WHERE m.patient_id = %(patient_id)s ORDER BY m.id) AS records,
       ARRAY(SELECT jsonb_build_object('opened_at', g.opened_at, 'expires_at', g.expires_at, 'reason', g.reason,
                                       'display', broken_by(g.user_id))
             FROM break_glass g WHERE g.patient_id = %(patient_id)s ORDER BY g.id) AS broken_glass;

-- name: accounts
-- The log-ins that belong to a patient, and when each was used.
SELECT u.id, u.email, u.role, u.active, u.created_at, u.changed_at,
       ARRAY(SELECT jsonb_build_object('began_at', s.created_at, 'expires_at', s.expires_at, 'ended_at', s.revoked_at)
             FROM login_session s WHERE s.user_id = u.id ORDER BY s.created_at) AS sessions
FROM user_account u
WHERE u.patient_id = %(patient_id)s
ORDER BY u.id;

-- name: waitlist
-- All that a patient waits or waited for, with the times that they were offered.
SELECT e.id, e.status, v.name AS visit_type, concat_ws(' ', p.title, p.first_name, p.last_name) AS provider, s.name AS specialty,
       ARRAY(SELECT c.name FROM clinic c WHERE c.id = ANY (e.clinic_ids) ORDER BY 1) AS clinics, e.earliest, e.latest, e.weekdays,
       e.times_of_day, e.urgency, e.auto_book, e.appointment_id, e.reason, e.missed, e.created_at, e.changed_at,
       ARRAY(SELECT jsonb_build_object('id', o.id, 'status', o.status, 'appointment_id', o.appointment_id,
                                       'start', lower(a.during), 'end', upper(a.during), 'offered_at', o.created_at,
                                       'expires_at', o.expires_at, 'answered_at', o.answered_at)
             FROM waitlist_offer o JOIN appointment a ON a.id = o.appointment_id WHERE o.entry_id = e.id ORDER BY o.id) AS offers
FROM waitlist_entry e
JOIN visit_type v ON v.id = e.visit_type_id
LEFT JOIN provider p ON p.id = e.provider_id
LEFT JOIN specialty s ON s.id = e.specialty_id
WHERE e.patient_id = %(patient_id)s
ORDER BY e.id;

-- name: notifications
-- What the patient agreed to, and every message to them: which, when and how, not its words, which nobody keeps.
SELECT (SELECT jsonb_build_object('channels', w.channels, 'reminders', w.reminders, 'quiet_from', w.quiet_from,
                                  'quiet_until', w.quiet_until)
        FROM notification_wishes(%(patient_id)s) AS w) AS notification_preferences,
       ARRAY(SELECT jsonb_build_object('appointment_id', n.appointment_id, 'kind', n.kind, 'channel', n.channel,
                                       'status', n.status, 'due_at', n.due_at, 'sent_at', n.sent_at, 'reason', n.reason)
             FROM notification n WHERE n.patient_id = %(patient_id)s ORDER BY n.id) AS notifications,
       (SELECT count(*) FROM push_subscription s WHERE s.patient_id = %(patient_id)s) AS devices;

-- name: family
-- Who could or can act for a patient, and for whom the patient could or can; as far as the caller may see it.
SELECT guardian_id, patient_id, relation, created_at AS began_at, until_on, ended_at
FROM guardianship WHERE %(patient_id)s IN (guardian_id, patient_id) ORDER BY id;

-- name: erasures
-- What was erased of a patient, the latest first.
SELECT id, patient_id, at, scope, reason, keep_until, removed
FROM erasure
WHERE patient_id = %(patient_id)s
ORDER BY at DESC, id DESC;

-- name: lies_ahead
-- Whether a live appointment or hold of the patient is still to end.
SELECT EXISTS (SELECT FROM appointment
               WHERE patient_id = %(patient_id)s AND upper(during) > now()
                 AND (status IN ('scheduled', 'confirmed', 'checked_in', 'in_progress')
                      OR (status = 'held' AND hold_expires_at > now()))) AS yes;

-- name: erase
-- Erase what no law keeps, and write down what that was.
SELECT id, patient_id, at, scope, reason, keep_until, removed
FROM erase_patient(%(erasure_id)s, %(patient_id)s, %(reason)s, %(retention)s::interval, %(changed_by)s, %(request_id)s);

-- name: due
-- Patients who were to be forgotten, of whom the law keeps nothing any more; at most a hundred at once.
SELECT e.patient_id, e.reason
FROM erasure e
WHERE e.keep_until <= now()
  AND NOT EXISTS (SELECT FROM erasure later WHERE later.patient_id = e.patient_id AND later.at > e.at)
  AND NOT EXISTS (SELECT FROM appointment a
                  WHERE a.patient_id = e.patient_id AND upper(a.during) > now()
                    AND a.status IN ('held', 'scheduled', 'confirmed', 'checked_in', 'in_progress'))
ORDER BY e.keep_until
LIMIT 100;

-- name: lock_patient
-- Nobody books for the patient while they are forgotten.
SELECT id, version FROM patient WHERE id = %(patient_id)s FOR UPDATE;
