-- name: plans
-- The working time of some providers as every start of a visit type on the local days [from_on, to_on) of each clinic,
-- whatever is booked and whatever the clock says: on the grid that counts elapsed minutes from each session's start, the
-- visit inside working time minus closures. A row a provider, the starts as parallel arrays: seconds since 1970, the
-- same of the clinic's wall clock, and the place in `clinics`. `version` is of the same snapshot.
-- `length_s`: of a visit with a length of its own; NULL: as the type says.
-- The sessions are read from a day earlier, because one of the evening before may reach past midnight.
SELECT p.id AS provider_id, v.duration_min, v.buffer_before_min, v.buffer_after_min, v.min_notice_min, v.horizon_days,
       v.self_bookable, v.max_per_day, v.one_future_per_provider, v.room_kind, v.mode, g.starts, g.wall, g.place, g.clinics, g.zones, g.next_release,
       o.owners, coalesce((SELECT sum(version) FROM plan_version WHERE owner = ANY (o.owners)), 0)::bigint AS version,
       ARRAY(SELECT r.id FROM room r WHERE lower(r.kind) = lower(v.room_kind) AND r.active AND r.clinic_id = ANY (o.owners) ORDER BY r.id)
           AS rooms,
       ARRAY(SELECT array_position(g.clinics, r.clinic_id) FROM room r
             WHERE lower(r.kind) = lower(v.room_kind) AND r.active AND r.clinic_id = ANY (o.owners) ORDER BY r.id) AS room_places
FROM visit_type v
JOIN provider p ON p.id = ANY (%(provider_ids)s::uuid[])
CROSS JOIN LATERAL (
    SELECT ARRAY[p.id, v.id] || ARRAY(SELECT clinic_id FROM schedule WHERE provider_id = p.id
                                      UNION SELECT clinic_id FROM schedule_exception
                                            WHERE provider_id = p.id AND kind = 'extra_session') AS owners
) AS o
CROSS JOIN LATERAL (
    WITH session AS MATERIALIZED (
        SELECT s.clinic_id, s.time_zone, s.during, s.release_at,
               s.visit_type_ids IS NULL OR v.id = ANY (s.visit_type_ids) OR coalesce(s.release_at <= %(now)s, false) AS open
        FROM working_session(p.id, %(from_on)s::date - 1, %(to_on)s::date) s
        WHERE p.active AND v.active AND v.capacity = 1
          AND (NOT EXISTS (SELECT FROM provider_visit_type WHERE provider_id = p.id)
               OR EXISTS (SELECT FROM provider_visit_type t WHERE t.provider_id = p.id AND t.visit_type_id = v.id))
    ), hours AS MATERIALIZED (
        SELECT clinic_id, time_zone, range_agg(during) - closed_time(p.id, clinic_id, range_merge(range_agg(during))) AS open
        FROM session
        WHERE open
        GROUP BY clinic_id, time_zone
    ), slot AS (
        SELECT DISTINCT at.start, s.clinic_id, s.time_zone, at.start AT TIME ZONE s.time_zone AS wall
        FROM session s
        JOIN hours h USING (clinic_id)
        CROSS JOIN LATERAL generate_series(lower(s.during), upper(s.during) - interval '1 second',
                                           make_interval(mins => v.slot_step_min)) AS at (start)
        WHERE s.open
          AND tstzrange(at.start, at.start + make_interval(secs => coalesce(%(length_s)s::integer, 60 * v.duration_min)))
              <@ h.open
          AND (at.start AT TIME ZONE s.time_zone)::date >= %(from_on)s::date
          AND (at.start AT TIME ZONE s.time_zone)::date < %(to_on)s::date
    ), place AS MATERIALIZED (
        SELECT array_agg(clinic_id ORDER BY clinic_id) AS clinics, array_agg(time_zone ORDER BY clinic_id) AS zones
        FROM hours
    )
    SELECT place.clinics, place.zones,
           (SELECT min(release_at) FROM session WHERE NOT open) AS next_release,
           array_agg(extract(epoch FROM slot.start)::bigint ORDER BY slot.start, slot.clinic_id) AS starts,
           array_agg(extract(epoch FROM slot.wall)::bigint ORDER BY slot.start, slot.clinic_id) AS wall,
           array_agg(array_position(place.clinics, slot.clinic_id) - 1 ORDER BY slot.start, slot.clinic_id) AS place
    FROM place LEFT JOIN slot ON true
    GROUP BY place.clinics, place.zones
) AS g
WHERE v.id = %(visit_type_id)s;

-- name: booked
-- What the book takes of providers, and the number to trust the plan of these owners by, in one snapshot. Edges are
-- seconds since 1970. Overdue holds take nothing. Beside an overbooked visit no time is free either, so lanes are not
-- told apart.
SELECT a.n, b.opens, b.closes,
       (SELECT coalesce(sum(v.version), 0)::bigint FROM plan_version v WHERE v.owner = ANY (a.owners)) AS version
FROM jsonb_to_recordset(%(asked)s::jsonb) AS a (n integer, provider_id uuid, owners uuid[], span tstzrange)
CROSS JOIN LATERAL (
    SELECT array_agg(date_part('epoch', lower(claims))) AS opens, array_agg(date_part('epoch', upper(claims))) AS closes
    FROM taken
    WHERE provider_id = a.provider_id AND claims && a.span AND session_id IS NULL
      AND NOT (status = 'held' AND hold_expires_at <= %(now)s)
) AS b;

-- name: rooms_booked
-- The same of rooms.
SELECT room_id, array_agg(date_part('epoch', lower(claims))) AS opens, array_agg(date_part('epoch', upper(claims))) AS closes
FROM taken
WHERE room_id = ANY (%(rooms)s::uuid[]) AND claims && %(span)s::tstzrange AND room_id IS NOT NULL AND session_id IS NULL
  AND NOT (status = 'held' AND hold_expires_at <= %(now)s)
GROUP BY room_id;

-- name: full_days
-- The local days on which a provider has as many visits of the type as are allowed; `but`: one that does not count.
SELECT a.provider_id, (a.start_at AT TIME ZONE c.time_zone)::date AS day
FROM taken a
JOIN clinic c ON c.id = a.clinic_id
WHERE a.provider_id = ANY (%(provider_ids)s::uuid[]) AND a.visit_type_id = %(visit_type_id)s AND a.session_id IS NULL
  AND a.start_at >= lower(%(span)s::tstzrange) - interval '50 hours'
  AND a.start_at < upper(%(span)s::tstzrange) + interval '50 hours'
  AND NOT (a.status = 'held' AND a.hold_expires_at <= %(now)s) AND a.id IS DISTINCT FROM %(but)s::uuid
GROUP BY 1, 2
HAVING count(*) >= %(most)s;

-- name: candidates
-- Who might be booked for a visit type: active providers that offer it, of a specialty and at a clinic when these are given.
SELECT p.id
FROM provider p
WHERE p.active
  AND (%(specialty_id)s::uuid IS NULL
       OR EXISTS (SELECT FROM provider_specialty s WHERE s.provider_id = p.id AND s.specialty_id = %(specialty_id)s::uuid))
  AND (NOT EXISTS (SELECT FROM provider_visit_type WHERE provider_id = p.id)
       OR EXISTS (SELECT FROM provider_visit_type t WHERE t.provider_id = p.id AND t.visit_type_id = %(visit_type_id)s))
  AND EXISTS (SELECT FROM schedule s WHERE s.provider_id = p.id AND (%(clinic_id)s::uuid IS NULL OR s.clinic_id = %(clinic_id)s::uuid)
              UNION ALL
              SELECT FROM schedule_exception e
              WHERE e.provider_id = p.id AND e.kind = 'extra_session'
                AND (%(clinic_id)s::uuid IS NULL OR e.clinic_id = %(clinic_id)s::uuid))
ORDER BY p.id;

-- name: specialty_named
-- A specialty by id or by name.
SELECT id FROM specialty WHERE id::text = %(specialty)s OR fold(name) = fold(%(specialty)s);

-- name: judge
-- Everything the rules say about one start, whatever is booked: the visit's measures, and a verdict for each rule.
-- `length_s`: of a visit with a length of its own; NULL: as its type says.
WITH asked AS (
    SELECT v.*, %(start)s::timestamptz AS start, c.id AS clinic, c.time_zone, c.active AS clinic_active,
           p.id AS provider, p.active AS provider_active, p.accepting_new_patients,
           tstzrange(%(start)s::timestamptz, %(start)s::timestamptz
                     + make_interval(secs => coalesce(%(length_s)s::float8, 60 * v.duration_min))) AS during
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
       a.room_kind, a.mode, a.time_zone, a.max_per_day IS NOT NULL OR a.one_future_per_provider AS limited,
       a.provider_active, a.clinic_active, a.active AS visit_type_active, a.capacity > 1 AS is_group,
       a.self_bookable OR NOT %(self_booking)s AS open_to_caller,
       NOT EXISTS (SELECT FROM provider_visit_type WHERE provider_id = a.provider)
           OR EXISTS (SELECT FROM provider_visit_type t WHERE t.provider_id = a.provider AND t.visit_type_id = a.id) AS offered,
       a.room_kind IS NULL
           OR EXISTS (SELECT FROM room r WHERE r.clinic_id = a.clinic AND lower(r.kind) = lower(a.room_kind) AND r.active) AS has_room,
       a.during <@ (SELECT coalesce(range_agg(s.during), '{}') FROM session s) AS in_session,
       a.during <@ (SELECT coalesce(range_agg(s.during), '{}') FROM session s WHERE s.open) AS in_open_session,
       a.during && closed_time(a.provider, a.clinic, a.during) AS closed,
       coalesce((SELECT bool_or(mod(extract(epoch FROM a.start - lower(s.during)), 60 * a.slot_step_min) = 0)
                 FROM session s WHERE s.open AND s.during @> a.start), true) AS on_grid,
       a.start >= %(now)s AS ahead,
       a.start >= %(now)s + make_interval(mins => a.min_notice_min) AS notice_kept,
       a.start <= %(now)s + make_interval(hours => 24 * a.horizon_days) AS within_horizon,
       a.accepting_new_patients OR %(patient_id)s::uuid IS NULL OR has_seen(a.provider, %(patient_id)s::uuid) AS patient_accepted,
       %(patient_id)s::uuid IS NULL OR patient_active(%(patient_id)s::uuid) AS patient_active
FROM asked a;

-- name: known
-- Which of the three exist, to tell the caller what was not found.
SELECT %(provider_id)s::uuid IS NULL OR EXISTS (SELECT FROM provider WHERE id = %(provider_id)s::uuid) AS provider,
       EXISTS (SELECT FROM visit_type WHERE id = %(visit_type_id)s) AS visit_type,
       %(clinic_id)s::uuid IS NULL OR EXISTS (SELECT FROM clinic WHERE id = %(clinic_id)s::uuid) AS clinic;

-- name: blockers
-- What is booked or held in the way of a claim: of the provider, the patient or (all rooms of the kind) the room.
SELECT 'provider' AS resource
WHERE %(claims)s::tstzrange && provider_busy(%(provider_id)s, %(claims)s::tstzrange, %(now)s)
UNION ALL
SELECT 'patient'
WHERE EXISTS (SELECT FROM patient_taken(%(patient_id)s::uuid, %(during)s::tstzrange, %(now)s))
UNION ALL
SELECT 'room'
WHERE EXISTS (SELECT FROM room r WHERE r.clinic_id = %(clinic_id)s AND lower(r.kind) = lower(%(room_kind)s::text) AND r.active)
  AND NOT EXISTS (SELECT FROM room r WHERE r.clinic_id = %(clinic_id)s AND lower(r.kind) = lower(%(room_kind)s::text) AND r.active
                  AND NOT %(claims)s::tstzrange && room_busy(r.id, %(claims)s::tstzrange, %(now)s));

-- name: patient_side
-- What keeps one patient from slots that are free: that a provider does not accept them, that they have a future visit
-- there and the visit type allows one, and what they have booked or held themselves within `span` (visits, no buffers);
-- but for `own`, the time of a visit that moves: no other of theirs overlaps it.
SELECT p.id AS provider_id,
       patient_active(%(patient_id)s) AND (p.accepting_new_patients OR has_seen(p.id, %(patient_id)s)) AS accepted,
       NOT v.one_future_per_provider OR NOT will_see(p.id, %(patient_id)s, %(now)s) AS within_limit,
       (SELECT coalesce(range_agg(t.during), '{}') - coalesce(tstzmultirange(%(own)s::tstzrange), '{}')
        FROM patient_taken(%(patient_id)s, %(span)s::tstzrange, %(now)s) AS t (during)) AS busy
FROM provider p, visit_type v
WHERE p.id = ANY (%(provider_ids)s::uuid[]) AND v.id = %(visit_type_id)s;

-- name: lock_limits
-- Those who might break the same limit come one after the other, until commit.
SELECT lock_limits(%(visit_type_id)s, %(provider_id)s, %(patient_id)s::uuid, %(clinic_id)s, %(start)s);

-- name: broken_limits
-- The limits that one more visit would break.
SELECT broken_limits(%(visit_type_id)s, %(provider_id)s, %(patient_id)s::uuid, %(clinic_id)s, %(start)s,
                     %(except_id)s::uuid, %(now)s) AS broken;

-- name: local_day
-- The local day of an instant at a clinic, from midnight to midnight.
SELECT local_instant(day::timestamp, time_zone) AS start, local_instant(day + interval '1 day', time_zone) AS "end"
FROM (SELECT (%(start)s::timestamptz AT TIME ZONE time_zone)::date AS day, time_zone FROM clinic WHERE id = %(clinic_id)s) AS c;

-- name: this_database
-- What tells this database from all others, and from itself before it was restored, promoted or migrated.
SELECT concat_ws('.', s.system_identifier, c.timeline_id, d.oid, (SELECT max(name) FROM schema_migration)) AS identity
FROM pg_control_system() s, pg_control_checkpoint() c, pg_database d
WHERE d.datname = current_database();
