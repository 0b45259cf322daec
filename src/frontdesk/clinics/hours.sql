-- name: providers_at
-- Who works at the clinic, by registration or by a weekly session.
SELECT ARRAY(
    SELECT provider_id FROM provider_clinic WHERE clinic_id = %(clinic_id)s
    UNION
    SELECT provider_id FROM schedule WHERE clinic_id = %(clinic_id)s
    ORDER BY 1) AS provider_ids;

-- name: offering
-- Who offers visits of a type (who names no types offers all), and where they work.
WITH offering AS (
    SELECT p.id FROM provider p
    WHERE p.active AND (NOT EXISTS (SELECT FROM provider_visit_type t WHERE t.provider_id = p.id)
                        OR EXISTS (SELECT FROM provider_visit_type t
                                   WHERE t.provider_id = p.id AND t.visit_type_id = %(visit_type_id)s)))
SELECT ARRAY(SELECT id FROM offering ORDER BY 1) AS provider_ids,
       ARRAY(SELECT clinic_id FROM provider_clinic WHERE provider_id IN (SELECT id FROM offering)
             UNION
             SELECT clinic_id FROM schedule WHERE provider_id IN (SELECT id FROM offering)
             ORDER BY 1) AS clinic_ids;
