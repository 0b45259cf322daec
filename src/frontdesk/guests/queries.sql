-- name: guest_link
-- What a link to this appointment is made of; no row when none opens it.
SELECT patient_id, generation, first_name, language, expires_at, appointment_id, offer_id, offer_status, offered_until, entry_id,
       displaced, later_id, later_start
FROM guest_link(%(appointment_id)s, %(lives_on)s);

-- name: show_appointment
-- From here to the end of the transaction this one appointment is seen, and nothing else of its patient.
SELECT set_config('frontdesk.viewer_appointment', %(appointment_id)s::text, true);

-- name: show_offer
-- From here to the end of the transaction what was wished for is seen too, and the later visit that would move.
SELECT set_config('frontdesk.viewer_entry', %(entry_id)s::text, true),
       set_config('frontdesk.viewer_later', coalesce(%(later_id)s::text, ''), true);

-- name: see
-- The appointment as its link and its calendar file show it: when, where and with whom; not why, and not of which type.
-- The patient's language is seen by those who see the patient: by a link it comes with the link.
SELECT a.id, a.status, a.version, lower(a.during) AS start, upper(a.during) AS "end", a.mode, a.provider_id, a.clinic_id,
       a.visit_type_id, a.room_id, a.during, a.claims, a.changed_at, v.what_to_bring, who.language,
       concat_ws(' ', p.title, p.first_name, p.last_name) AS provider, c.time_zone, c.country,
       jsonb_build_object('name', c.name, 'address', c.address, 'phone', c.phone) AS clinic
FROM appointment a
JOIN provider p ON p.id = a.provider_id
JOIN clinic c ON c.id = a.clinic_id
JOIN visit_type v ON v.id = a.visit_type_id
LEFT JOIN patient who ON who.id = a.patient_id
WHERE a.id = %(appointment_id)s;

-- name: to_be_told
-- Whether messages about the appointment of the link go to its patient, and reminders.
SELECT told, reminded FROM to_be_told(%(appointment_id)s, %(by_topic)s);
