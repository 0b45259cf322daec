-- name: closures
-- One page of a clinic's closures that overlap the span, in the order of ids.
SELECT id, clinic_id, lower(during) AS start, upper(during) AS "end", reason, created_at
FROM closure
WHERE clinic_id = %(clinic_id)s
  AND during && tstzrange(%(since)s::timestamptz, %(until)s::timestamptz)
  AND (%(after_id)s::uuid IS NULL OR id > %(after_id)s)
ORDER BY id LIMIT %(rows)s;

-- name: whole_days
-- The instants of whole local days, first and last inclusive: a day of 23 or 25 hours too.
SELECT local_instant(%(first)s::date::timestamp, time_zone) AS start,
       local_instant(%(last)s::date + 1 + time '00:00', time_zone) AS "end"
FROM clinic WHERE id = %(clinic_id)s;

-- name: insert_closure
-- Close the clinic, or return no row when exactly this time is closed already.
INSERT INTO closure (id, clinic_id, during, reason, changed_by, request_id)
VALUES (%(id)s, %(clinic_id)s, tstzrange(%(start)s::timestamptz, %(end)s::timestamptz), %(reason)s, %(changed_by)s,
        %(request_id)s)
ON CONFLICT DO NOTHING
RETURNING id, clinic_id, lower(during) AS start, upper(during) AS "end", reason, created_at;

-- name: closed_days
-- Those of the local days on which the clinic is closed from midnight to midnight.
SELECT d.day
FROM clinic c
CROSS JOIN unnest(%(days)s::date[]) AS d (day)
CROSS JOIN LATERAL (
    SELECT tstzrange(local_instant(d.day::timestamp, c.time_zone), local_instant(d.day + 1 + time '00:00', c.time_zone)) AS during
) AS whole
WHERE c.id = %(clinic_id)s
  AND whole.during <@ (SELECT range_agg(o.during) FROM closure o WHERE o.clinic_id = c.id AND o.during && whole.during);

-- name: say_who
-- A deleted row cannot name who deletes it, so the transaction does; the audit trail reads it.
SELECT set_config('frontdesk.actor', %(changed_by)s::text, true),
       set_config('frontdesk.request_id', %(request_id)s::text, true);

-- name: delete_closure
-- Open the clinic again.
DELETE FROM closure WHERE id = %(closure_id)s AND clinic_id = %(clinic_id)s
RETURNING lower(during) AS start, upper(during) AS "end";
