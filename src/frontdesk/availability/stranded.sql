-- name: stranded
-- Visits ahead that no longer lie inside the provider's working time at their clinic, after a change in this transaction.
SELECT id, lower(during) AS start, upper(during) AS "end", clinic_id, status
FROM stranded(%(provider_id)s::uuid, %(clinic_id)s::uuid, %(within)s::tstzrange);

-- name: keep_stranded
-- Staff keep these visits although they lie outside of working time, and say why.
SELECT keep_stranded(%(ids)s::uuid[], %(override_reason)s, %(changed_by)s, %(request_id)s);
