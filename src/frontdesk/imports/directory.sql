-- name: lock_directory
-- One import at a time looks for what is missing and makes it: names of clinics and visit types are not unique.
SELECT pg_advisory_xact_lock(hashtextextended('import:directory', 0));

-- name: find_providers
-- Who may be meant: by id, licence number, the placeholder of one that an import made, or the whole name. Lowest rank wins.
SELECT w.name, p.id, NULL AS time_zone,
       CASE WHEN p.id::text = lower(w.name) THEN 1 WHEN p.license_number = w.name THEN 2
            WHEN p.license_number = %(placeholder)s || w.name THEN 3 ELSE 4 END AS rank
FROM unnest(%(names)s::text[]) AS w (name)
JOIN provider p ON p.id::text = lower(w.name) OR p.license_number IN (w.name, %(placeholder)s || w.name)
    OR p.first_name || ' ' || p.last_name = w.name OR p.last_name || ', ' || p.first_name = w.name;

-- name: find_clinics
-- By id or exact name; one in use before one that is not.
SELECT w.name, c.id, c.time_zone,
       CASE WHEN c.id::text = lower(w.name) THEN 1 WHEN c.active THEN 2 ELSE 3 END AS rank
FROM unnest(%(names)s::text[]) AS w (name)
JOIN clinic c ON c.id::text = lower(w.name) OR c.name = w.name;

-- name: find_visit_types
-- By id or exact name; one in use before one that is not.
SELECT w.name, v.id, NULL AS time_zone,
       CASE WHEN v.id::text = lower(w.name) THEN 1 WHEN v.active THEN 2 ELSE 3 END AS rank
FROM unnest(%(names)s::text[]) AS w (name)
JOIN visit_type v ON v.id::text = lower(w.name) OR v.name = w.name;

-- name: insert_provider
-- A provider of whom only a name is known.
INSERT INTO provider (id, first_name, last_name, title, license_number, changed_by, request_id)
VALUES (%(id)s, %(first_name)s, %(last_name)s, %(title)s, %(license_number)s, %(changed_by)s, %(request_id)s);

-- name: insert_clinic
-- A clinic of which only name and zone are known.
INSERT INTO clinic (id, name, time_zone, changed_by, request_id)
VALUES (%(id)s, %(name)s, %(time_zone)s, %(changed_by)s, %(request_id)s);

-- name: insert_visit_type
-- Patients cannot book it: nobody has said yet how long it should be.
INSERT INTO visit_type (id, name, duration_min, slot_step_min, self_bookable, changed_by, request_id)
VALUES (%(id)s, %(name)s, %(duration_min)s, %(duration_min)s, false, %(changed_by)s, %(request_id)s);

-- name: link_providers
-- Where a provider that an import made practises. One that was there before is somebody else's to describe.
INSERT INTO provider_clinic (provider_id, clinic_id, changed_by, request_id)
SELECT DISTINCT w.provider_id, w.clinic_id, %(changed_by)s::uuid, %(request_id)s::uuid
FROM unnest(%(providers)s::uuid[], %(clinics)s::uuid[]) AS w (provider_id, clinic_id)
JOIN provider p ON p.id = w.provider_id AND starts_with(p.license_number, %(placeholder)s)
ORDER BY 1, 2
ON CONFLICT DO NOTHING;

-- name: zone_exists
-- Whether PostgreSQL knows the zone by this name.
SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = %(zone)s) AS yes;

-- name: instants
-- What local times are in their zones, in the given order; NULL for one that a change of clocks skips.
SELECT CASE WHEN found.at AT TIME ZONE w.zone = w.local THEN found.at END AS at
FROM unnest(%(locals)s::timestamp[], %(zones)s::text[]) WITH ORDINALITY AS w (local, zone, n)
CROSS JOIN LATERAL (SELECT local_instant(w.local, w.zone) AS at OFFSET 0) AS found
ORDER BY w.n;
