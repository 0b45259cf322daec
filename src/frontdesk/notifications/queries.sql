-- name: of_appointment
-- Everything that was told, or is to be told, about one visit, the first first.
SELECT id, appointment_id, patient_id, clinic_id, version, kind, channel, copy, status, due_at, sent_at, attempts, reason,
       CASE WHEN status = 'pending' THEN next_at END AS next_at
FROM notification
WHERE appointment_id = %(appointment_id)s
ORDER BY id LIMIT 1000;

-- name: of_clinic
-- One page of a clinic's messages in one status, the latest first.
SELECT id, appointment_id, patient_id, clinic_id, version, kind, channel, copy, status, due_at, sent_at, attempts, reason,
       CASE WHEN status = 'pending' THEN next_at END AS next_at
FROM notification
WHERE clinic_id = %(clinic_id)s AND status = %(status)s AND (%(after_id)s::uuid IS NULL OR id < %(after_id)s)
ORDER BY id DESC LIMIT %(rows)s;

-- name: unheard
-- A clinic's failed messages that could be sent once more, the latest first: what they say is still true (judge.py), no copy
-- is on its way, and the patient still agrees to the channel. `address_changed`: since it failed.
SELECT n.id, n.appointment_id, n.patient_id, n.clinic_id, n.version, n.kind, n.channel, n.copy, n.status, n.due_at, n.sent_at,
       n.attempts, n.reason, NULL AS next_at, address_changed(n.patient_id, n.channel, n.next_at) AS address_changed
FROM notification n
WHERE n.clinic_id = %(clinic_id)s AND n.status = 'failed'
  AND (%(only_clinics)s::uuid[] IS NULL OR n.clinic_id = ANY (%(only_clinics)s::uuid[]))
  AND NOT EXISTS (SELECT FROM notification o
                  WHERE o.appointment_id = n.appointment_id AND o.version = n.version AND o.kind = n.kind
                    AND o.channel = n.channel AND o.copy > n.copy AND o.status <> 'skipped')
  AND NOT EXISTS (SELECT FROM notification_wishes(n.patient_id) AS w WHERE n.channel <> ALL (w.channels))
  AND CASE n.kind
      WHEN 'waitlist_offer' THEN EXISTS (
          SELECT FROM waitlist_offer w
          JOIN waitlist_entry e ON e.id = w.entry_id
          JOIN waitlist_offer s ON s.entry_id = e.id AND s.status = 'standing' AND (s.id = w.id OR e.exception_id IS NOT NULL)
          JOIN appointment a ON a.id = s.appointment_id
          WHERE w.appointment_id = n.appointment_id AND a.start_at > now() AND s.expires_at - %(to_answer)s::interval > now())
      ELSE EXISTS (
          SELECT FROM parts_told(n.appointment_id, n.version, n.kind) AS t
          JOIN appointment a ON a.id = t.appointment_id
          WHERE a.start_at > now()
            AND CASE n.kind WHEN 'cancellation' THEN a.status = 'cancelled'
                            WHEN 'status' THEN a.status = 'confirmed' ELSE a.status IN ('scheduled', 'confirmed') END
            AND (n.kind = 'cancellation' OR (SELECT v.version FROM visit_version(a.id) AS v) <= t.version)) END
ORDER BY n.id DESC LIMIT %(rows)s;

-- name: find
-- One message, within the caller's clinics, and whether it is still true.
SELECT n.id, n.appointment_id, a.group_id, n.patient_id, n.clinic_id, n.version, n.kind, n.channel, n.status,
       a.status AS visit_status, a.start_at, v.version AS visit_version, now() AS now,
       (SELECT o.expires_at FROM waitlist_offer o WHERE o.appointment_id = a.id AND o.status = 'standing') AS offered_until
FROM notification n
JOIN appointment a ON a.id = n.appointment_id
CROSS JOIN LATERAL visit_version(a.id) AS v
WHERE n.id = %(id)s AND (%(only_clinics)s::uuid[] IS NULL OR n.clinic_id = ANY (%(only_clinics)s));

-- name: copy
-- The same message once more, under a number of its own; no row when somebody else makes one at this moment, or made one
-- since it failed. Number and judgement come of one snapshot: whoever does not see a rival's copy takes its number, and waits.
INSERT INTO notification (id, appointment_id, patient_id, clinic_id, version, kind, channel, copy, changed_by, request_id)
SELECT %(id)s, n.appointment_id, n.patient_id, n.clinic_id, n.version, n.kind, n.channel,
       (SELECT max(o.copy) + 1 FROM notification o
        WHERE (o.appointment_id, o.version, o.kind, o.channel) = (n.appointment_id, n.version, n.kind, n.channel)),
       %(changed_by)s, %(request_id)s
FROM notification n
WHERE n.id = %(original)s
  AND (n.status <> 'failed'
       OR NOT EXISTS (SELECT FROM notification o
                      WHERE o.appointment_id = n.appointment_id AND o.version = n.version AND o.kind = n.kind
                        AND o.channel = n.channel AND o.copy > n.copy AND o.status <> 'skipped'))
ON CONFLICT DO NOTHING
RETURNING id, appointment_id, patient_id, clinic_id, version, kind, channel, copy, status, due_at, sent_at, attempts, reason,
          next_at;

-- name: wishes
-- What the patient agreed to, said or not.
SELECT channels, reminders, quiet_from, quiet_until, version FROM notification_wishes(%(patient_id)s);

-- name: lock_patient
-- Two who change the wishes of one patient come one after the other, though there may be no row of them yet.
SELECT id FROM patient WHERE id = %(patient_id)s FOR UPDATE;

-- name: keep_wishes
-- What the patient agrees to from now on.
INSERT INTO notification_preference AS n (patient_id, channels, reminders, quiet_from, quiet_until, changed_by, request_id)
VALUES (%(patient_id)s, %(channels)s, %(reminders)s, %(quiet_from)s::time, %(quiet_until)s::time, %(changed_by)s, %(request_id)s)
ON CONFLICT (patient_id) DO UPDATE
SET channels = excluded.channels, reminders = excluded.reminders, quiet_from = excluded.quiet_from,
    quiet_until = excluded.quiet_until, changed_by = excluded.changed_by, request_id = excluded.request_id
RETURNING channels, reminders, quiet_from, quiet_until, version;

-- name: unsubscribe
-- No more reminders by this channel.
SELECT unsubscribe(%(patient_id)s, %(channel)s, %(changed_by)s, %(request_id)s);

-- name: devices
-- The devices that a patient allowed to show messages, the first first.
SELECT id, created_at FROM push_subscription WHERE patient_id = %(patient_id)s ORDER BY id;

-- name: add_device
-- A device, or the same one again with what its browser says now.
INSERT INTO push_subscription (id, patient_id, endpoint, sealed, changed_by, request_id)
VALUES (%(id)s, %(patient_id)s, %(endpoint)s, %(sealed)s, %(changed_by)s, %(request_id)s)
ON CONFLICT (patient_id, endpoint) DO UPDATE
SET sealed = excluded.sealed, changed_by = excluded.changed_by, request_id = excluded.request_id
RETURNING id, created_at;

-- name: say_who
-- Who deletes, for the audit trail.
SELECT set_config('frontdesk.actor', %(changed_by)s::text, true), set_config('frontdesk.request_id', %(request_id)s::text, true);

-- name: drop_device
-- No messages there any more.
DELETE FROM push_subscription WHERE id = %(id)s AND patient_id = %(patient_id)s;
