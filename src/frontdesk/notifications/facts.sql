-- name: facts
-- All that a message about a visit may say, of the visit as it is now.
SELECT a.id AS appointment_id, a.version, a.status, lower(a.during) AS start, upper(a.during) AS end, a.changed_at,
       a.mode, a.meeting, t.what_to_bring, c.name AS clinic, c.address, c.phone AS clinic_phone, c.country, c.time_zone,
       concat_ws(' ', v.title, v.first_name, v.last_name) AS provider,
       p.id AS patient_id, p.first_name, p.language, p.email, p.link_generation, o.expires_at AS offer_expires_at,
       coalesce(e.exception_id IS NOT NULL, false) AS displaced, l.start_at AS moves_start,
       m.time_zone AS moves_zone, m.name AS moves_clinic, m.phone AS moves_phone, m.country AS moves_country
FROM appointment a
JOIN clinic c ON c.id = a.clinic_id
JOIN provider v ON v.id = a.provider_id
JOIN visit_type t ON t.id = a.visit_type_id
JOIN patient p ON p.id = a.patient_id
LEFT JOIN waitlist_offer o ON o.appointment_id = a.id AND o.status = 'standing'
LEFT JOIN waitlist_entry e ON e.id = o.entry_id
LEFT JOIN appointment l ON l.id = e.appointment_id AND l.status IN ('scheduled', 'confirmed') AND l.start_at > now()
LEFT JOIN clinic m ON m.id = l.clinic_id
WHERE a.id = %(appointment_id)s;
