-- name: told
-- Appointments with names in place of ids; NULL is no filter. `ahead`: what lies ahead, the next first; false: what is over
-- or came to nothing, the latest first; a hold that was given back, which keeps `hold_expires_at`, never was a visit.
-- `day`: a local day of each clinic; the instants around it may use the index.
SELECT a.id, a.status, a.version, lower(a.during) AS start, upper(a.during) AS "end", a.mode, a.meeting, a.reason,
       a.status_reason, a.provider_id, a.clinic_id, a.visit_type_id, a.patient_id, a.room_id, a.session_id, a.during, a.claims,
       t.name AS visit_type, t.what_to_bring,
       r.name AS room,
       jsonb_build_object('title', p.title, 'first_name', p.first_name, 'last_name', p.last_name, 'credentials', p.credentials)
           AS provider,
       jsonb_build_object('name', c.name, 'address', c.address, 'phone', c.phone, 'country', c.country) AS clinic, c.time_zone,
       CASE WHEN w.id IS NOT NULL THEN jsonb_build_object('first_name', w.first_name, 'last_name', w.last_name) END AS patient
FROM appointment a
JOIN provider p ON p.id = a.provider_id
JOIN clinic c ON c.id = a.clinic_id
JOIN visit_type t ON t.id = a.visit_type_id
LEFT JOIN room r ON r.id = a.room_id
LEFT JOIN patient w ON w.id = a.patient_id
WHERE (%(id)s::uuid IS NULL OR a.id = %(id)s::uuid)
  AND (%(patient_id)s::uuid IS NULL OR a.patient_id = %(patient_id)s::uuid)
  AND (%(provider_id)s::uuid IS NULL OR a.provider_id = %(provider_id)s::uuid)
  AND (%(only_patient)s::uuid IS NULL OR a.patient_id = %(only_patient)s::uuid)
  AND (%(only_provider)s::uuid IS NULL OR a.provider_id = %(only_provider)s::uuid)
  AND (%(only_clinics)s::uuid[] IS NULL OR a.clinic_id = ANY (%(only_clinics)s::uuid[]))
  AND (%(id)s::uuid IS NOT NULL OR a.status NOT IN ('held', 'expired') AND a.capacity IS NULL
       AND (a.hold_expires_at IS NULL OR a.status <> 'cancelled'))
  AND (%(ahead)s::boolean IS NULL
       OR %(ahead)s::boolean = (upper(a.during) > now() AND a.status NOT IN ('completed', 'cancelled', 'no_show')))
  AND (%(day)s::date IS NULL
       OR (a.start_at BETWEEN %(day)s::date - interval '2 days' AND %(day)s::date + interval '3 days'
           AND a.start_at >= local_instant(%(day)s::date::timestamp, c.time_zone)
           AND a.start_at < local_instant(%(day)s::date + interval '1 day', c.time_zone)))
  AND (%(after_start)s::timestamptz IS NULL
       OR (%(ahead)s::boolean AND (a.start_at, a.id) > (%(after_start)s::timestamptz, %(after_id)s::uuid))
       OR (NOT %(ahead)s::boolean AND (a.start_at, a.id) < (%(after_start)s::timestamptz, %(after_id)s::uuid)))
ORDER BY CASE WHEN %(ahead)s::boolean IS FALSE THEN a.start_at END DESC, CASE WHEN %(ahead)s::boolean IS FALSE THEN a.id END DESC,
         a.start_at, a.id
LIMIT %(rows)s;
