-- name: lock
-- One fill at a time: a second one waits, and then finds the database filled.
SELECT pg_advisory_xact_lock(7146003902), set_config('statement_timeout', '120s', true);

-- name: is_empty
-- Whether nobody has begun to use this database: nothing can be written through the service without a user.
SELECT NOT (EXISTS (SELECT FROM clinic) OR EXISTS (SELECT FROM user_account)) AS yes;

-- name: copy_clinic
-- Columns in the order in which directory.py writes them; the same holds for every COPY below.
COPY clinic (id, name, time_zone, country, region, address, phone, latitude, longitude, created_at, changed_at,
             changed_by, request_id) FROM STDIN;

-- name: copy_room
-- Rooms by kind.
COPY room (id, clinic_id, name, kind, created_at, changed_at, changed_by, request_id) FROM STDIN;

-- name: copy_specialty
-- Names only.
COPY specialty (id, name, created_at, changed_at, changed_by, request_id) FROM STDIN;

-- name: copy_visit_type
-- With all their rules.
COPY visit_type (id, name, duration_min, slot_step_min, buffer_before_min, buffer_after_min, min_notice_min, horizon_days,
                 max_per_day, one_future_per_provider, mode, room_kind, self_bookable, created_at, changed_at, changed_by,
                 request_id) FROM STDIN;

-- name: copy_provider
-- Providers in the order of their posts.
COPY provider (id, first_name, last_name, gender, date_of_birth, accepting_new_patients, title, credentials,
               license_number, bio, languages, email, phone, created_at, changed_at, changed_by, request_id) FROM STDIN;

-- name: copy_provider_specialty
-- What they practise.
COPY provider_specialty (provider_id, specialty_id, changed_by, request_id) FROM STDIN;

-- name: copy_provider_clinic
-- Where they practise.
COPY provider_clinic (provider_id, clinic_id, changed_by, request_id) FROM STDIN;

-- name: copy_provider_visit_type
-- What they can be booked for.
COPY provider_visit_type (provider_id, visit_type_id, changed_by, request_id) FROM STDIN;

-- name: copy_schedule
-- Weekly hours, local.
COPY schedule (id, provider_id, clinic_id, weekday, start_time, end_time, effective_from, effective_until, interval_weeks,
               visit_type_ids, release_hours, changed_by, request_id) FROM STDIN;

-- name: insert_exceptions
-- Time off and extra sessions, given in local time of a clinic. Time off counts at every clinic of the provider.
INSERT INTO schedule_exception (id, provider_id, kind, clinic_id, during, status, reason, changed_by, request_id)
SELECT e.id, e.provider_id, e.kind, CASE WHEN e.kind = 'extra_session' THEN c.id END,
       tstzrange(local_instant(e.opens, c.time_zone), local_instant(e.closes, c.time_zone)), e.status, e.reason,
       %(changed_by)s::uuid, %(request_id)s::uuid
FROM unnest(%(ids)s::uuid[], %(providers)s::uuid[], %(clinics)s::uuid[], %(kinds)s::text[], %(opens)s::timestamp[],
            %(closes)s::timestamp[], %(statuses)s::text[], %(reasons)s::text[])
     AS e (id, provider_id, clinic_id, kind, opens, closes, status, reason)
JOIN clinic c ON c.id = e.clinic_id;

-- name: insert_closures
-- Public holidays and the like, given in local time of the clinic.
INSERT INTO closure (id, clinic_id, during, reason, changed_by, request_id)
SELECT e.id, c.id, tstzrange(local_instant(e.opens, c.time_zone), local_instant(e.closes, c.time_zone)), e.reason,
       %(changed_by)s::uuid, %(request_id)s::uuid
FROM unnest(%(ids)s::uuid[], %(clinics)s::uuid[], %(opens)s::timestamp[], %(closes)s::timestamp[], %(reasons)s::text[])
     AS e (id, clinic_id, opens, closes, reason)
JOIN clinic c ON c.id = e.clinic_id;

-- name: copy_patient
-- Patients.
COPY patient (id, first_name, last_name, gender, date_of_birth, language, email, phone, address, insurance_provider,
              insurance_member_id, emergency_contact, preferences, external_ref, created_at, changed_at, changed_by,
              request_id) FROM STDIN;

-- name: copy_patient_clinic
-- Where they are registered.
COPY patient_clinic (patient_id, clinic_id, changed_by, request_id) FROM STDIN;

-- name: openings
-- What is open of each provider's sessions on the local days `first` to `last`, as minutes since the epoch.
SELECT p.number - 1 AS number, s.clinic_id, s.visit_type_ids,
       (lower(s.during) AT TIME ZONE s.time_zone)::date AS day,
       (extract(epoch FROM lower(s.during)) / 60)::bigint AS session_start,
       (extract(epoch FROM lower(free.during)) / 60)::bigint AS start,
       (extract(epoch FROM upper(free.during)) / 60)::bigint AS "end"
FROM unnest(%(providers)s::uuid[]) WITH ORDINALITY AS p (id, number)
CROSS JOIN LATERAL working_session(p.id, %(first)s::date, %(last)s::date) AS s
CROSS JOIN LATERAL unnest(tstzmultirange(s.during) - closed_time(p.id, s.clinic_id, s.during)) AS free (during)
ORDER BY p.number, lower(free.during), s.clinic_id;

-- name: copy_appointment
-- Whatever is no longer merely scheduled is 'imported': only what comes from elsewhere may begin further on.
COPY appointment (id, provider_id, patient_id, clinic_id, room_id, visit_type_id, during, claims, status, mode, reason,
                  status_reason, origin, created_at, changed_at, changed_by, request_id) FROM STDIN;

-- name: copy_visit
-- What was written down.
COPY visit (appointment_id, chief_complaint, diagnosis, treatment_plan, prescriptions, notes, follow_up_on, created_at,
            changed_at, changed_by, request_id) FROM STDIN;

-- name: copy_user_account
-- The log-ins.
COPY user_account (id, email, password_hash, role, patient_id, provider_id, created_at, changed_at, changed_by, request_id)
    FROM STDIN;

-- name: copy_user_clinic
-- Where the demo's staff works.
COPY user_clinic (user_id, clinic_id, changed_by, request_id) FROM STDIN;

-- name: copy_guardianship
-- For whom the demo's patient may act.
COPY guardianship (id, guardian_id, patient_id, relation, until_on, created_at, changed_by, request_id) FROM STDIN;

-- name: log_ins_work
-- Whether all log-ins of the demo are as it made them: active, and with the one password that it gave to all.
SELECT count(*) = %(count)s AND count(DISTINCT u.password_hash) = 1 AS yes
FROM unnest(%(emails)s::text[], %(roles)s::text[]) AS made (email, role)
JOIN user_account u ON lower(u.email) = made.email AND u.role = made.role AND u.active;

-- name: analyze
-- The planner knows nothing about rows that came a second ago.
ANALYZE clinic, room, specialty, visit_type, provider, provider_specialty, provider_clinic, provider_visit_type, schedule,
        schedule_exception, closure, patient, patient_clinic, appointment, appointment_history, visit, user_account,
        user_clinic, guardianship, audit_entry;
