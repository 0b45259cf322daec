-- name: due
-- Reminders whose time has come and that nobody has decided, of visits as they are now, the next visit first. A visit that
-- was booked or moved within the time of a reminder is fresh in its patient's mind: no such reminder. When the later
-- reminder is due too, the earlier one says nothing new.
SELECT a.id AS appointment_id, a.patient_id, a.clinic_id, v.version, r.kind, a.start_at - r.before AS due_at, way AS channel
FROM clinic c
CROSS JOIN LATERAL (VALUES
    ('reminder_day', make_interval(mins => c.remind_day_min), make_interval(mins => coalesce(c.remind_hours_min, 0))),
    ('reminder_hours', make_interval(mins => c.remind_hours_min), interval '0')) AS r (kind, before, until)
JOIN appointment a ON a.clinic_id = c.id AND a.start_at > now() + r.until AND a.start_at <= now() + r.before
    AND (%(since)s::timestamptz IS NULL OR a.start_at > %(since)s::timestamptz + r.before)
CROSS JOIN LATERAL visit_version(a.id) AS v
CROSS JOIN LATERAL notification_wishes(a.patient_id) AS w
CROSS JOIN LATERAL unnest(w.reminders) AS way
WHERE a.status IN ('scheduled', 'confirmed') AND v.since < a.start_at - r.before AND way = ANY (w.channels)
  AND (way <> 'push' OR %(by_topic)s OR EXISTS (SELECT FROM push_subscription s WHERE s.patient_id = a.patient_id))
  AND NOT EXISTS (SELECT FROM notification n WHERE n.appointment_id = a.id AND n.version = v.version
                                              AND n.kind = r.kind AND n.channel = way)
ORDER BY a.start_at, a.id LIMIT %(most)s;

-- name: keep
-- Reminders, each once, whichever worker was first.
INSERT INTO notification (id, appointment_id, patient_id, clinic_id, version, kind, channel, due_at, changed_by, request_id)
SELECT id, appointment_id, patient_id, clinic_id, version, kind, channel, due_at, %(changed_by)s, %(request_id)s
FROM jsonb_to_recordset(%(lines)s::jsonb)
    AS line (id uuid, appointment_id uuid, patient_id uuid, clinic_id uuid, version integer, kind text, channel text,
             due_at timestamptz)
ON CONFLICT DO NOTHING;
