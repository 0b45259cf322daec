-- name: hold_schedule
-- Keep provider and clinic from changing their hours until commit; a schedule change takes the same rows FOR UPDATE
-- (invariant 2). A statement of its own, before the rules are read: a snapshot taken while waiting would be stale.
WITH provider AS MATERIALIZED (SELECT id FROM provider WHERE id = %(provider_id)s FOR SHARE),
     clinic AS MATERIALIZED (SELECT id FROM clinic WHERE id = %(clinic_id)s FOR SHARE)
SELECT provider.id FROM provider, clinic;

-- name: insert_appointment
-- Claim the time, or return no row when provider, patient or room is taken.
-- Rivals wait here holding no row of their own; a plain INSERT deadlocks (ADR-0003). The constraint compares within a
-- lane; beside a visit that staff put into another lane only a deliberate overbooking goes.
INSERT INTO appointment (id, provider_id, patient_id, clinic_id, room_id, visit_type_id, lane, during, claims, status, mode,
                         reason, override_reason, overridden, hold_expires_at, hold_token_hash, hold_client,
                         changed_by, request_id)
SELECT %(id)s, %(provider_id)s, %(patient_id)s::uuid, %(clinic_id)s, %(room_id)s::uuid, %(visit_type_id)s,
       %(lane)s::smallint, %(during)s::tstzrange, %(claims)s::tstzrange, %(status)s, %(mode)s, %(reason)s::text,
       %(override_reason)s::text, %(overridden)s::text[], %(hold_expires_at)s::timestamptz, %(hold_token_hash)s::bytea,
       %(hold_client)s::text, %(changed_by)s, %(request_id)s
WHERE %(overbook)s OR NOT EXISTS (
    SELECT FROM taken b
    WHERE b.provider_id = %(provider_id)s AND b.lane > 0 AND b.claims && %(claims)s::tstzrange AND b.session_id IS NULL)
ON CONFLICT DO NOTHING
RETURNING id, status, version, provider_id, patient_id, clinic_id, room_id, visit_type_id, lower(during) AS start,
          upper(during) AS "end", mode, reason, override_reason, status_reason, lane, hold_expires_at, created_at, changed_at,
          meeting;

-- name: hold_schedules
-- The same for several providers and clinics, in the order of their ids.
WITH provider AS MATERIALIZED (SELECT id FROM provider WHERE id = ANY (%(provider_ids)s::uuid[]) ORDER BY id FOR SHARE),
     clinic AS MATERIALIZED (SELECT id FROM clinic WHERE id = ANY (%(clinic_ids)s::uuid[]) ORDER BY id FOR SHARE)
SELECT (SELECT count(*) FROM provider) AS providers, (SELECT count(*) FROM clinic) AS clinics;

-- name: insert_appointments
-- Claim several times; a row back for each that is booked.
SELECT id, status, version, provider_id, patient_id, clinic_id, room_id, visit_type_id, lower(during) AS start,
       upper(during) AS "end", mode, reason, override_reason, status_reason, lane, hold_expires_at, created_at, changed_at,
       meeting
FROM book_ordinary(%(asked)s::jsonb);

-- name: in_the_way_of_several
-- What overlaps bookings that got no row.
SELECT id, resource, start, "end" FROM in_the_way_of_ordinary(%(asked)s::jsonb, %(now)s);

-- name: by_load
-- Providers in the order to be asked for one start: those who look free first, then by minutes booked on that local day.
SELECT p.id, load.busy
FROM unnest(%(provider_ids)s::uuid[]) AS p (id)
CROSS JOIN visit_type v
CROSS JOIN clinic c
CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(tstzrange(%(start)s, %(start)s + make_interval(mins => v.duration_min)) && a.claims), false) AS busy,
           coalesce(sum(upper(a.during) - lower(a.during)), interval '0') AS booked
    FROM taken a
    WHERE a.provider_id = p.id AND a.session_id IS NULL AND NOT (a.status = 'held' AND a.hold_expires_at <= %(now)s)
      AND a.start_at BETWEEN %(start)s::timestamptz - interval '36 hours' AND %(start)s::timestamptz + interval '36 hours'
      AND (a.start_at AT TIME ZONE c.time_zone)::date = (%(start)s AT TIME ZONE c.time_zone)::date
) AS load
WHERE v.id = %(visit_type_id)s AND c.id = %(clinic_id)s
ORDER BY load.busy, load.booked, random();

-- name: free_room
-- A room of the kind that looks free, any of them: rivals spread over the rooms instead of queueing for the first.
-- `preferred` first, which is the room a moved visit already has.
SELECT r.id
FROM room r
WHERE r.clinic_id = %(clinic_id)s AND lower(r.kind) = lower(%(room_kind)s) AND r.active
  AND NOT EXISTS (SELECT FROM taken a
                  WHERE a.room_id = r.id AND a.claims && %(claims)s AND a.id IS DISTINCT FROM %(except_id)s::uuid
                    AND a.room_id IS NOT NULL AND a.session_id IS NULL
                    AND NOT (a.status = 'held' AND a.hold_expires_at <= %(now)s))
ORDER BY r.id IS DISTINCT FROM %(preferred)s::uuid, random()
LIMIT 1;

-- name: room_fits
-- Whether a chosen room is in use, in the clinic, and of the kind that the visit needs.
SELECT EXISTS (SELECT FROM room r
               WHERE r.id = %(room_id)s AND r.clinic_id = %(clinic_id)s AND r.active
                 AND (%(room_kind)s::text IS NULL OR lower(r.kind) = lower(%(room_kind)s::text))) AS fits;

-- name: in_the_way
-- The live claims that overlap, by resource; times only, nobody's identity. Overdue holds do not count.
SELECT 'provider' AS resource, lower(a.claims) AS start, upper(a.claims) AS "end"
FROM taken a
WHERE a.provider_id = %(provider_id)s AND (a.lane = %(lane)s OR NOT %(overbook)s) AND a.claims && %(claims)s
  AND a.session_id IS NULL
  AND a.id IS DISTINCT FROM %(except_id)s::uuid AND NOT (a.status = 'held' AND a.hold_expires_at <= %(now)s)
UNION ALL
SELECT 'patient', lower(p.during), upper(p.during)
FROM patient_taken(%(patient_id)s::uuid, %(during)s, %(now)s, %(except_id)s::uuid) AS p (during)
UNION ALL
SELECT 'room', lower(a.claims), upper(a.claims)
FROM taken a
WHERE a.room_id = %(room_id)s::uuid AND a.claims && %(claims)s AND a.room_id IS NOT NULL AND a.session_id IS NULL
  AND a.id IS DISTINCT FROM %(except_id)s::uuid AND NOT (a.status = 'held' AND a.hold_expires_at <= %(now)s)
ORDER BY 1, 2;

-- name: overdue_holds
-- Holds whose time is over and that still stand in the way of a claim, with the keys to lock before expiring them.
SELECT id, provider_id, patient_id, room_id
FROM overdue_holds(%(provider_id)s, %(patient_id)s::uuid, %(clinic_id)s, %(claims)s, %(now)s);

-- name: any_overdue_holds
-- Holds whose time is over, oldest first, with the keys to lock before expiring them.
SELECT id, provider_id, patient_id, room_id, clinic_id, claims
FROM appointment
WHERE status = 'held' AND hold_expires_at <= %(now)s
ORDER BY hold_expires_at
LIMIT 200;

-- name: expire_holds
-- Needs the locks of the holds' keys. Returns what was expired, for the events.
SELECT id, version, provider_id, patient_id, clinic_id, lower(during) AS start, upper(during) AS "end", status
FROM expire_holds(%(ids)s, %(now)s, %(changed_by)s, %(request_id)s);

-- name: show_token
-- The right to a hold, by the digest of its secret, until the end of the transaction.
SELECT set_config('frontdesk.viewer_hold', %(digest)s, true);

-- name: was_held
-- Whether the hold was once the one of this secret, whatever became of it.
SELECT was_held(%(id)s, %(digest)s) AS yes;

-- name: lock_client
-- One client's holds are counted one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('hold:' || %(client)s, 0));

-- name: count_holds
-- Live holds of one client.
SELECT holds_of(%(client)s, %(now)s) AS holds;

-- name: holds_of_client
-- Holds of the caller that stand.
SELECT id, status, version, provider_id, patient_id, clinic_id, room_id, visit_type_id, lower(during) AS start,
       upper(during) AS "end", hold_expires_at, hold_token_hash, hold_client
FROM appointment
WHERE status = 'held' AND hold_client = %(client)s AND hold_expires_at > %(now)s
ORDER BY hold_expires_at;

-- name: lock_overrides
-- Exceptions on one provider's day at a clinic are counted one after the other; taken before any claim is locked.
SELECT pg_advisory_xact_lock(hashtextextended(
    'override:' || %(provider_id)s::text || (%(start)s::timestamptz AT TIME ZONE c.time_zone)::date, 0))
FROM clinic c WHERE c.id = %(clinic_id)s;

-- name: count_overrides
-- The live visits on a provider's local day that break a rule or are overbooked.
SELECT count(a.id) AS overrides
FROM clinic c
LEFT JOIN taken a ON a.provider_id = %(provider_id)s AND a.clinic_id = c.id
    AND a.start_at >= local_instant((%(start)s::timestamptz AT TIME ZONE c.time_zone)::date::timestamp, c.time_zone)
    AND a.start_at < local_instant((%(start)s::timestamptz AT TIME ZONE c.time_zone)::date + interval '1 day', c.time_zone)
    AND a.is_exception
    AND a.id IS DISTINCT FROM %(except_id)s::uuid
WHERE c.id = %(clinic_id)s;

-- name: lock_claims
-- The locks of all keys concerned, sorted (ADR-0003).
SELECT lock_claims(%(keys)s::uuid[]);

-- name: be_brief
-- From here to the end of the transaction no lock is waited for longer than this.
SELECT set_config('lock_timeout', %(patience_ms)s, true);

-- name: rooms_of_kind
-- Every room that a visit of this kind might take.
SELECT id FROM room WHERE clinic_id = %(clinic_id)s AND lower(kind) = lower(%(room_kind)s) AND active;

-- name: find
-- One appointment, as far as the caller may see it.
SELECT id, status, version, provider_id, patient_id, clinic_id, room_id, visit_type_id, lower(during) AS start,
       upper(during) AS "end", mode, reason, override_reason, status_reason, lane, hold_expires_at, created_at, changed_at,
       during, claims, overridden, hold_token_hash, hold_client, meeting
FROM appointment
WHERE id = %(id)s
  AND (%(only_patient)s::uuid IS NULL OR patient_id = %(only_patient)s::uuid)
  AND (%(only_provider)s::uuid IS NULL OR provider_id = %(only_provider)s::uuid)
  AND (%(only_clinics)s::uuid[] IS NULL OR clinic_id = ANY (%(only_clinics)s::uuid[]));

-- name: lock_appointment
-- Those who change one appointment come one after the other; taken before anything is read, and before any other lock.
SELECT pg_advisory_xact_lock(hashtextextended('appointment:' || %(id)s::text, 0));

-- name: lock_row
-- The version under the row's lock; taken after the locks of its keys.
SELECT version, status, provider_id, clinic_id, room_id, lower(during) AS start FROM appointment WHERE id = %(id)s FOR UPDATE;

-- name: list_appointments
-- A page in the order of start and id. A date means midnight in the clinic's zone. Holds only when asked for by status;
-- one that was given back keeps `hold_expires_at`, and was no visit that was cancelled.
-- The clinics' midnights are made first: compared with a bare column, an instant may use the index (ADR-0021).
WITH local AS MATERIALIZED (
    SELECT id AS clinic_id, local_instant(%(from_on)s::date::timestamp, time_zone) AS from_at,
           local_instant(%(to_on)s::date::timestamp, time_zone) AS to_at
    FROM clinic
    WHERE %(clinic_id)s::uuid IS NULL OR id = %(clinic_id)s::uuid
)
SELECT a.id, a.status, a.version, a.provider_id, a.patient_id, a.clinic_id, a.room_id, a.visit_type_id,
       lower(a.during) AS start, upper(a.during) AS "end", a.mode, a.reason, a.override_reason, a.status_reason, a.lane,
       a.hold_expires_at, a.created_at, a.changed_at, a.meeting
FROM appointment a
JOIN local l ON l.clinic_id = a.clinic_id
WHERE (%(only_patient)s::uuid IS NULL OR a.patient_id = %(only_patient)s::uuid)
  AND (%(only_provider)s::uuid IS NULL OR a.provider_id = %(only_provider)s::uuid)
  AND (%(only_clinics)s::uuid[] IS NULL OR a.clinic_id = ANY (%(only_clinics)s::uuid[]))
  AND (%(provider_id)s::uuid IS NULL OR a.provider_id = %(provider_id)s::uuid)
  AND (%(patient_id)s::uuid IS NULL OR a.patient_id = %(patient_id)s::uuid)
  AND (%(clinic_id)s::uuid IS NULL OR a.clinic_id = %(clinic_id)s::uuid)
  AND CASE WHEN %(status)s::text[] IS NULL THEN a.status NOT IN ('held', 'expired') AND a.capacity IS NULL
           ELSE a.status = ANY (%(status)s::text[]) END
  AND (a.hold_expires_at IS NULL OR a.status <> 'cancelled')
  AND (%(from_at)s::timestamptz IS NULL OR a.start_at >= %(from_at)s::timestamptz)
  AND (%(to_at)s::timestamptz IS NULL OR a.start_at < %(to_at)s::timestamptz)
  AND (%(from_on)s::date IS NULL OR a.start_at >= l.from_at)
  AND (%(to_on)s::date IS NULL OR a.start_at < l.to_at)
  AND (%(after_start)s::timestamptz IS NULL
       OR (a.start_at, a.id) > (%(after_start)s::timestamptz, %(after_id)s::uuid))
ORDER BY a.start_at, a.id
LIMIT %(limit)s;

-- name: take_hold
-- Turn a hold into an appointment, needing the locks of its keys and of the patient.
UPDATE appointment
SET status = 'scheduled', patient_id = %(patient_id)s, reason = %(reason)s, mode = coalesce(%(mode)s::text, mode),
    hold_expires_at = NULL, changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(id)s;

-- name: move
-- Release the old time and claim the new one at once; needs the locks of all keys, old and new.
UPDATE appointment
SET provider_id = %(provider_id)s, clinic_id = %(clinic_id)s, room_id = %(room_id)s, during = %(during)s, claims = %(claims)s,
    reason = %(reason)s, override_reason = %(override_reason)s, overridden = %(overridden)s::text[], lane = %(lane)s,
    changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(id)s;

-- name: edit
-- Change what claims nothing.
UPDATE appointment SET reason = %(reason)s, changed_by = %(changed_by)s, request_id = %(request_id)s WHERE id = %(id)s;

-- name: step
-- One step of the state machine; the database refuses a step that does not exist.
UPDATE appointment
SET status = %(status)s, status_reason = coalesce(%(status_reason)s::text, status_reason),
    changed_by = %(changed_by)s, request_id = %(request_id)s
WHERE id = %(id)s;

-- name: history
-- Every version that changed status, time, provider or room. Who did it is for the desk and the provider to know.
SELECT version, from_status, to_status, provider_id, clinic_id, room_id, lower(during) AS start, upper(during) AS "end",
       reason, at, CASE WHEN %(show_actor)s OR changed_by = %(user_id)s THEN changed_by END AS changed_by
FROM appointment_history
WHERE appointment_id = %(id)s
ORDER BY version;

-- name: may_book_for
-- Whether the patient exists and lies within the caller's reach.
SELECT EXISTS (
    SELECT FROM patient p
    WHERE p.id = %(patient_id)s
      AND (%(only_patient)s::uuid IS NULL OR p.id = %(only_patient)s::uuid)
      AND (%(only_care_of)s::uuid IS NULL OR in_care(%(only_care_of)s::uuid, p.id))
      AND (%(only_clinics)s::uuid[] IS NULL OR of_clinics(%(only_clinics)s::uuid[], p.id))) AS allowed;
