-- name: wanted
-- The longest free piece of a provider's time that touches the span, in minutes, if anybody waits for this provider at all;
-- otherwise NULL.
SELECT wanted_min(%(provider_id)s, %(clinic_id)s::uuid, %(span)s, %(now)s) AS longest;

-- name: next_waiting
-- Who comes next for a time within the span, in order; not locked.
SELECT (n.entry).id, (n.entry).patient_id, (n.entry).visit_type_id, (n.entry).clinic_ids, (n.entry).earliest,
       (n.entry).latest, (n.entry).weekdays, (n.entry).times_of_day, (n.entry).appointment_id, (n.entry).rank, (n.entry).since,
       n.offered, n.before, n.busy
FROM next_waiting(%(provider_id)s, %(clinic_id)s::uuid, %(span)s, %(longest)s::integer, %(now)s,
                  %(rank)s::smallint, %(since)s::timestamptz, %(id)s::uuid, %(most)s) AS n;

-- name: offer_time
-- Claim the time for the first of these who still waits; no row when provider or room is taken, one without an id when they
-- are busy or nobody waits.
SELECT o.entry_id, (o.hold).id, (o.hold).status, (o.hold).version, (o.hold).provider_id, (o.hold).patient_id,
       (o.hold).clinic_id, (o.hold).room_id, (o.hold).visit_type_id, lower((o.hold).during) AS start,
       upper((o.hold).during) AS "end", (o.hold).mode, (o.hold).hold_expires_at
FROM offer_time(%(id)s, %(provider_id)s, %(clinic_id)s, %(room_id)s::uuid, %(visit_type_id)s, %(during)s, %(claims)s, %(mode)s,
                %(overridden)s::text[], %(offer_id)s, %(entry_ids)s, %(expires_at)s, %(hold_expires_at)s, %(freed_at)s,
                %(changed_by)s, %(request_id)s, %(choice)s::smallint) AS o;

-- name: known
-- Whether what is asked for exists, what could never be booked, and how many places the patient has already.
SELECT EXISTS (SELECT FROM visit_type WHERE id = %(visit_type_id)s) AS visit_type,
       %(provider_id)s::uuid IS NULL OR EXISTS (SELECT FROM provider WHERE id = %(provider_id)s::uuid) AS provider,
       NOT EXISTS (SELECT FROM unnest(%(clinic_ids)s::uuid[]) AS c (id) WHERE c.id NOT IN (SELECT id FROM clinic)) AS clinics,
       (SELECT count(*) FROM waitlist_entry WHERE patient_id = %(patient_id)s AND status IN ('waiting', 'offered')) AS places,
       (SELECT self_bookable FROM visit_type WHERE id = %(visit_type_id)s) AS self_bookable,
       jsonb_build_object(
           'provider_active', %(provider_id)s::uuid IS NULL OR EXISTS (SELECT FROM provider WHERE id = %(provider_id)s::uuid AND active),
           'visit_type_active', EXISTS (SELECT FROM visit_type WHERE id = %(visit_type_id)s AND active),
           'single', EXISTS (SELECT FROM visit_type WHERE id = %(visit_type_id)s AND capacity = 1),
           'patient_active', patient_active(%(patient_id)s),
           'offered', NOT EXISTS (SELECT FROM provider_visit_type WHERE provider_id = %(provider_id)s::uuid)
               OR EXISTS (SELECT FROM provider_visit_type t
                          WHERE t.provider_id = %(provider_id)s::uuid AND t.visit_type_id = %(visit_type_id)s)) AS rules;

-- name: join
-- A place on the waitlist.
INSERT INTO waitlist_entry (id, patient_id, visit_type_id, provider_id, specialty_id, clinic_ids, earliest, latest, weekdays,
                            times_of_day, urgency, auto_book, appointment_id, reason, changed_by, request_id)
VALUES (%(id)s, %(patient_id)s, %(visit_type_id)s, %(provider_id)s, %(specialty_id)s, %(clinic_ids)s::uuid[], %(earliest)s,
        %(latest)s, %(weekdays)s::smallint[], %(times_of_day)s::text[], %(urgency)s, %(auto_book)s, %(appointment_id)s,
        %(reason)s, %(changed_by)s, %(request_id)s)
RETURNING id, patient_id, visit_type_id, provider_id, specialty_id, clinic_ids, urgency;

-- name: lock_waiting
-- What somebody waits for, their entry locked until commit; nothing for one that is not waiting. `offered_…`: the times that
-- they were offered before.
SELECT e.id, e.patient_id, e.visit_type_id, e.provider_id, e.specialty_id, e.clinic_ids, e.earliest, e.latest, e.weekdays,
       e.times_of_day, e.appointment_id, s.before, s.offered_by, s.offered_at
FROM waitlist_entry e
CROSS JOIN LATERAL waitlist_so_far(e) AS s
WHERE e.id = %(id)s AND e.status = 'waiting'
FOR UPDATE OF e;

-- name: find
-- One entry with what it is offered, as far as the caller may see it.
SELECT e.id, e.patient_id, e.visit_type_id, e.provider_id, e.specialty_id, e.clinic_ids, e.earliest, e.latest, e.weekdays,
       e.times_of_day AS time_of_day, e.urgency, e.auto_book, e.appointment_id, e.exception_id, e.status, e.missed, e.version,
       e.created_at, e.changed_at,
       -- Why the patient comes is for the patient, whom they would come to, and admins.
       CASE WHEN (%(only_care_of)s::uuid IS NULL OR e.provider_id IS NOT DISTINCT FROM %(only_care_of)s::uuid)
             AND (%(only_clinics)s::uuid[] IS NULL OR coalesce(e.clinic_ids, '{}') && %(only_clinics)s::uuid[]) THEN e.reason END
           AS reason,
       s.offers -> 0 AS offer, s.offers
FROM waitlist_entry e
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'id', o.id, 'provider_id', a.provider_id, 'clinic_id', a.clinic_id, 'time_zone', c.time_zone,
               'start', lower(a.during), 'end', upper(a.during), 'expires_at', o.expires_at) ORDER BY o.choice), '[]') AS offers
    FROM waitlist_offer o JOIN appointment a ON a.id = o.appointment_id JOIN clinic c ON c.id = a.clinic_id
    WHERE o.entry_id = e.id AND o.status = 'standing'
) AS s
WHERE e.id = %(id)s
  AND (%(only_patient)s::uuid IS NULL OR e.patient_id = %(only_patient)s::uuid)
  AND (%(only_care_of)s::uuid IS NULL OR in_care(%(only_care_of)s::uuid, e.patient_id))
  AND (%(only_clinics)s::uuid[] IS NULL OR e.clinic_ids && %(only_clinics)s::uuid[]
       OR (e.clinic_ids IS NULL AND of_clinics(%(only_clinics)s::uuid[], e.patient_id)));

-- name: list_entries
-- A page of entries in the order in which people joined; NULL is no filter.
SELECT e.id, e.patient_id, e.visit_type_id, e.provider_id, e.specialty_id, e.clinic_ids, e.earliest, e.latest, e.weekdays,
       e.times_of_day AS time_of_day, e.urgency, e.auto_book, e.appointment_id, e.exception_id, e.status, e.missed, e.version,
       e.created_at, e.changed_at,
       -- Why the patient comes is for the patient, whom they would come to, and admins.
       CASE WHEN (%(only_care_of)s::uuid IS NULL OR e.provider_id IS NOT DISTINCT FROM %(only_care_of)s::uuid)
             AND (%(only_clinics)s::uuid[] IS NULL OR coalesce(e.clinic_ids, '{}') && %(only_clinics)s::uuid[]) THEN e.reason END
           AS reason,
       s.offers -> 0 AS offer, s.offers
FROM waitlist_entry e
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'id', o.id, 'provider_id', a.provider_id, 'clinic_id', a.clinic_id, 'time_zone', c.time_zone,
               'start', lower(a.during), 'end', upper(a.during), 'expires_at', o.expires_at) ORDER BY o.choice), '[]') AS offers
    FROM waitlist_offer o JOIN appointment a ON a.id = o.appointment_id JOIN clinic c ON c.id = a.clinic_id
    WHERE o.entry_id = e.id AND o.status = 'standing'
) AS s
WHERE (%(only_patient)s::uuid IS NULL OR e.patient_id = %(only_patient)s::uuid)
  AND (%(only_care_of)s::uuid IS NULL OR in_care(%(only_care_of)s::uuid, e.patient_id))
  AND (%(only_clinics)s::uuid[] IS NULL OR e.clinic_ids && %(only_clinics)s::uuid[]
       OR (e.clinic_ids IS NULL AND of_clinics(%(only_clinics)s::uuid[], e.patient_id)))
  AND (%(patient_id)s::uuid IS NULL OR e.patient_id = %(patient_id)s::uuid)
  AND (%(provider_id)s::uuid IS NULL OR e.provider_id = %(provider_id)s::uuid)
  AND (%(specialty_id)s::uuid IS NULL OR e.specialty_id = %(specialty_id)s::uuid)
  AND (%(visit_type_id)s::uuid IS NULL OR e.visit_type_id = %(visit_type_id)s::uuid)
  AND (%(clinic_id)s::uuid IS NULL OR e.clinic_ids IS NULL OR %(clinic_id)s::uuid = ANY (e.clinic_ids))
  AND (%(status)s::text[] IS NULL OR e.status = ANY (%(status)s::text[]))
  AND (%(after_id)s::uuid IS NULL OR e.id > %(after_id)s::uuid)
ORDER BY e.id LIMIT %(rows)s;

-- name: ahead
-- Who is asked before, by what puts them first.
SELECT more_urgent, earlier FROM waitlist_ahead(%(id)s);

-- name: leave
-- End a place, if it has not ended; nothing back for one that has.
UPDATE waitlist_entry SET status = %(status)s, changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(id)s AND status = 'waiting'
RETURNING id;

-- name: find_offer
-- An offer with its hold, the visit that it would move, and the other offers of a choice.
SELECT o.id, o.entry_id, o.status, o.freed_at, o.expires_at, o.appointment_id AS hold_id, e.patient_id, e.reason,
       e.appointment_id AS visit_id, e.status AS entry_status, e.exception_id IS NOT NULL AS displaced,
       ARRAY(SELECT s.appointment_id FROM waitlist_offer s
             WHERE s.entry_id = e.id AND s.status = 'standing' AND s.id <> o.id) AS other_hold_ids
FROM waitlist_offer o
JOIN waitlist_entry e ON e.id = o.entry_id
WHERE o.id = %(id)s
  AND (%(only_patient)s::uuid IS NULL OR e.patient_id = %(only_patient)s::uuid)
  AND (%(only_care_of)s::uuid IS NULL OR in_care(%(only_care_of)s::uuid, e.patient_id))
  AND (%(only_clinics)s::uuid[] IS NULL OR e.clinic_ids && %(only_clinics)s::uuid[]
       OR (e.clinic_ids IS NULL AND of_clinics(%(only_clinics)s::uuid[], e.patient_id)));

-- name: accept
-- Accepted, before the hold ends: then its end declines nothing.
UPDATE waitlist_offer
SET status = 'accepted', answered_at = clock_timestamp(), changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(id)s AND status = 'standing';

-- name: overdue_offer
-- The offer that has been overdue for longest.
SELECT o.id, o.entry_id, e.missed, e.exception_id IS NOT NULL AS displaced
FROM waitlist_offer o JOIN waitlist_entry e ON e.id = o.entry_id
WHERE o.status = 'standing' AND o.expires_at <= %(now)s
ORDER BY o.expires_at, o.id LIMIT 1;

-- name: line
-- Who waits, in the order of urgency and age, after one of them.
SELECT id, rank, since FROM waitlist_entry
WHERE status = 'waiting'
  AND (%(id)s::uuid IS NULL OR (rank, since, id) > (%(rank)s::smallint, %(since)s::timestamptz, %(id)s::uuid))
ORDER BY rank, since, id LIMIT %(most)s;

-- name: over
-- Those who wait for what cannot come any more: the last day has passed wherever it ends last, the visit that was to be
-- earlier is not ahead, or the patient is gone.
SELECT e.id FROM waitlist_entry e
LEFT JOIN appointment a ON a.id = e.appointment_id
WHERE e.status = 'waiting'
  AND (e.latest < (%(now)s::timestamptz AT TIME ZONE 'UTC' - interval '12 hours')::date
       OR a.status NOT IN ('scheduled', 'confirmed') OR a.start_at <= %(now)s
       OR NOT patient_active(e.patient_id))
ORDER BY e.id LIMIT 200;

-- name: offer_of_hold
-- The offer whose hold this was, if it was one.
SELECT o.id AS offer_id, o.entry_id, e.patient_id, a.provider_id, a.clinic_id, o.status
FROM waitlist_offer o JOIN waitlist_entry e ON e.id = o.entry_id JOIN appointment a ON a.id = o.appointment_id
WHERE o.appointment_id = %(appointment_id)s;

-- name: books_by_itself
-- Whether the offer still stands and its entry takes what comes.
SELECT e.auto_book AND o.status = 'standing' AS yes
FROM waitlist_offer o JOIN waitlist_entry e ON e.id = o.entry_id
WHERE o.id = %(offer_id)s;

-- name: choices_of_visit
-- The offers among which those choose whose displaced visit this is.
SELECT choices_of(%(appointment_id)s) AS id;

-- name: choices_without_need
-- The offers among which those choose whose visit a provider's time off leaves alone by now, because it was declined or changed.
SELECT o.id
FROM schedule_exception x
JOIN waitlist_entry e ON e.exception_id = x.id AND e.status = 'offered'
JOIN appointment a ON a.id = e.appointment_id
JOIN waitlist_offer o ON o.entry_id = e.id AND o.status = 'standing'
WHERE x.provider_id = %(provider_id)s AND NOT (x.status = 'approved' AND a.during && x.during)
ORDER BY o.id;

-- name: stats
-- Counts of entries and offers, and how fast they were; NULL where there is nothing to measure. Who was displaced did not
-- wait, and is not counted.
WITH entry AS MATERIALIZED (
    SELECT e.id, e.status, e.since FROM waitlist_entry e
    WHERE e.exception_id IS NULL
      AND (%(only_patient)s::uuid IS NULL OR e.patient_id = %(only_patient)s::uuid)
      AND (%(only_care_of)s::uuid IS NULL OR in_care(%(only_care_of)s::uuid, e.patient_id))
      AND (%(only_clinics)s::uuid[] IS NULL OR e.clinic_ids && %(only_clinics)s::uuid[]
           OR (e.clinic_ids IS NULL AND of_clinics(%(only_clinics)s::uuid[], e.patient_id)))
      AND (%(clinic_id)s::uuid IS NULL OR e.clinic_ids IS NULL OR %(clinic_id)s::uuid = ANY (e.clinic_ids))
      AND (%(from_on)s::date IS NULL OR e.since >= %(from_on)s::date::timestamp AT TIME ZONE 'UTC')
      AND (%(to_on)s::date IS NULL OR e.since < %(to_on)s::date::timestamp AT TIME ZONE 'UTC')
), offer AS MATERIALIZED (
    SELECT o.status, o.freed_at, o.answered_at, e.since FROM entry e JOIN waitlist_offer o ON o.entry_id = e.id
)
SELECT e.*, o.*
FROM (SELECT count(*) FILTER (WHERE status = 'waiting') AS waiting, count(*) FILTER (WHERE status = 'offered') AS offered,
             count(*) FILTER (WHERE status = 'booked') AS booked, count(*) FILTER (WHERE status = 'expired') AS expired,
             count(*) FILTER (WHERE status = 'removed') AS removed FROM entry) AS e,
     (SELECT count(*) AS offers, count(*) FILTER (WHERE status = 'accepted') AS accepted,
             (count(*) FILTER (WHERE status = 'accepted'))::float
                 / nullif(count(*) FILTER (WHERE status <> 'standing'), 0) AS conversion_rate,
             percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM answered_at - freed_at))
                 FILTER (WHERE status = 'accepted') AS median_time_to_fill_s,
             avg(extract(epoch FROM answered_at - since)) FILTER (WHERE status = 'accepted')::float AS average_wait_s FROM offer) AS o;
