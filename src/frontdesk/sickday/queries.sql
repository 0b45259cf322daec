-- name: at_risk
-- Visits ahead that the time off would displace, by start. `movable`: not one part of several, nor a seat in a group. Visits
-- outside of ordinary hours too: whoever is away is away. Those that an earlier time off displaced, and whose patients still
-- choose, have their other times already. `near`: the clinics that a patient might go to instead, of the same zone or country.
SELECT a.id, a.patient_id, a.clinic_id, c.time_zone, a.visit_type_id, a.status, a.mode, lower(a.during) AS start,
       upper(a.during) AS "end", (a.start_at AT TIME ZONE c.time_zone)::date AS day,
       a.group_id IS NULL AND a.session_id IS NULL AS movable,
       ARRAY(SELECT n.id FROM clinic n WHERE n.time_zone = c.time_zone OR n.country = c.country) AS near
FROM appointment a
JOIN clinic c ON c.id = a.clinic_id
WHERE a.provider_id = %(provider_id)s AND a.during && %(span)s
  AND (%(clinic_id)s::uuid IS NULL OR a.clinic_id = %(clinic_id)s::uuid)
  AND a.start_at > %(now)s AND a.status IN ('scheduled', 'confirmed') AND a.patient_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM waitlist_entry e WHERE e.appointment_id = a.id AND e.exception_id IS NOT NULL AND e.status = 'offered')
ORDER BY a.start_at, a.id;

-- name: colleagues
-- Who might see the patients of a provider who is away: the provider at another time, then those who share a specialty and
-- offer the visit type, those at the clinic first, then the nearest (degrees, as good as any measure to compare with).
SELECT p.id
FROM provider p
CROSS JOIN LATERAL (
    SELECT bool_or(c.id = here.id) AS here,
           min((c.latitude - here.latitude) ^ 2 + ((c.longitude - here.longitude) * cosd(here.latitude)) ^ 2) AS far
    FROM clinic here
    JOIN clinic c ON c.id IN (SELECT s.clinic_id FROM schedule s WHERE s.provider_id = p.id
                              UNION ALL
                              SELECT e.clinic_id FROM schedule_exception e WHERE e.provider_id = p.id AND e.kind = 'extra_session')
    WHERE here.id = %(clinic_id)s
) AS works
WHERE p.active AND works.here IS NOT NULL
  AND (p.id = %(provider_id)s
       OR EXISTS (SELECT FROM provider_specialty mine JOIN provider_specialty theirs USING (specialty_id)
                  WHERE mine.provider_id = %(provider_id)s AND theirs.provider_id = p.id))
  AND (NOT EXISTS (SELECT FROM provider_visit_type WHERE provider_id = p.id)
       OR EXISTS (SELECT FROM provider_visit_type t WHERE t.provider_id = p.id AND t.visit_type_id = %(visit_type_id)s))
ORDER BY p.id <> %(provider_id)s, NOT works.here, works.far NULLS LAST, p.id
LIMIT %(most)s;

-- name: not_with
-- Which of these providers a patient cannot be moved to: new patients are not taken, or one future visit is all that the
-- visit type allows. The provider who is away knows them.
SELECT v.id, p.id AS provider_id
FROM jsonb_to_recordset(%(visits)s::jsonb) AS v (id uuid, patient_id uuid, visit_type_id uuid)
JOIN visit_type t ON t.id = v.visit_type_id
JOIN provider p ON p.id = ANY (%(provider_ids)s::uuid[])
WHERE NOT patient_active(v.patient_id)
   OR NOT (p.id = %(away_id)s OR p.accepting_new_patients OR has_seen(p.id, v.patient_id))
   OR (t.one_future_per_provider AND will_see(p.id, v.patient_id, %(now)s, v.id));

-- name: patients_busy
-- What these patients have booked or held, the visits in question included: until one is moved it stands.
SELECT v.id, lower(b.during) AS start, upper(b.during) AS "end"
FROM jsonb_to_recordset(%(visits)s::jsonb) AS v (id uuid, patient_id uuid)
CROSS JOIN LATERAL patient_taken(v.patient_id, %(span)s, %(now)s) AS b (during)
ORDER BY v.id, b.during;

-- name: day_counts
-- How many visits of a type providers have on each local day.
SELECT a.provider_id, (a.start_at AT TIME ZONE c.time_zone)::date AS day, count(*) AS visits
FROM taken a
JOIN clinic c ON c.id = a.clinic_id
WHERE a.provider_id = ANY (%(provider_ids)s::uuid[]) AND a.visit_type_id = %(visit_type_id)s AND a.session_id IS NULL
  AND a.start_at BETWEEN lower(%(span)s::tstzrange) - interval '50 hours' AND upper(%(span)s::tstzrange) + interval '50 hours'
  AND NOT (a.status = 'held' AND a.hold_expires_at <= %(now)s)
GROUP BY 1, 2;

-- name: one_at_a_time
-- Those who displace visits come one after the other: of two at once, each would hold the schedule that the other looks at.
SELECT pg_advisory_xact_lock(hashtextextended('sick day', 0));

-- name: holds_within
-- What is held of the time off, by whomever.
SELECT id, version, provider_id, patient_id, clinic_id, lower(during) AS start, upper(during) AS "end"
FROM appointment
WHERE provider_id = %(provider_id)s AND during && %(span)s
  AND (%(clinic_id)s::uuid IS NULL OR clinic_id = %(clinic_id)s::uuid) AND status = 'held'
ORDER BY id
FOR UPDATE;

-- name: displace
-- A place on the waitlist for each visit that is still to be, over already where there is nothing to offer.
INSERT INTO waitlist_entry (id, patient_id, visit_type_id, provider_id, clinic_ids, urgency, appointment_id, exception_id, status,
                            changed_by, request_id)
SELECT v.id, a.patient_id, a.visit_type_id, a.provider_id, v.clinic_ids, 'urgent', a.id, %(exception_id)s, v.status,
       %(changed_by)s, %(request_id)s
FROM jsonb_to_recordset(%(visits)s::jsonb) AS v (id uuid, appointment_id uuid, clinic_ids uuid[], status text)
JOIN appointment a ON a.id = v.appointment_id AND a.status IN ('scheduled', 'confirmed')
RETURNING id, patient_id, visit_type_id, provider_id, specialty_id, clinic_ids, urgency, appointment_id;

-- name: displaced
-- What became of the visits that the time off displaced, by their times; of patients, those whom the caller may see.
SELECT d.entry_id, d.appointment_id, p.id AS patient_id, d.visit_type_id, d.state, d.stands, d.was_at AS clinic_id, lower(d.was) AS start,
       upper(d.was) AS "end", d.offers,
       CASE WHEN d.state = 'accepted'
            THEN jsonb_build_object('provider_id', d.provider_id, 'clinic_id', d.clinic_id, 'start', lower(d.during),
                                    'end', upper(d.during)) END AS new
FROM displaced(%(exception_id)s, %(now)s, %(by_topic)s) AS d
LEFT JOIN patient p ON p.id = d.patient_id
WHERE %(only_clinics)s::uuid[] IS NULL OR d.was_at = ANY (%(only_clinics)s::uuid[])
ORDER BY d.was, d.entry_id;

-- name: displacing
-- Which of these exceptions have displaced visits.
SELECT DISTINCT exception_id FROM waitlist_entry WHERE exception_id = ANY (%(exception_ids)s::uuid[]);
