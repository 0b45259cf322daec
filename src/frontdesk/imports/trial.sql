-- name: begin
-- Tables of the same names, columns and constraints, for this connection only: PostgreSQL finds them before the real
-- ones, so a trial runs the statements of an import, word for word, and is judged by the same constraints. Triggers and
-- foreign keys are left behind: nothing is recorded.
CREATE TEMPORARY TABLE provider (LIKE public.provider INCLUDING ALL);
CREATE TEMPORARY TABLE provider_clinic (LIKE public.provider_clinic INCLUDING ALL);
CREATE TEMPORARY TABLE clinic (LIKE public.clinic INCLUDING ALL);
CREATE TEMPORARY TABLE visit_type (LIKE public.visit_type INCLUDING ALL);
CREATE TEMPORARY TABLE patient (LIKE public.patient INCLUDING ALL);
CREATE TEMPORARY TABLE appointment (LIKE public.appointment INCLUDING ALL);
INSERT INTO provider SELECT * FROM public.provider;
INSERT INTO clinic SELECT * FROM public.clinic;
INSERT INTO visit_type SELECT * FROM public.visit_type;

-- name: mirror_patients
-- Those of the real ones who are concerned.
INSERT INTO patient
SELECT * FROM public.patient WHERE external_ref = ANY (%(refs)s::text[])
ON CONFLICT DO NOTHING;

-- name: mirror_appointments
-- What of the real book touches these rows: the same visits, and what stands in their way. Overdue holds stay away: an
-- import would expire them.
WITH wanted AS MATERIALIZED (
    SELECT w.id, w.provider_id, p.id AS patient_id, w.starts, w.ends,
           tstzrange(w.starts, w.ends) AS during
    FROM unnest(%(ids)s::uuid[], %(providers)s::uuid[], %(of_patients)s::text[], %(starts)s::timestamptz[],
                %(ends)s::timestamptz[]) AS w (id, provider_id, ref, starts, ends)
    LEFT JOIN patient p ON p.external_ref = w.ref
)
INSERT INTO appointment (id, provider_id, patient_id, clinic_id, room_id, visit_type_id, lane, during, claims, status, mode,
                         origin, override_reason, overridden, hold_expires_at, session_id, seat, capacity, group_id, part,
                         version, changed_by, request_id)
SELECT a.id, a.provider_id, a.patient_id, a.clinic_id, a.room_id, a.visit_type_id, a.lane, a.during, a.claims, a.status, a.mode,
       a.origin, a.override_reason, a.overridden, a.hold_expires_at, a.session_id, a.seat, a.capacity, a.group_id, a.part,
       a.version, a.changed_by, a.request_id
FROM public.appointment a
WHERE a.id IN (
    SELECT b.id FROM wanted w JOIN public.appointment b ON b.id = w.id
    UNION ALL
    SELECT b.id FROM wanted w JOIN public.appointment b ON b.provider_id = w.provider_id AND b.start_at = w.starts
    UNION ALL
    SELECT b.id
    FROM wanted w JOIN public.appointment b ON b.provider_id = w.provider_id AND b.claims && w.during
        AND b.start_at BETWEEN w.starts - interval '34 hours' AND w.ends + interval '34 hours'
    WHERE b.status NOT IN ('cancelled', 'no_show', 'expired') AND b.session_id IS NULL
    UNION ALL
    SELECT b.id
    FROM wanted w JOIN public.appointment b ON b.patient_id = w.patient_id AND b.during && w.during
    WHERE b.status NOT IN ('cancelled', 'no_show', 'expired') AND b.patient_id IS NOT NULL)
  AND NOT (a.status = 'held' AND a.hold_expires_at <= %(now)s)
ON CONFLICT DO NOTHING;

-- name: analyze
-- Autovacuum does not see temporary tables.
ANALYZE patient, appointment;
