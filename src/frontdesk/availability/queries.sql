-- name: free_slots
-- Every bookable start of one provider for one visit type, on the local days [from_on, to_on) of each clinic.
-- Working time minus closures, minus what is booked or held, on the grid that counts elapsed minutes from each
-- session's start; not before the notice, not beyond the horizon, and only while a room of the kind is free.
-- The sessions are read from a day earlier, because one of the evening before may reach past midnight.
WITH visit AS (
    SELECT v.*, make_interval(mins => v.duration_min) AS length, make_interval(mins => v.slot_step_min) AS step,
           make_interval(mins => v.buffer_before_min) AS before, make_interval(mins => v.buffer_after_min) AS after
    FROM visit_type v
    WHERE v.id = %(visit_type_id)s AND v.active AND v.capacity = 1 AND (v.self_bookable OR NOT %(self_booking)s)
), session AS (
    SELECT s.clinic_id, s.time_zone, s.during,
           s.visit_type_ids IS NULL OR v.id = ANY (s.visit_type_ids) OR coalesce(s.release_at <= %(now)s, false) AS open
    FROM visit v, provider p, working_session(p.id, %(from_on)s::date - 1, %(to_on)s::date, %(clinic_id)s::uuid) s
    WHERE p.id = %(provider_id)s AND p.active
      AND (NOT EXISTS (SELECT FROM provider_visit_type WHERE provider_id = p.id)
           OR EXISTS (SELECT FROM provider_visit_type t WHERE t.provider_id = p.id AND t.visit_type_id = v.id))
), span AS (
    SELECT tstzrange(min(lower(during)) - interval '1 day', max(upper(during)) + interval '1 day') AS whole FROM session
), hours AS (
    SELECT clinic_id, range_agg(during) - closed_time(%(provider_id)s, clinic_id, (SELECT whole FROM span)) AS open,
           greatest(local_instant(%(from_on)s::date::timestamp, time_zone), %(now)s + make_interval(mins => v.min_notice_min))
               AS from_at,
           local_instant(%(to_on)s::date::timestamp, time_zone) AS to_at
    FROM session, visit v
    WHERE open
    GROUP BY clinic_id, time_zone, v.min_notice_min
), taken AS MATERIALIZED (
    SELECT provider_busy(%(provider_id)s, (SELECT whole FROM span), %(now)s) AS busy
), rooms AS MATERIALIZED (
    SELECT r.clinic_id, room_busy(r.id, (SELECT whole FROM span), %(now)s) AS busy
    FROM room r, visit v
    WHERE r.kind = v.room_kind AND r.active AND r.clinic_id IN (SELECT clinic_id FROM hours)
)
SELECT DISTINCT slot.start, slot.start + v.length AS "end", s.clinic_id, s.time_zone
FROM visit v
CROSS JOIN taken t
CROSS JOIN session s
JOIN hours h USING (clinic_id)
CROSS JOIN LATERAL generate_series(lower(s.during), upper(s.during) - interval '1 second', v.step) AS slot (start)
CROSS JOIN LATERAL (SELECT tstzrange(slot.start - v.before, slot.start + v.length + v.after) AS claims) AS c
WHERE s.open
  AND tstzrange(slot.start, slot.start + v.length) <@ h.open
  AND NOT c.claims && t.busy
  AND slot.start >= h.from_at AND slot.start < h.to_at
  AND slot.start <= %(now)s + make_interval(hours => 24 * v.horizon_days)
  AND (%(after_time)s::time IS NULL
       OR (slot.start AT TIME ZONE s.time_zone)::time >= %(after_time)s::time
          AND (slot.start AT TIME ZONE s.time_zone)::time < coalesce(%(before_time)s::time, time '24:00'))
  AND (v.room_kind IS NULL OR EXISTS (SELECT FROM rooms r WHERE r.clinic_id = s.clinic_id AND NOT c.claims && r.busy))
ORDER BY slot.start, s.clinic_id;

-- name: judge
-- Everything the rules say about one start, whatever is booked: the visit's measures, and a verdict for each rule.
WITH asked AS (
    SELECT v.*, %(start)s::timestamptz AS start, make_interval(mins => v.duration_min) AS length,
           c.id AS clinic, c.time_zone, c.active AS clinic_active,
           p.id AS provider, p.active AS provider_active, p.accepting_new_patients,
           tstzrange(%(start)s::timestamptz, %(start)s::timestamptz + make_interval(mins => v.duration_min)) AS during
    FROM visit_type v, provider p, clinic c
    WHERE v.id = %(visit_type_id)s AND p.id = %(provider_id)s AND c.id = %(clinic_id)s
), session AS (
    -- One day more on either side: the session may have begun yesterday, and an adjoining one may begin tomorrow.
    SELECT s.during,
           s.visit_type_ids IS NULL OR a.id = ANY (s.visit_type_ids) OR coalesce(s.release_at <= %(now)s, false) AS open
    FROM asked a, working_session(a.provider, (a.start AT TIME ZONE a.time_zone)::date - 1,
                                  (a.start AT TIME ZONE a.time_zone)::date + 1, a.clinic) s
)
SELECT a.during, tstzrange(lower(a.during) - make_interval(mins => a.buffer_before_min),
                           upper(a.during) + make_interval(mins => a.buffer_after_min)) AS claims,
       a.room_kind, a.mode, a.time_zone, a.min_notice_min, a.horizon_days,
       a.provider_active, a.clinic_active, a.active AS visit_type_active, a.capacity > 1 AS is_group,
       a.self_bookable OR NOT %(self_booking)s AS open_to_caller,
       NOT EXISTS (SELECT FROM provider_visit_type WHERE provider_id = a.provider)
           OR EXISTS (SELECT FROM provider_visit_type t WHERE t.provider_id = a.provider AND t.visit_type_id = a.id) AS offered,
       a.room_kind IS NULL
           OR EXISTS (SELECT FROM room r WHERE r.clinic_id = a.clinic AND r.kind = a.room_kind AND r.active) AS has_room,
       a.during <@ (SELECT coalesce(range_agg(s.during), '{}') FROM session s) AS in_session,
       a.during <@ (SELECT coalesce(range_agg(s.during), '{}') FROM session s WHERE s.open) AS in_open_session,
       a.during && closed_time(a.provider, a.clinic, a.during) AS closed,
       coalesce((SELECT bool_or(mod(extract(epoch FROM a.start - lower(s.during)), 60 * a.slot_step_min) = 0)
                 FROM session s WHERE s.open AND s.during @> a.start), true) AS on_grid,
       a.start >= %(now)s AS ahead,
       a.start >= %(now)s + make_interval(mins => a.min_notice_min) AS notice_kept,
       a.start <= %(now)s + make_interval(hours => 24 * a.horizon_days) AS within_horizon,
       a.accepting_new_patients OR %(patient_id)s::uuid IS NULL
           OR EXISTS (SELECT FROM appointment e
                      WHERE e.provider_id = a.provider AND e.patient_id = %(patient_id)s::uuid
                        AND e.status IN ('completed', 'in_progress', 'checked_in')) AS patient_accepted,
       %(patient_id)s::uuid IS NULL
           OR EXISTS (SELECT FROM patient WHERE id = %(patient_id)s::uuid AND active) AS patient_active
FROM asked a;

-- name: known
-- Which of the three exist, to tell the caller what was not found.
SELECT EXISTS (SELECT FROM provider WHERE id = %(provider_id)s) AS provider,
       EXISTS (SELECT FROM visit_type WHERE id = %(visit_type_id)s) AS visit_type,
       %(clinic_id)s::uuid IS NULL OR EXISTS (SELECT FROM clinic WHERE id = %(clinic_id)s::uuid) AS clinic;

-- name: blockers
-- What is booked or held in the way of a claim: of the provider, the patient or (all rooms of the kind) the room.
SELECT 'provider' AS resource
WHERE %(claims)s::tstzrange && provider_busy(%(provider_id)s, %(claims)s::tstzrange, %(now)s)
UNION ALL
SELECT 'patient'
WHERE EXISTS (SELECT FROM appointment a
              WHERE a.patient_id = %(patient_id)s::uuid AND a.during && %(during)s::tstzrange
                AND a.status NOT IN ('cancelled', 'no_show', 'expired') AND a.patient_id IS NOT NULL
                AND NOT (a.status = 'held' AND a.hold_expires_at <= %(now)s))
UNION ALL
SELECT 'room'
WHERE %(room_kind)s::text IS NOT NULL
  AND NOT EXISTS (SELECT FROM room r WHERE r.clinic_id = %(clinic_id)s AND r.kind = %(room_kind)s::text AND r.active
                  AND NOT %(claims)s::tstzrange && room_busy(r.id, %(claims)s::tstzrange, %(now)s));

-- name: patient_side
-- What keeps one patient from slots that are free: that the provider takes no new patients, and what they have booked or
-- held themselves within `span`. The visits alone: buffers are the provider's and the room's.
SELECT p.accepting_new_patients
           OR EXISTS (SELECT FROM appointment e
                      WHERE e.provider_id = p.id AND e.patient_id = %(patient_id)s
                        AND e.status IN ('completed', 'in_progress', 'checked_in')) AS accepted,
       (SELECT coalesce(range_agg(a.during), '{}')
        FROM appointment a
        WHERE a.patient_id = %(patient_id)s AND a.during && %(span)s::tstzrange
          AND a.status NOT IN ('cancelled', 'no_show', 'expired') AND a.patient_id IS NOT NULL
          AND NOT (a.status = 'held' AND a.hold_expires_at <= %(now)s)) AS busy
FROM provider p
WHERE p.id = %(provider_id)s;
