-- When providers work: weekly rules in clinic local time, exceptions and closures as instants.

-- A session of one weekday. `end_time` at or before `start_time` is on the next day; 00:00 to 00:00 is the whole day.
CREATE TABLE schedule (
    id              uuid PRIMARY KEY,
    provider_id     uuid NOT NULL REFERENCES provider,
    clinic_id       uuid NOT NULL REFERENCES clinic,
    weekday         smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7),  -- ISO: 1 = Monday
    start_time      time NOT NULL,
    end_time        time NOT NULL,
    effective_from  date NOT NULL,
    effective_until date,  -- the last day, inclusive; NULL: open end
    interval_weeks  smallint NOT NULL DEFAULT 1 CHECK (interval_weeks BETWEEN 1 AND 52),  -- from the ISO week of effective_from
    visit_type_ids  uuid[] CHECK (visit_type_ids <> '{}'),  -- a carve-out: only these, until it is released
    release_hours   integer CHECK (release_hours BETWEEN 0 AND 8760),  -- a carve-out opens to all so long before it starts
    created_at      timestamptz NOT NULL DEFAULT now(),
    changed_by      uuid NOT NULL,
    request_id      uuid NOT NULL,
    CONSTRAINT schedule_not_empty CHECK (start_time <> end_time OR start_time = '00:00'),
    CONSTRAINT schedule_dates_in_order CHECK (effective_until >= effective_from),
    CONSTRAINT schedule_release_needs_types CHECK (release_hours IS NULL OR visit_type_ids IS NOT NULL)
);
CREATE INDEX schedule_of ON schedule (provider_id);

CREATE TABLE schedule_exception (
    id             uuid PRIMARY KEY,
    provider_id    uuid NOT NULL REFERENCES provider,
    kind           text NOT NULL CHECK (kind IN ('time_off', 'extra_session')),
    clinic_id      uuid REFERENCES clinic,  -- time off without a clinic counts everywhere
    during         tstzrange NOT NULL CHECK (NOT isempty(during) AND NOT lower_inf(during) AND NOT upper_inf(during)),
    status         text NOT NULL CHECK (status IN ('requested', 'approved', 'declined')),
    visit_type_ids uuid[] CHECK (visit_type_ids <> '{}'),
    reason         text,
    version        integer NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL DEFAULT now(),
    changed_at     timestamptz NOT NULL DEFAULT now(),
    changed_by     uuid NOT NULL,
    request_id     uuid NOT NULL,
    CONSTRAINT schedule_exception_session_has_clinic CHECK (kind <> 'extra_session' OR clinic_id IS NOT NULL)
);
CREATE INDEX schedule_exception_of ON schedule_exception USING gist (provider_id, during);

CREATE TABLE closure (
    id         uuid PRIMARY KEY,
    clinic_id  uuid NOT NULL REFERENCES clinic,
    during     tstzrange NOT NULL CHECK (NOT isempty(during) AND NOT lower_inf(during) AND NOT upper_inf(during)),
    reason     text,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_by uuid NOT NULL,
    request_id uuid NOT NULL,
    CONSTRAINT closure_once EXCLUDE USING gist (clinic_id WITH =, during WITH =)
);
CREATE INDEX closure_of ON closure USING gist (clinic_id, during);

-- The sessions of a provider that start on the local days `first` to `last` (both inclusive), weekly rules and extra
-- sessions alike, before anything is taken away. `release_at`: from then on a carve-out is open to every visit type.
CREATE FUNCTION working_session(of_provider uuid, first date, last date, at_clinic uuid DEFAULT NULL)
    RETURNS TABLE (clinic_id uuid, time_zone text, during tstzrange, visit_type_ids uuid[], release_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.clinic_id, c.time_zone, tstzrange(edge.opens, edge.closes), s.visit_type_ids,
           edge.opens - make_interval(hours => s.release_hours)
    FROM schedule s
    JOIN clinic c ON c.id = s.clinic_id
    CROSS JOIN LATERAL (SELECT greatest(first, s.effective_from) AS day) AS begins
    CROSS JOIN LATERAL (
        SELECT begins.day + (s.weekday - extract(isodow FROM begins.day)::integer + 7) % 7 + 7 * week AS day
        FROM generate_series(0, (least(last, s.effective_until) - begins.day) / 7) AS week
    ) AS held
    CROSS JOIN LATERAL (
        SELECT local_instant(held.day + s.start_time, c.time_zone) AS opens,
               local_instant(held.day + CASE WHEN s.end_time <= s.start_time THEN 1 ELSE 0 END + s.end_time, c.time_zone) AS closes
        OFFSET 0  -- a fence: without it each use of an edge works it out again
    ) AS edge
    WHERE s.provider_id = of_provider
      AND (at_clinic IS NULL OR s.clinic_id = at_clinic)
      AND c.active
      AND held.day <= least(last, s.effective_until)
      AND (s.interval_weeks = 1
           OR ((date_trunc('week', held.day::timestamp)::date - date_trunc('week', s.effective_from::timestamp)::date) / 7)
              % s.interval_weeks = 0)
      AND edge.opens < edge.closes
    UNION ALL
    SELECT e.clinic_id, c.time_zone, e.during, e.visit_type_ids, NULL
    FROM schedule_exception e
    JOIN clinic c ON c.id = e.clinic_id
    WHERE e.provider_id = of_provider
      AND (at_clinic IS NULL OR e.clinic_id = at_clinic)
      AND c.active
      AND e.kind = 'extra_session' AND e.status = 'approved'
      AND (lower(e.during) AT TIME ZONE c.time_zone)::date BETWEEN first AND last;
END;

-- What is taken away from a provider's working time at a clinic within `span`: approved time off and closures.
CREATE FUNCTION closed_time(of_provider uuid, at_clinic uuid, span tstzrange) RETURNS tstzmultirange
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT coalesce(range_agg(away.during), '{}')
        FROM (
            SELECT e.during
            FROM schedule_exception e
            WHERE e.provider_id = of_provider AND e.during && span
              AND e.kind = 'time_off' AND e.status = 'approved'
              AND (e.clinic_id IS NULL OR e.clinic_id = at_clinic)
            UNION ALL
            SELECT c.during FROM closure c WHERE c.clinic_id = at_clinic AND c.during && span
        ) AS away
    );
