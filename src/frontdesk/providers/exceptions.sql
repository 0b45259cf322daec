-- name: exceptions
-- One page of a provider's exceptions that overlap the span, in the order of ids.
SELECT id, provider_id, kind, clinic_id, lower(during) AS start, upper(during) AS "end", status, visit_type_ids, reason,
       version, created_at, changed_at
FROM schedule_exception
WHERE provider_id = %(provider_id)s
  AND during && tstzrange(%(since)s::timestamptz, %(until)s::timestamptz)
  AND (%(after_id)s::uuid IS NULL OR id > %(after_id)s)
ORDER BY id LIMIT %(rows)s;

-- name: requested
-- How many requests of each of these providers are not over yet.
SELECT provider_id, count(*)
FROM schedule_exception
WHERE provider_id = ANY (%(provider_ids)s::uuid[]) AND status = 'requested' AND upper(during) > %(now)s
GROUP BY provider_id;

-- name: exception
-- One exception of the provider; call with the provider locked when it is to change.
SELECT id, provider_id, kind, clinic_id, lower(during) AS start, upper(during) AS "end", status, visit_type_ids, reason,
       version, created_at, changed_at
FROM schedule_exception WHERE id = %(exception_id)s AND provider_id = %(provider_id)s;

-- name: same_time_off
-- The time off of exactly this time and place that is approved, or else asked for; call with the provider locked.
SELECT id, status
FROM schedule_exception
WHERE provider_id = %(provider_id)s AND kind = 'time_off' AND status <> 'declined'
  AND during = tstzrange(%(start)s::timestamptz, %(end)s::timestamptz)
  AND clinic_id IS NOT DISTINCT FROM %(clinic_id)s::uuid AND id IS DISTINCT FROM %(but)s::uuid
ORDER BY status LIMIT 1;

-- name: insert_exception
-- Time off or an extra session.
INSERT INTO schedule_exception (id, provider_id, kind, clinic_id, during, status, visit_type_ids, reason,
                                changed_by, request_id)
VALUES (%(id)s, %(provider_id)s, %(kind)s, %(clinic_id)s, tstzrange(%(start)s::timestamptz, %(end)s::timestamptz),
        %(status)s, %(visit_type_ids)s::uuid[], %(reason)s, %(changed_by)s, %(request_id)s)
RETURNING id, provider_id, kind, clinic_id, lower(during) AS start, upper(during) AS "end", status, visit_type_ids, reason,
          version, created_at, changed_at;

-- name: update_exception
-- Approve, decline, or change the time.
UPDATE schedule_exception
SET during = tstzrange(%(start)s::timestamptz, %(end)s::timestamptz), status = %(status)s, reason = %(reason)s,
    changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(id)s
RETURNING id, provider_id, kind, clinic_id, lower(during) AS start, upper(during) AS "end", status, visit_type_ids, reason,
          version, created_at, changed_at;

-- name: delete_exception
-- As if it had never been; the audit trail knows it was.
DELETE FROM schedule_exception WHERE id = %(exception_id)s;
