-- name: providers
-- One page in the order of ids. Every word of the search must occur, or the whole resemble the name. A language also matches its regional forms: en finds en-GB.
SELECT p.id, p.first_name, p.last_name, p.title, p.credentials, p.license_number, p.bio, p.languages,
       ARRAY(SELECT s.specialty_id FROM provider_specialty s WHERE s.provider_id = p.id ORDER BY 1) AS specialty_ids,
       ARRAY(SELECT c.clinic_id FROM provider_clinic c WHERE c.provider_id = p.id ORDER BY 1) AS clinic_ids,
       ARRAY(SELECT v.visit_type_id FROM provider_visit_type v WHERE v.provider_id = p.id ORDER BY 1) AS visit_type_ids,
       p.accepting_new_patients, p.active, p.gender, p.date_of_birth, p.email, p.phone, p.address, p.photo_url,
       p.version, p.created_at, p.changed_at
FROM provider p
WHERE (%(after_id)s::uuid IS NULL OR p.id > %(after_id)s)
  AND (%(active)s::boolean IS NULL OR p.active = %(active)s)
  AND (%(accepting)s::boolean IS NULL OR p.accepting_new_patients = %(accepting)s)
  AND (%(name_like)s::text IS NULL
       OR ((fold(p.first_name || ' ' || p.last_name) LIKE fold(%(name_like)s::text)
            OR fold(p.first_name || ' ' || p.last_name) LIKE fold(%(name_like_too)s::text))
           AND fold(p.first_name || ' ' || p.last_name) LIKE ALL (SELECT fold(word) FROM unnest(%(words)s::text[]) AS word))
       OR fold(p.first_name || ' ' || p.last_name) %%> fold(%(like_name)s::text))
  AND (%(language)s::text IS NULL
       OR EXISTS (SELECT FROM unnest(p.languages) AS spoken
                  WHERE lower(spoken) = lower(%(language)s) OR starts_with(lower(spoken), lower(%(language)s) || '-')))
  AND (%(clinic_id)s::uuid IS NULL
       OR EXISTS (SELECT FROM provider_clinic c WHERE c.provider_id = p.id AND c.clinic_id = %(clinic_id)s))
  AND ((%(specialty_id)s::uuid IS NULL AND %(specialty)s::text IS NULL)
       OR EXISTS (SELECT FROM provider_specialty s JOIN specialty n ON n.id = s.specialty_id
                  WHERE s.provider_id = p.id
                    AND (s.specialty_id = %(specialty_id)s OR fold(n.name) = fold(%(specialty)s::text))))
ORDER BY p.id LIMIT %(rows)s;

-- name: provider
-- One provider with the sets that belong to it.
SELECT p.id, p.first_name, p.last_name, p.title, p.credentials, p.license_number, p.bio, p.languages,
       ARRAY(SELECT s.specialty_id FROM provider_specialty s WHERE s.provider_id = p.id ORDER BY 1) AS specialty_ids,
       ARRAY(SELECT c.clinic_id FROM provider_clinic c WHERE c.provider_id = p.id ORDER BY 1) AS clinic_ids,
       ARRAY(SELECT v.visit_type_id FROM provider_visit_type v WHERE v.provider_id = p.id ORDER BY 1) AS visit_type_ids,
       p.accepting_new_patients, p.active, p.gender, p.date_of_birth, p.email, p.phone, p.address, p.photo_url,
       p.version, p.created_at, p.changed_at
FROM provider p WHERE p.id = %(provider_id)s;

-- name: lock_provider
-- Hold the provider: a booking holds it FOR SHARE, so none is under way when this returns. A statement of its own, so
-- that what is read afterwards is what those bookings left.
SELECT id, first_name, last_name, title, credentials, license_number, bio, languages, accepting_new_patients, active,
       gender, date_of_birth, email, phone, address, photo_url, version
FROM provider WHERE id = %(provider_id)s FOR UPDATE;

-- name: insert_provider
-- A new provider, active at once.
INSERT INTO provider (id, first_name, last_name, title, credentials, license_number, bio, languages,
                      accepting_new_patients, gender, date_of_birth, email, phone, address, photo_url,
                      changed_by, request_id)
VALUES (%(id)s, %(first_name)s, %(last_name)s, %(title)s, %(credentials)s, %(license_number)s, %(bio)s, %(languages)s,
        %(accepting_new_patients)s, %(gender)s, %(date_of_birth)s, %(email)s, %(phone)s, %(address)s, %(photo_url)s,
        %(changed_by)s, %(request_id)s);

-- name: update_provider
-- The whole row: it is locked, and what was not sent is what was read.
UPDATE provider
SET first_name = %(first_name)s, last_name = %(last_name)s, title = %(title)s, credentials = %(credentials)s,
    license_number = %(license_number)s, bio = %(bio)s, languages = %(languages)s,
    accepting_new_patients = %(accepting_new_patients)s, active = %(active)s, gender = %(gender)s,
    date_of_birth = %(date_of_birth)s, email = %(email)s, phone = %(phone)s, address = %(address)s,
    photo_url = %(photo_url)s, changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(id)s;

-- name: say_who
-- A deleted row cannot name who deletes it, so the transaction does; the audit trail reads it.
SELECT set_config('frontdesk.actor', %(changed_by)s::text, true),
       set_config('frontdesk.request_id', %(request_id)s::text, true);

-- name: drop_specialties
-- Those of the set that are no longer named.
DELETE FROM provider_specialty WHERE provider_id = %(provider_id)s AND specialty_id <> ALL (%(ids)s::uuid[]);

-- name: add_specialties
-- Those that are new; naming one twice is naming it once.
INSERT INTO provider_specialty (provider_id, specialty_id, changed_by, request_id)
SELECT DISTINCT %(provider_id)s::uuid, named, %(changed_by)s::uuid, %(request_id)s::uuid FROM unnest(%(ids)s::uuid[]) AS named
ON CONFLICT DO NOTHING;

-- name: drop_clinics
-- Those of the set that are no longer named.
DELETE FROM provider_clinic WHERE provider_id = %(provider_id)s AND clinic_id <> ALL (%(ids)s::uuid[]);

-- name: add_clinics
-- Those that are new; naming one twice is naming it once.
INSERT INTO provider_clinic (provider_id, clinic_id, changed_by, request_id)
SELECT DISTINCT %(provider_id)s::uuid, named, %(changed_by)s::uuid, %(request_id)s::uuid FROM unnest(%(ids)s::uuid[]) AS named
ON CONFLICT DO NOTHING;

-- name: drop_visit_types
-- Those of the set that are no longer named.
DELETE FROM provider_visit_type WHERE provider_id = %(provider_id)s AND visit_type_id <> ALL (%(ids)s::uuid[]);

-- name: add_visit_types
-- Those that are new; naming one twice is naming it once.
INSERT INTO provider_visit_type (provider_id, visit_type_id, changed_by, request_id)
SELECT DISTINCT %(provider_id)s::uuid, named, %(changed_by)s::uuid, %(request_id)s::uuid FROM unnest(%(ids)s::uuid[]) AS named
ON CONFLICT DO NOTHING;

-- name: has_future
-- Whether a live appointment or hold of the provider lies ahead.
SELECT EXISTS (
    SELECT FROM taken
    WHERE provider_id = %(provider_id)s AND upper(during) > now()
      AND (status IN ('scheduled', 'confirmed', 'checked_in', 'in_progress')
           OR (status = 'held' AND hold_expires_at > now()))
) AS has_future;

-- name: works_elsewhere
-- Whether the provider has working time ahead at a clinic that is not named.
SELECT EXISTS (
    SELECT FROM schedule
    WHERE provider_id = %(provider_id)s AND clinic_id <> ALL (%(ids)s::uuid[])
      AND (effective_until IS NULL OR effective_until >= current_date - 1)
) AS works_elsewhere;
