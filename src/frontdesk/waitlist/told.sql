-- name: told
-- What the caller waits for and is offered, with names in place of ids, and who is asked before; `id` NULL: all of it, offers
-- first. `visit`: the appointment that an accepted offer would move.
SELECT e.id, e.patient_id, e.status, e.version, e.urgency, e.earliest, e.latest, e.weekdays, e.times_of_day AS time_of_day,
       e.auto_book, e.exception_id, e.appointment_id, t.name AS visit_type, s.name AS specialty,
       -- Why the patient comes is for the patient, whom they would come to, and admins.
       CASE WHEN (%(only_care_of)s::uuid IS NULL OR e.provider_id IS NOT DISTINCT FROM %(only_care_of)s::uuid)
             AND (%(only_clinics)s::uuid[] IS NULL OR coalesce(e.clinic_ids, '{}') && %(only_clinics)s::uuid[]) THEN e.reason END
           AS reason,
       CASE WHEN p.id IS NOT NULL THEN jsonb_build_object(
           'title', p.title, 'first_name', p.first_name, 'last_name', p.last_name, 'credentials', p.credentials) END AS provider,
       ARRAY(SELECT c.name FROM clinic c WHERE c.id = ANY (e.clinic_ids) ORDER BY c.name) AS clinics,
       ARRAY(SELECT jsonb_build_object(
                        'id', o.id, 'expires_at', o.expires_at, 'start', lower(a.during), 'end', upper(a.during),
                        'time_zone', c.time_zone, 'clinic', jsonb_build_object('name', c.name, 'address', c.address),
                        'provider', jsonb_build_object('title', w.title, 'first_name', w.first_name, 'last_name', w.last_name,
                                                       'credentials', w.credentials))
             FROM waitlist_offer o
             JOIN appointment a ON a.id = o.appointment_id
             JOIN clinic c ON c.id = a.clinic_id
             JOIN provider w ON w.id = a.provider_id
             WHERE o.entry_id = e.id AND o.status = 'standing'
             ORDER BY o.choice) AS offers,
       (SELECT jsonb_build_object('start', lower(a.during), 'time_zone', c.time_zone)
        FROM appointment a JOIN clinic c ON c.id = a.clinic_id WHERE a.id = e.appointment_id) AS visit,
       ahead.more_urgent, ahead.earlier
FROM waitlist_entry e
JOIN visit_type t ON t.id = e.visit_type_id
LEFT JOIN provider p ON p.id = e.provider_id
LEFT JOIN specialty s ON s.id = e.specialty_id
LEFT JOIN LATERAL waitlist_ahead(e.id) AS ahead ON e.status = 'waiting'
WHERE (%(only_patient)s::uuid IS NULL OR e.patient_id = %(only_patient)s::uuid)
  AND (%(only_care_of)s::uuid IS NULL OR in_care(%(only_care_of)s::uuid, e.patient_id))
  AND (%(only_clinics)s::uuid[] IS NULL OR e.clinic_ids && %(only_clinics)s::uuid[]
       OR (e.clinic_ids IS NULL AND of_clinics(%(only_clinics)s::uuid[], e.patient_id)))
  AND (%(patient_id)s::uuid IS NULL OR e.patient_id = %(patient_id)s::uuid)
  AND CASE WHEN %(id)s::uuid IS NULL THEN e.status IN ('waiting', 'offered') ELSE e.id = %(id)s::uuid END
ORDER BY e.status = 'waiting', e.since, e.id
LIMIT %(rows)s;
