-- name: patients_by_ref
-- Who is in the book under these references of the other system.
SELECT external_ref AS ref, id FROM patient WHERE external_ref = ANY (%(refs)s::text[]);

-- name: already_there
-- Rows that an earlier run, an earlier line or somebody at the desk has entered. By external id, which the appointment's
-- own id is made of: `same_patient` false means that it is another patient's visit. Else by provider, patient, start and
-- end: the visit stands in the book, or it came from a file, as one that takes place (`over` false) or as one that does
-- not, and was cancelled here since. A row with an external id is only that visit.
WITH wanted AS (
    SELECT w.n, w.id, w.provider_id, w.patient_id, tstzrange(w.starts, w.ends) AS during, w.named,
           w.status IN ('cancelled', 'no_show') AS over
    FROM unnest(%(numbers)s::integer[], %(ids)s::uuid[], %(providers)s::uuid[], %(patients)s::uuid[], %(starts)s::timestamptz[],
                %(ends)s::timestamptz[], %(statuses)s::text[], %(named)s::boolean[])
         AS w (n, id, provider_id, patient_id, starts, ends, status, named)
)
SELECT w.n, a.patient_id IS NOT DISTINCT FROM w.patient_id AS same_patient
FROM wanted w JOIN appointment a ON a.id = w.id
UNION ALL
SELECT w.n, true
FROM wanted w
JOIN appointment a ON a.provider_id = w.provider_id AND a.start_at = lower(w.during)
WHERE a.during = w.during AND a.patient_id = w.patient_id
  AND ((a.status NOT IN ('held', 'cancelled', 'no_show', 'expired') AND NOT w.over)
       OR (a.origin = 'imported' AND NOT w.named
           AND w.over = (coalesce((SELECT h.to_status FROM appointment_history h
                                   WHERE h.appointment_id = a.id AND h.version = 1), a.status)
                         IN ('cancelled', 'no_show'))));

-- name: overdue_holds
-- Holds whose time is over and that still stand in the way, with their keys to lock before expiring them.
SELECT DISTINCT a.id, a.provider_id, a.patient_id, a.room_id
FROM unnest(%(providers)s::uuid[], %(patients)s::uuid[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
     AS w (provider_id, patient_id, starts, ends)
JOIN appointment a ON a.status = 'held' AND a.hold_expires_at <= %(now)s AND a.claims && tstzrange(w.starts, w.ends)
    AND (a.provider_id = w.provider_id OR a.patient_id = w.patient_id);

-- name: claim
-- Claim the times of many rows in the order of the file, each judged alone by the constraints, and register the patients
-- of those that got theirs: a refused row leaves nobody behind. Needs the locks of all keys (ADR-0003).
WITH wanted AS MATERIALIZED (
    SELECT *
    FROM unnest(%(numbers)s::integer[], %(ids)s::uuid[], %(providers)s::uuid[], %(patients)s::uuid[], %(clinics)s::uuid[],
                %(visit_types)s::uuid[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(statuses)s::text[],
                %(reasons)s::text[], %(newcomers)s::boolean[], %(refs)s::text[], %(first_names)s::text[],
                %(last_names)s::text[], %(born)s::date[], %(genders)s::text[])
         AS w (n, id, provider_id, patient_id, clinic_id, visit_type_id, starts, ends, status, reason, newcomer, ref,
               first_name, last_name, date_of_birth, gender)
), claimed AS (
    INSERT INTO appointment (id, provider_id, patient_id, clinic_id, visit_type_id, during, claims, status, mode, reason,
                             origin, changed_by, request_id)
    SELECT w.id, w.provider_id, w.patient_id, w.clinic_id, w.visit_type_id, tstzrange(w.starts, w.ends),
           tstzrange(w.starts, w.ends), w.status, v.mode, w.reason, 'imported', %(changed_by)s, %(request_id)s
    FROM wanted w
    JOIN visit_type v ON v.id = w.visit_type_id
    WHERE w.status IN ('cancelled', 'no_show') OR NOT EXISTS (  -- nothing goes beside an overbooked visit by accident
        SELECT FROM appointment b
        WHERE b.provider_id = w.provider_id AND b.lane > 0 AND b.claims && tstzrange(w.starts, w.ends)
          AND b.start_at BETWEEN w.starts - interval '34 hours' AND w.ends + interval '34 hours'
          AND b.status NOT IN ('cancelled', 'no_show', 'expired') AND b.session_id IS NULL)
    ORDER BY w.n
    ON CONFLICT DO NOTHING
    RETURNING id, status, version, provider_id, clinic_id, patient_id, lower(during) AS start, upper(during) AS "end"
), registered AS (
    INSERT INTO patient (id, first_name, last_name, date_of_birth, gender, external_ref, changed_by, request_id)
    SELECT DISTINCT ON (w.patient_id) w.patient_id, w.first_name, w.last_name, w.date_of_birth, w.gender, w.ref,
           %(changed_by)s::uuid, %(request_id)s::uuid
    FROM wanted w
    JOIN claimed c ON c.id = w.id
    WHERE w.newcomer
    ORDER BY w.patient_id, w.n
    RETURNING id
)
SELECT c.*, c.patient_id IN (SELECT id FROM registered) AS registered FROM claimed c;

-- name: in_the_way
-- What keeps each of these rows out: times only, nobody's identity. Overdue holds do not count.
-- A visit lasts 24 hours at most and its buffers 8. To say so makes the B-tree as good as the GiST index, which the
-- planner of a young table may not take: 6,600 refusals cost 20 s without.
WITH wanted AS (
    SELECT w.n, w.provider_id, w.patient_id, tstzrange(w.starts, w.ends) AS during,
           w.starts - interval '34 hours' AS earliest, w.ends + interval '34 hours' AS latest
    FROM unnest(%(numbers)s::integer[], %(providers)s::uuid[], %(patients)s::uuid[], %(starts)s::timestamptz[],
                %(ends)s::timestamptz[]) AS w (n, provider_id, patient_id, starts, ends)
)
SELECT w.n, a.id, 'provider' AS resource, lower(a.claims) AS start, upper(a.claims) AS "end"
FROM wanted w
JOIN appointment a ON a.provider_id = w.provider_id AND a.claims && w.during AND a.start_at BETWEEN w.earliest AND w.latest
WHERE a.status NOT IN ('cancelled', 'no_show', 'expired') AND a.session_id IS NULL
  AND NOT (a.status = 'held' AND a.hold_expires_at <= %(now)s)
UNION ALL
SELECT w.n, a.id, 'patient', lower(a.during), upper(a.during)
FROM wanted w
JOIN appointment a ON a.patient_id = w.patient_id AND a.during && w.during AND a.start_at BETWEEN w.earliest AND w.latest
WHERE a.status NOT IN ('cancelled', 'no_show', 'expired') AND a.patient_id IS NOT NULL
  AND NOT (a.status = 'held' AND a.hold_expires_at <= %(now)s)
ORDER BY n, resource DESC, start;
