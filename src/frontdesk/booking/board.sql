-- name: clinics
-- The clinics in use whose book the caller keeps, by name.
SELECT id, name, time_zone, country
FROM clinic
WHERE active AND (%(only_clinics)s::uuid[] IS NULL OR id = ANY (%(only_clinics)s::uuid[]))
ORDER BY name, id;

-- name: visits
-- Visits with the names that people know them by: of a clinic's local day, of one patient, or some. Seats of a group session
-- count, the session itself does not; nor does a hold that was given back, which keeps `hold_expires_at`. `by_phone`: the
-- patient is here, and said so without the desk. The midnights are made first, for the index (ADR-0021).
WITH local AS MATERIALIZED (
    SELECT id, name, time_zone, country, local_instant(%(on)s::date::timestamp, time_zone) AS from_at,
           local_instant(%(on)s::date + interval '1 day', time_zone) AS to_at
    FROM clinic
    WHERE %(clinic_id)s::uuid IS NULL OR id = %(clinic_id)s::uuid
)
SELECT a.id, a.status, a.version, lower(a.during) AS start, upper(a.during) AS "end", a.lane, a.mode, a.reason, a.status_reason,
       a.override_reason, a.clinic_id, l.name AS clinic, l.time_zone, l.country, a.provider_id, a.patient_id, a.visit_type_id,
       a.room_id, a.during, a.claims,
       p.first_name, p.last_name, p.date_of_birth, p.phone,
       concat_ws(' ', d.title, d.first_name, d.last_name) AS provider, r.name AS room, v.name AS visit_type,
       a.status = 'checked_in' AND coalesce((
           SELECT u.role = 'patient'
           FROM appointment_history h JOIN user_account u ON u.id = h.changed_by
           WHERE h.appointment_id = a.id AND h.to_status = 'checked_in' AND h.from_status <> h.to_status
           ORDER BY h.version DESC LIMIT 1), false) AS by_phone
FROM local l
JOIN appointment a ON a.clinic_id = l.id
JOIN provider d ON d.id = a.provider_id
JOIN visit_type v ON v.id = a.visit_type_id
JOIN patient p ON p.id = a.patient_id
LEFT JOIN room r ON r.id = a.room_id
WHERE a.status NOT IN ('held', 'expired') AND a.capacity IS NULL AND (a.hold_expires_at IS NULL OR a.status <> 'cancelled')
  AND (%(only_clinics)s::uuid[] IS NULL OR a.clinic_id = ANY (%(only_clinics)s::uuid[]))
  AND (%(ids)s::uuid[] IS NULL OR a.id = ANY (%(ids)s::uuid[]))
  AND (%(patient_id)s::uuid IS NULL OR a.patient_id = %(patient_id)s::uuid)
  AND (%(on)s::date IS NULL OR (a.start_at >= l.from_at AND a.start_at < l.to_at))
ORDER BY a.start_at, d.last_name, a.id;

-- name: instant
-- The instant at which the clocks of a clinic show this local time.
SELECT local_instant(%(local)s::timestamp, time_zone) AS at FROM clinic WHERE id = %(clinic_id)s;

-- name: providers
-- Who works at a clinic, by name, and which visit types they are booked for; NULL when for all.
SELECT p.id, concat_ws(' ', p.title, p.first_name, p.last_name) AS name,
       (SELECT array_agg(t.visit_type_id) FROM provider_visit_type t WHERE t.provider_id = p.id) AS visit_type_ids
FROM provider p
WHERE p.active
  AND p.id IN (SELECT provider_id FROM provider_clinic WHERE clinic_id = %(clinic_id)s
               UNION SELECT provider_id FROM schedule WHERE clinic_id = %(clinic_id)s
               UNION SELECT provider_id FROM schedule_exception WHERE clinic_id = %(clinic_id)s)
ORDER BY p.last_name, p.first_name, p.id;

-- name: away
-- When these providers have approved time off on a clinic's local day, and when it is closed: then for nobody in particular.
-- Cut at the midnights; `whole`: from one to the other.
WITH local AS (
    SELECT id, time_zone, tstzrange(local_instant(%(on)s::date::timestamp, time_zone),
                                    local_instant(%(on)s::date + interval '1 day', time_zone)) AS day
    FROM clinic
    WHERE id = %(clinic_id)s
)
SELECT x.id, x.provider_id, x.reason, l.time_zone, lower(x.during * l.day) AS start, upper(x.during * l.day) AS "end",
       l.day <@ x.during AS whole
FROM local l
CROSS JOIN LATERAL (
    SELECT e.id, e.provider_id, NULL AS reason, e.during
    FROM schedule_exception e
    WHERE e.provider_id = ANY (%(provider_ids)s::uuid[]) AND e.during && l.day
      AND e.kind = 'time_off' AND e.status = 'approved' AND (e.clinic_id IS NULL OR e.clinic_id = l.id)
    UNION ALL
    SELECT c.id, NULL, c.reason, c.during FROM closure c WHERE c.clinic_id = l.id AND c.during && l.day
) AS x
ORDER BY start, x.id;

-- name: names
-- What these are called, by which number patients are reached, and the zone of clinics; of patients, those whom the caller
-- may see.
SELECT id, concat_ws(' ', first_name, last_name) AS name, phone, NULL AS time_zone FROM patient WHERE id = ANY (%(ids)s::uuid[])
UNION ALL
SELECT id, concat_ws(' ', title, first_name, last_name), NULL, NULL FROM provider WHERE id = ANY (%(ids)s::uuid[])
UNION ALL
SELECT id, name, NULL, NULL FROM visit_type WHERE id = ANY (%(ids)s::uuid[])
UNION ALL
SELECT id, name, NULL, NULL FROM specialty WHERE id = ANY (%(ids)s::uuid[])
UNION ALL
SELECT id, name, NULL, time_zone FROM clinic WHERE id = ANY (%(ids)s::uuid[]);
