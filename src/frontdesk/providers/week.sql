-- name: week
-- When the provider works on the local days `first` to `last` (both inclusive): sessions without time off and closures.
SELECT s.clinic_id, c.name AS clinic, s.time_zone, lower(p.piece) AS start, upper(p.piece) AS "end"
FROM working_session(%(provider_id)s, %(first)s, %(last)s) AS s
JOIN clinic c ON c.id = s.clinic_id
CROSS JOIN LATERAL unnest(tstzmultirange(s.during) - closed_time(%(provider_id)s, s.clinic_id, s.during)) AS p (piece)
ORDER BY lower(p.piece), c.name;

-- name: span
-- Two local times of a clinic as instants.
SELECT local_instant(%(since)s::text::timestamp, time_zone) AS start, local_instant(%(until)s::text::timestamp, time_zone) AS "end"
FROM clinic WHERE id = %(clinic_id)s;
