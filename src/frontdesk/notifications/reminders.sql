-- name: due
-- Reminders whose time has come and that nobody has decided, of visits as they are now, the next visit first. A visit that
-- was booked or moved within the time of a reminder is fresh in its patient's mind: no such reminder. When the later
-- reminder is due too, the earlier one says nothing new.
-- First the visits within reach, clinic by clinic through their index: joined with their patients at once, the planner
-- would begin with the patients and read the whole book (2.2 s, not 10 ms, of a million visits).
WITH near AS MATERIALIZED (
    SELECT a.id, a.patient_id, c.id AS clinic_id, a.start_at, r.kind, r.before
    FROM clinic c
    CROSS JOIN LATERAL (VALUES
        ('reminder_day', make_interval(mins => c.remind_day_min), make_interval(mins => coalesce(c.remind_hours_min, 0))),
        ('reminder_hours', make_interval(mins => c.remind_hours_min), interval '0')) AS r (kind, before, until)
    CROSS JOIN LATERAL (
        SELECT v.id, v.patient_id, v.start_at FROM appointment v
        WHERE v.clinic_id = c.id AND v.start_at <= now() + r.before
          AND v.start_at > greatest(now() + r.until, %(since)s::timestamptz + r.before)
          AND v.status IN ('scheduled', 'confirmed') AND v.patient_id IS NOT NULL
        OFFSET 0) AS a
)
SELECT a.id AS appointment_id, a.patient_id, a.clinic_id, v.version, a.kind, a.start_at - a.before AS due_at, way AS channel
FROM near a
CROSS JOIN LATERAL visit_version(a.id) AS v
CROSS JOIN LATERAL (SELECT w.channels, w.reminders FROM notification_wishes(a.patient_id) AS w OFFSET 0) AS w
CROSS JOIN LATERAL unnest(w.reminders) AS way
WHERE v.since < a.start_at - a.before AND way = ANY (w.channels)
  AND (way <> 'push' OR %(by_topic)s OR EXISTS (SELECT FROM push_subscription s WHERE s.patient_id = a.patient_id))
  AND NOT EXISTS (SELECT FROM notification n WHERE n.appointment_id = a.id AND n.version = v.version
                                              AND n.kind = a.kind AND n.channel = way)
ORDER BY a.start_at, a.id LIMIT %(most)s;

-- name: keep
-- Reminders, each once, whichever worker was first.
INSERT INTO notification (id, appointment_id, patient_id, clinic_id, version, kind, channel, due_at, changed_by, request_id)
SELECT id, appointment_id, patient_id, clinic_id, version, kind, channel, due_at, %(changed_by)s, %(request_id)s
FROM jsonb_to_recordset(%(lines)s::jsonb)
    AS line (id uuid, appointment_id uuid, patient_id uuid, clinic_id uuid, version integer, kind text, channel text,
             due_at timestamptz)
ON CONFLICT DO NOTHING;
