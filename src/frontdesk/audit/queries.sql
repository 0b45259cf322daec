-- name: looked
-- One entry for each patient who was looked at.
INSERT INTO audit_entry (table_name, row_id, action, actor, request_id, new)
SELECT 'patient', patient_id::text, 'READ', %(changed_by)s::uuid, %(request_id)s::uuid,
       jsonb_strip_nulls(jsonb_build_object('what', %(what)s::text, 'reason', %(reason)s::text))
FROM unnest(%(patient_ids)s::uuid[]) AS patient_id;

-- name: accesses
-- A page of who looked at a patient's record or changed it, the latest first.
SELECT id, at, table_name, action, what, reason, role, provider, clinics
FROM patient_accesses(%(patient_id)s::uuid, %(before_id)s::bigint, %(rows)s::integer);

-- name: trail
-- A page of entries, the latest first.
SELECT id, at, table_name AS "table", row_id, action, actor, request_id, db_user, old, new, changed, withheld, seal IS NOT NULL AS sealed
FROM audit_trail(%(table)s::text, %(row_id)s::text, %(actor)s::uuid, %(request_id)s::uuid, %(from_at)s::timestamptz,
                 %(to_at)s::timestamptz, %(before_id)s::bigint, %(rows)s::integer);
