-- name: clinics_of
-- Where the provider works, by registration or by a weekly session; and which of these clinics are in use.
SELECT coalesce(array_agg(c.id) FILTER (WHERE c.id IS NOT NULL), '{}') AS clinic_ids,
       coalesce(array_agg(c.id) FILTER (WHERE c.active), '{}') AS in_use
FROM provider p
LEFT JOIN clinic c ON c.id IN (SELECT w.clinic_id FROM provider_clinic w WHERE w.provider_id = p.id
                               UNION ALL
                               SELECT s.clinic_id FROM schedule s WHERE s.provider_id = p.id)
WHERE p.id = %(provider_id)s
GROUP BY p.id;

-- name: schedules
-- The whole weekly set, in the order of a timetable.
SELECT id, clinic_id, weekday, to_char(start_time, 'HH24:MI') AS start_time, to_char(end_time, 'HH24:MI') AS end_time,
       effective_from, effective_until, interval_weeks, visit_type_ids, release_hours
FROM schedule WHERE provider_id = %(provider_id)s
ORDER BY weekday, schedule.start_time, effective_from, id;

-- name: today_at
-- The local date of each clinic; a clinic that does not exist is missing from the answer.
SELECT id, (now() AT TIME ZONE time_zone)::date AS today FROM clinic WHERE id = ANY (%(clinic_ids)s::uuid[]);

-- name: unknown_visit_types
-- Those of the ids that are no visit types; an array column has no foreign key.
SELECT named FROM unnest(%(ids)s::uuid[]) AS named WHERE NOT EXISTS (SELECT FROM visit_type v WHERE v.id = named);

-- name: delete_schedules
-- Sessions that the new set does not have.
DELETE FROM schedule WHERE provider_id = %(provider_id)s AND id = ANY (%(ids)s::uuid[]);

-- name: insert_schedule
-- A session that the old set did not have.
INSERT INTO schedule (id, provider_id, clinic_id, weekday, start_time, end_time, effective_from, effective_until,
                      interval_weeks, visit_type_ids, release_hours, changed_by, request_id)
VALUES (%(id)s, %(provider_id)s, %(clinic_id)s, %(weekday)s, %(start_time)s::time, %(end_time)s::time,
        %(effective_from)s, %(effective_until)s, %(interval_weeks)s, %(visit_type_ids)s::uuid[], %(release_hours)s,
        %(changed_by)s, %(request_id)s);
