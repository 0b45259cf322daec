-- name: search
-- All that a search page needs, in one statement: what can be chosen from, the visit type that is meant (the one asked for,
-- else what most of those who match offer, then a short one in person), and those who match and offer it.
WITH matching AS MATERIALIZED (
    SELECT p.id, p.first_name, p.last_name, p.title, p.credentials, p.languages, p.accepting_new_patients
    FROM provider p
    WHERE p.active
      AND (%(name_like)s::text IS NULL
           OR ((fold(p.first_name || ' ' || p.last_name) LIKE fold(%(name_like)s::text)
                OR fold(p.first_name || ' ' || p.last_name) LIKE fold(%(name_like_too)s::text))
               AND fold(p.first_name || ' ' || p.last_name) LIKE ALL (SELECT fold(word) FROM unnest(%(words)s::text[]) AS word))
           OR fold(p.first_name || ' ' || p.last_name) %%> fold(%(like_name)s::text))
      AND (%(language)s::text IS NULL
           OR EXISTS (SELECT FROM unnest(p.languages) AS spoken
                      WHERE lower(spoken) = lower(%(language)s) OR starts_with(lower(spoken), lower(%(language)s) || '-')))
      AND (%(clinic_id)s::uuid IS NULL
           OR EXISTS (SELECT FROM provider_clinic c WHERE c.provider_id = p.id AND c.clinic_id = %(clinic_id)s::uuid)
           OR EXISTS (SELECT FROM schedule s WHERE s.provider_id = p.id AND s.clinic_id = %(clinic_id)s::uuid))
      AND (%(specialty_id)s::uuid IS NULL
           OR EXISTS (SELECT FROM provider_specialty s WHERE s.provider_id = p.id AND s.specialty_id = %(specialty_id)s::uuid))
), offered AS MATERIALIZED (
    SELECT v.id, v.name, v.duration_min, v.mode, m.id AS provider_id
    FROM visit_type v
    LEFT JOIN matching m
      ON NOT EXISTS (SELECT FROM provider_visit_type t WHERE t.provider_id = m.id)
         OR EXISTS (SELECT FROM provider_visit_type t WHERE t.provider_id = m.id AND t.visit_type_id = v.id)
    WHERE v.active AND v.self_bookable AND v.capacity = 1
), meant AS (
    SELECT id, name, duration_min, mode
    FROM offered
    WHERE %(visit_type_id)s::uuid IS NULL OR id = %(visit_type_id)s::uuid
    GROUP BY id, name, duration_min, mode
    ORDER BY count(provider_id) DESC, mode, duration_min, id
    LIMIT 1
), found AS (
    SELECT m.id, m.first_name, m.last_name, m.title, m.credentials, m.languages, m.accepting_new_patients,
           ARRAY(SELECT n.name FROM provider_specialty s JOIN specialty n ON n.id = s.specialty_id
                 WHERE s.provider_id = m.id ORDER BY n.name) AS specialties
    FROM matching m
    JOIN offered o ON o.provider_id = m.id AND o.id = (SELECT id FROM meant)
    ORDER BY m.last_name, m.first_name, m.id
    LIMIT %(rows)s OFFSET %(skip)s
)
SELECT (SELECT to_jsonb(m) FROM meant m) AS visit_type,
       (SELECT coalesce(jsonb_agg(f ORDER BY f.last_name, f.first_name, f.id), '[]') FROM found f) AS providers,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'name', name) ORDER BY name), '[]')
        FROM specialty s WHERE EXISTS (SELECT FROM provider_specialty o WHERE o.specialty_id = s.id)) AS specialties,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'name', name, 'address', address, 'time_zone', time_zone,
                                                     'phone', phone, 'country', country) ORDER BY name), '[]')
        FROM clinic WHERE active) AS clinics,
       (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('id', id, 'name', name)), '[]') FROM offered) AS visit_types,
       (SELECT coalesce(jsonb_agg(DISTINCT split_part(spoken, '-', 1)), '[]')
        FROM provider p, unnest(p.languages) AS spoken WHERE p.active) AS spoken;

-- name: profile
-- What everybody may know of a provider in use, and what they can be booked for. Their own they see when out of use, too.
SELECT p.id, p.first_name, p.last_name, p.title, p.credentials, p.bio, p.languages, p.accepting_new_patients,
       ARRAY(SELECT n.name FROM provider_specialty s JOIN specialty n ON n.id = s.specialty_id
             WHERE s.provider_id = p.id ORDER BY n.name) AS specialties,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('id', c.id, 'name', c.name, 'address', c.address, 'phone', c.phone,
                                                     'country', c.country, 'time_zone', c.time_zone) ORDER BY c.name), '[]')
        FROM clinic c
        WHERE c.active AND c.id IN (SELECT clinic_id FROM provider_clinic WHERE provider_id = p.id
                                    UNION SELECT clinic_id FROM schedule WHERE provider_id = p.id
                                    UNION SELECT clinic_id FROM schedule_exception WHERE provider_id = p.id)) AS clinics,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('id', v.id, 'name', v.name, 'duration_min', v.duration_min,
                                                     'horizon_days', v.horizon_days, 'mode', v.mode) ORDER BY v.id), '[]')
        FROM visit_type v
        WHERE v.active AND v.self_bookable AND v.capacity = 1
          AND (NOT EXISTS (SELECT FROM provider_visit_type t WHERE t.provider_id = p.id)
               OR EXISTS (SELECT FROM provider_visit_type t WHERE t.provider_id = p.id AND t.visit_type_id = v.id))) AS visit_types
FROM provider p
WHERE p.id = %(provider_id)s AND (p.active OR %(own)s);
