-- name: stranded
-- Visits ahead that no longer lie inside the provider's working time at their clinic, after a change in this transaction.
-- A session that holds a visit begins on the visit's local day, or the day before when it runs across midnight.
SELECT a.id, lower(a.during) AS start, upper(a.during) AS "end", a.clinic_id, a.status
FROM appointment a
JOIN clinic c ON c.id = a.clinic_id
WHERE (%(provider_id)s::uuid IS NULL OR a.provider_id = %(provider_id)s)
  AND (%(clinic_id)s::uuid IS NULL OR a.clinic_id = %(clinic_id)s)
  AND (%(within)s::tstzrange IS NULL OR a.during && %(within)s)
  AND lower(a.during) > now()
  AND (a.status IN ('scheduled', 'confirmed') OR (a.status = 'held' AND a.hold_expires_at > now()))
  AND NOT a.overridden && '{outside-working-time,time-off-or-closure}'
  AND NOT coalesce(
      a.during <@ (
          (SELECT range_agg(s.during)
           FROM working_session(a.provider_id, (lower(a.during) AT TIME ZONE c.time_zone)::date - 1,
                                (upper(a.during) AT TIME ZONE c.time_zone)::date, a.clinic_id) AS s)
          - closed_time(a.provider_id, a.clinic_id, a.during)),
      false)
ORDER BY a.id;

-- name: keep_stranded
-- Staff keep these visits although they lie outside of working time, and say why.
-- Locked in the order of ids, so that two such changes wait for each other in one direction only.
WITH kept AS MATERIALIZED (SELECT id FROM appointment WHERE id = ANY (%(ids)s::uuid[]) ORDER BY id FOR UPDATE)
UPDATE appointment a
SET override_reason = %(override_reason)s, overridden = array_append(overridden, 'outside-working-time'), changed_by = %(changed_by)s, request_id = %(request_id)s
FROM kept
WHERE a.id = kept.id;
