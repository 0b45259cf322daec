-- name: tell
-- One message for each channel that the patient agreed to, about this version of a visit that is ahead. What is there stays.
-- Of parts that are told together the first one speaks.
INSERT INTO notification (id, appointment_id, patient_id, clinic_id, version, kind, channel, changed_by, request_id)
SELECT way.id, a.id, a.patient_id, a.clinic_id, %(version)s, %(kind)s, way.channel, %(changed_by)s, %(request_id)s
FROM appointment a
CROSS JOIN LATERAL notification_wishes(a.patient_id) AS w
JOIN unnest(%(channels)s::text[], %(ids)s::uuid[]) AS way (channel, id) ON way.channel = ANY (w.channels)
WHERE a.id = %(appointment_id)s AND a.start_at > now()
  AND (%(kind)s <> 'confirmation' OR a.origin <> 'imported')
  AND NOT EXISTS (SELECT FROM parts_told(a.id, %(version)s, %(kind)s) AS t JOIN appointment o ON o.id = t.appointment_id
                  WHERE o.part < a.part AND o.start_at > now())
  AND (way.channel <> 'push' OR %(by_topic)s OR EXISTS (SELECT FROM push_subscription s WHERE s.patient_id = a.patient_id))
ON CONFLICT DO NOTHING;

-- name: tell_offer
-- One message for each channel, about an offer that stands; its hold has one version as long as it does. Of a choice, the first
-- speaks for all.
INSERT INTO notification (id, appointment_id, patient_id, clinic_id, version, kind, channel, changed_by, request_id)
SELECT way.id, a.id, a.patient_id, a.clinic_id, a.version, 'waitlist_offer', way.channel, %(changed_by)s, %(request_id)s
FROM waitlist_offer o
JOIN waitlist_entry e ON e.id = o.entry_id AND NOT e.auto_book
JOIN appointment a ON a.id = o.appointment_id
CROSS JOIN LATERAL notification_wishes(a.patient_id) AS w
JOIN unnest(%(channels)s::text[], %(ids)s::uuid[]) AS way (channel, id) ON way.channel = ANY (w.channels)
WHERE o.id = %(offer_id)s AND o.status = 'standing' AND o.expires_at > now() AND o.choice = 1
  AND (way.channel <> 'push' OR %(by_topic)s OR EXISTS (SELECT FROM push_subscription s WHERE s.patient_id = a.patient_id))
ON CONFLICT DO NOTHING;

-- name: moved_by
-- Whether this version changed start, provider or clinic: another room or a later end alone is told at the desk.
SELECT (lower(l.during), l.provider_id, l.clinic_id) IS DISTINCT FROM (lower(b.during), b.provider_id, b.clinic_id) AS moved
FROM appointment_history l
JOIN LATERAL (SELECT h.during, h.provider_id, h.clinic_id FROM appointment_history h
              WHERE h.appointment_id = l.appointment_id AND h.version < l.version
              ORDER BY h.version DESC LIMIT 1) AS b ON true
WHERE l.appointment_id = %(appointment_id)s AND l.version = %(version)s;

-- name: confirmed_by_clinic
-- Whether it was somebody of the clinic who made this version; patients know what they did themselves.
SELECT EXISTS (SELECT FROM appointment_history h JOIN user_account u ON u.id = h.changed_by
               WHERE h.appointment_id = %(appointment_id)s AND h.version = %(version)s AND u.role <> 'patient') AS yes;

-- name: take
-- The next messages of a channel, lent to one sender. What a sender that died held is due again when its time is over.
-- About one visit one message is under way at a time: a change does not overtake a confirmation.
-- Of what such a sender held nobody knows whether it left.
UPDATE notification
SET status = 'sending', attempts = attempts + 1, next_at = now() + %(lease)s::interval,
    reason = CASE WHEN status = 'sending' THEN 'perhaps-sent' ELSE reason END
WHERE id IN (SELECT n.id FROM notification n
             WHERE n.status IN ('pending', 'sending') AND n.next_at <= now() AND n.channel = %(channel)s
               AND NOT EXISTS (SELECT FROM notification o
                               WHERE o.appointment_id = n.appointment_id AND o.channel = n.channel AND o.id <> n.id
                                 AND o.status = 'sending' AND o.next_at > now())
             ORDER BY n.next_at LIMIT %(most)s FOR UPDATE SKIP LOCKED)
RETURNING id, appointment_id, attempts, version;

-- name: hold
-- What is known of a message and its visit now, right before it leaves; no row when another sender has it meanwhile.
UPDATE notification n SET next_at = now() + %(lease)s::interval
FROM appointment a
JOIN clinic c ON c.id = a.clinic_id
JOIN patient p ON p.id = a.patient_id
CROSS JOIN LATERAL notification_wishes(a.patient_id) AS w
CROSS JOIN LATERAL visit_version(a.id) AS v
WHERE n.id = %(id)s AND n.status = 'sending' AND n.attempts = %(attempts)s AND a.id = n.appointment_id
RETURNING n.id, n.appointment_id, a.group_id, n.patient_id, n.version, n.kind, n.channel, n.attempts, n.due_at, n.reason, now() AS now,
          a.status AS visit_status, a.start_at, v.version AS visit_version, w.channels, w.reminders,
          after_quiet(now(), c.time_zone, w.quiet_from, w.quiet_until) AS quiet_over,
          a.start_at - make_interval(mins => c.remind_hours_min) AS last_reminder_at, p.active, p.email, p.phone,
          (SELECT o.expires_at FROM waitlist_offer o WHERE o.appointment_id = a.id AND o.status = 'standing') AS offered_until;

-- name: parts
-- The parts that a message tells of, each as it is now, the earliest first.
SELECT t.appointment_id AS part_id, t.version, v.version AS visit_version, a.status AS visit_status, a.start_at
FROM parts_told(%(appointment_id)s, %(version)s, %(kind)s) AS t
JOIN appointment a ON a.id = t.appointment_id
CROSS JOIN LATERAL visit_version(a.id) AS v
ORDER BY a.start_at, a.id;

-- name: choices
-- The times of an offer that still stand, the best first: one, unless somebody whose visit was displaced is to choose.
SELECT s.appointment_id AS part_id, s.expires_at AS offered_until, a.start_at
FROM waitlist_offer o
JOIN waitlist_entry e ON e.id = o.entry_id
JOIN waitlist_offer s ON s.entry_id = e.id AND s.status = 'standing' AND (s.id = o.id OR e.exception_id IS NOT NULL)
JOIN appointment a ON a.id = s.appointment_id
WHERE o.appointment_id = %(appointment_id)s
ORDER BY s.choice;

-- name: told_start
-- What the patient believes: the start of the visit as they were told last, or as it was booked.
SELECT lower(h.during) AS start
FROM appointment_history h
WHERE h.appointment_id = %(appointment_id)s
  AND h.version <= coalesce((SELECT max(n.version) FROM notification n
                             WHERE n.appointment_id = h.appointment_id AND n.status = 'sent' AND n.version < %(version)s),
                            (SELECT min(f.version) FROM appointment_history f
                             WHERE f.appointment_id = h.appointment_id AND f.to_status <> 'held'))
ORDER BY h.version DESC LIMIT 1;

-- name: devices
-- Where a patient lets messages be shown; those of a guardian only as long as they are one.
SELECT s.id, s.sealed FROM push_subscription s LEFT JOIN user_account u ON u.id = s.changed_by
WHERE s.patient_id = %(patient_id)s
  AND (u.patient_id IS NULL OR u.patient_id = s.patient_id OR guards(u.patient_id, s.patient_id))
ORDER BY s.id;

-- name: say_who
-- A DELETE has no columns to say it in.
SELECT set_config('frontdesk.actor', %(actor)s, true), set_config('frontdesk.request_id', %(request_id)s, true);

-- name: forget_device
-- It takes no messages any more.
DELETE FROM push_subscription WHERE id = %(id)s;

-- name: sent
-- It has left.
WITH done AS (
    UPDATE notification SET status = 'sent', sent_at = now(), reason = NULL
    WHERE id = %(id)s AND status = 'sending' AND attempts = %(attempts)s RETURNING kind, channel, status)
INSERT INTO message_tally AS t (kind, channel, outcome, count) SELECT kind, channel, status, 1 FROM done
ON CONFLICT (kind, channel, outcome) DO UPDATE SET count = t.count + 1;

-- name: later
-- It waits until then.
UPDATE notification SET status = 'pending', next_at = %(at)s, reason = %(reason)s
WHERE id = %(id)s AND status = 'sending' AND attempts = %(attempts)s;

-- name: close
-- It will not leave: skipped, because it would not be true, wanted or possible, or failed. From now on it is so.
WITH done AS (
    UPDATE notification SET status = %(status)s, reason = %(reason)s, next_at = now()
    WHERE id = %(id)s AND status = 'sending' AND attempts = %(attempts)s RETURNING kind, channel, status)
INSERT INTO message_tally AS t (kind, channel, outcome, count) SELECT kind, channel, status, 1 FROM done
ON CONFLICT (kind, channel, outcome) DO UPDATE SET count = t.count + 1;
