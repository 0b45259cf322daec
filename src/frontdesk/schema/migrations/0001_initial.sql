-- What every table stands on: extensions, time, and the audit trail.

CREATE EXTENSION IF NOT EXISTS btree_gist;  -- uuid and smallint beside ranges in exclusion constraints
CREATE EXTENSION IF NOT EXISTS pg_trgm;     -- patient and provider search
CREATE EXTENSION IF NOT EXISTS unaccent;    -- "Muller" finds "Müller"

-- The form in which names are compared: lower case, no accents. IMMUTABLE so that an index can hold it;
-- it is, as long as nobody edits the unaccent dictionary.
CREATE FUNCTION fold(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN lower(public.unaccent('public.unaccent'::regdictionary, value));

-- The first instant at which a wall clock in `zone` shows `local` or later.
-- One rule for all days: an ordinary local time is its one instant, one that exists twice is the first of the two,
-- one that a change of clocks skips is the first instant after the gap. AT TIME ZONE alone takes the second of two
-- equal local times and shifts a skipped one by the length of the gap (ADR-0008).
CREATE FUNCTION local_instant(local timestamp, zone text) RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE STRICT AS $$
DECLARE
    guess  constant timestamptz := local AT TIME ZONE zone;
    day    constant interval := '24 hours';
    before interval;
    after  interval;
    early  timestamptz;
    late   timestamptz;
    middle timestamptz;
BEGIN
    -- No change of clocks within a day: nearly always.
    IF (guess - day) AT TIME ZONE zone = local - day AND (guess + day) AT TIME ZONE zone = local + day THEN
        RETURN guess;
    END IF;
    before := ((guess - day) AT TIME ZONE zone) - ((guess - day) AT TIME ZONE 'UTC');
    after := ((guess + day) AT TIME ZONE zone) - ((guess + day) AT TIME ZONE 'UTC');
    early := (local - greatest(before, after)) AT TIME ZONE 'UTC';
    late := (local - least(before, after)) AT TIME ZONE 'UTC';
    IF early AT TIME ZONE zone = local THEN
        RETURN early;
    ELSIF late AT TIME ZONE zone = local THEN
        RETURN late;
    END IF;
    -- `local` is skipped: the clocks change between `early` (still before) and `late` (already past it).
    WHILE late - early > interval '1 second' LOOP
        middle := date_trunc('second', early + (late - early) / 2);
        IF middle AT TIME ZONE zone >= local THEN
            late := middle;
        ELSE
            early := middle;
        END IF;
    END LOOP;
    RETURN late;
END
$$;

-- Who did what to which row, written by the trigger below and by nothing else.
CREATE TABLE audit_entry (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    tx         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    table_name text NOT NULL,
    row_id     text NOT NULL,
    action     text NOT NULL CHECK (action IN ('INSERT', 'UPDATE', 'DELETE')),
    actor      uuid,            -- a user's id, or one of the reserved actors; NULL only for a DELETE made by hand
    request_id uuid,
    db_user    text NOT NULL DEFAULT session_user,
    old        jsonb,
    new        jsonb
);
CREATE INDEX audit_entry_row ON audit_entry (row_id, id);

-- audit(key, hidden): one entry a row. `key` is the column that names the row, `hidden` an array of columns whose
-- values stay out of the trail (secrets). The actor is a column of the row, so one transaction may carry rows of several
-- actors; a DELETE has no such column to read, so the deleting transaction says who it is in frontdesk.actor.
CREATE FUNCTION audit() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    hidden constant text[] := coalesce(TG_ARGV[1], '{}')::text[];
    was    jsonb;
    is_now jsonb;
BEGIN
    IF TG_OP = 'DELETE' THEN
        was := to_jsonb(OLD) - hidden;
        INSERT INTO audit_entry (table_name, row_id, action, actor, request_id, old)
        VALUES (TG_TABLE_NAME, was ->> TG_ARGV[0], TG_OP,
                nullif(current_setting('frontdesk.actor', true), '')::uuid,
                nullif(current_setting('frontdesk.request_id', true), '')::uuid, was);
        RETURN NULL;
    END IF;
    is_now := to_jsonb(NEW) - hidden;
    IF TG_OP = 'UPDATE' THEN
        was := to_jsonb(OLD) - hidden;
    END IF;
    INSERT INTO audit_entry (table_name, row_id, action, actor, request_id, old, new)
    VALUES (TG_TABLE_NAME, is_now ->> TG_ARGV[0], TG_OP, NEW.changed_by, NEW.request_id, was, is_now);
    RETURN NULL;
END
$$;

-- For tables that only grow: the audit trail and the status history.
CREATE FUNCTION refuse_change() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Every UPDATE makes a new version; If-Match compares it.
CREATE FUNCTION next_version() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.created_at := OLD.created_at;
    NEW.changed_at := now();
    RETURN NEW;
END
$$;
-- Clinics, rooms, specialties and visit types: what rarely changes and everybody may read.
-- `changed_by` and `request_id` on every table say who wrote the row and in which request; the audit trail reads them.

CREATE TABLE clinic (
    id         uuid PRIMARY KEY,
    name       text NOT NULL CHECK (name <> ''),
    time_zone  text NOT NULL,  -- IANA name: every local rule of the clinic is read in it
    country    text CHECK (country ~ '^[A-Z]{2}$'),  -- ISO 3166-1 alpha-2
    region     text,           -- ISO 3166-2 subdivision without the country, for public holidays
    address    text,
    phone      text,
    latitude   double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude  double precision CHECK (longitude BETWEEN -180 AND 180),
    active     boolean NOT NULL DEFAULT true,
    version    integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by uuid NOT NULL,
    request_id uuid NOT NULL
);

-- A CHECK cannot ask pg_timezone_names; this can. POSIX strings such as 'FOO+3' are zones to PostgreSQL, not to us.
CREATE FUNCTION clinic_zone_exists() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_timezone_names WHERE name = NEW.time_zone) THEN
        RAISE EXCEPTION 'unknown time zone' USING ERRCODE = 'check_violation', CONSTRAINT = 'clinic_time_zone_known';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER clinic_time_zone_known BEFORE INSERT OR UPDATE OF time_zone ON clinic
    FOR EACH ROW EXECUTE FUNCTION clinic_zone_exists();

CREATE TABLE room (
    id         uuid PRIMARY KEY,
    clinic_id  uuid NOT NULL REFERENCES clinic,
    name       text NOT NULL CHECK (name <> ''),
    kind       text NOT NULL DEFAULT 'consultation' CHECK (kind <> ''),
    active     boolean NOT NULL DEFAULT true,
    version    integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by uuid NOT NULL,
    request_id uuid NOT NULL,
    CONSTRAINT room_name_once UNIQUE (clinic_id, name),
    CONSTRAINT room_of_clinic UNIQUE (id, clinic_id)  -- lets an appointment prove that its room is in its clinic
);

CREATE TABLE specialty (
    id         uuid PRIMARY KEY,
    name       text NOT NULL CHECK (name <> ''),
    version    integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by uuid NOT NULL,
    request_id uuid NOT NULL
);
CREATE UNIQUE INDEX specialty_name_once ON specialty (fold(name));

CREATE TABLE visit_type (
    id                      uuid PRIMARY KEY,
    name                    text NOT NULL CHECK (name <> ''),
    duration_min            integer NOT NULL CHECK (duration_min BETWEEN 1 AND 1440),
    slot_step_min           integer NOT NULL CHECK (slot_step_min BETWEEN 1 AND 1440),
    buffer_before_min       integer NOT NULL DEFAULT 0 CHECK (buffer_before_min BETWEEN 0 AND 240),
    buffer_after_min        integer NOT NULL DEFAULT 0 CHECK (buffer_after_min BETWEEN 0 AND 240),
    min_notice_min          integer NOT NULL DEFAULT 120 CHECK (min_notice_min BETWEEN 0 AND 525600),
    horizon_days            integer NOT NULL DEFAULT 90 CHECK (horizon_days BETWEEN 1 AND 730),
    max_per_day             integer CHECK (max_per_day > 0),
    one_future_per_provider boolean NOT NULL DEFAULT false,
    mode                    text NOT NULL DEFAULT 'in_person' CHECK (mode IN ('in_person', 'telehealth')),
    room_kind               text CHECK (room_kind <> ''),  -- NULL: needs no room
    self_bookable           boolean NOT NULL DEFAULT true,
    capacity                integer NOT NULL DEFAULT 1 CHECK (capacity BETWEEN 1 AND 200),  -- seats; 1: an ordinary visit
    active                  boolean NOT NULL DEFAULT true,
    version                 integer NOT NULL DEFAULT 1,
    created_at              timestamptz NOT NULL DEFAULT now(),
    changed_at              timestamptz NOT NULL DEFAULT now(),
    changed_by              uuid NOT NULL,
    request_id              uuid NOT NULL
);
-- Providers, patients and users (people who log in).

CREATE TABLE provider (
    id                     uuid PRIMARY KEY,
    first_name             text NOT NULL CHECK (first_name <> ''),
    last_name              text NOT NULL CHECK (last_name <> ''),
    title                  text,
    credentials            text[] NOT NULL DEFAULT '{}',
    license_number         text NOT NULL CHECK (license_number <> ''),
    bio                    text,
    languages              text[] NOT NULL DEFAULT '{}',  -- BCP 47
    accepting_new_patients boolean NOT NULL DEFAULT true, -- false: patients without an earlier visit are refused
    active                 boolean NOT NULL DEFAULT true,
    gender                 text,
    date_of_birth          date,
    email                  text,
    phone                  text,
    address                text,
    photo_url              text,
    version                integer NOT NULL DEFAULT 1,
    created_at             timestamptz NOT NULL DEFAULT now(),
    changed_at             timestamptz NOT NULL DEFAULT now(),
    changed_by             uuid NOT NULL,
    request_id             uuid NOT NULL,
    CONSTRAINT provider_license_once UNIQUE (license_number)
);
CREATE INDEX provider_name ON provider USING gin (fold(first_name || ' ' || last_name) gin_trgm_ops);

CREATE TABLE provider_specialty (
    provider_id  uuid NOT NULL REFERENCES provider,
    specialty_id uuid NOT NULL REFERENCES specialty,
    changed_by   uuid NOT NULL,
    request_id   uuid NOT NULL,
    PRIMARY KEY (provider_id, specialty_id)
);
CREATE INDEX provider_specialty_of ON provider_specialty (specialty_id, provider_id);

CREATE TABLE provider_clinic (
    provider_id uuid NOT NULL REFERENCES provider,
    clinic_id   uuid NOT NULL REFERENCES clinic,
    changed_by  uuid NOT NULL,
    request_id  uuid NOT NULL,
    PRIMARY KEY (provider_id, clinic_id)
);
CREATE INDEX provider_clinic_of ON provider_clinic (clinic_id, provider_id);

-- What a provider can be booked for. A provider without any row here can be booked for every visit type.
CREATE TABLE provider_visit_type (
    provider_id   uuid NOT NULL REFERENCES provider,
    visit_type_id uuid NOT NULL REFERENCES visit_type,
    changed_by    uuid NOT NULL,
    request_id    uuid NOT NULL,
    PRIMARY KEY (provider_id, visit_type_id)
);

CREATE TABLE patient (
    id                  uuid PRIMARY KEY,
    first_name          text NOT NULL CHECK (first_name <> ''),
    last_name           text NOT NULL CHECK (last_name <> ''),
    date_of_birth       date NOT NULL,
    gender              text,
    email               text,
    phone               text,
    language            text,
    address             text,
    national_id         text,
    insurance_provider  text,
    insurance_member_id text,
    emergency_contact   jsonb,  -- {name, phone, relation}
    preferences         jsonb NOT NULL DEFAULT '{}',  -- {channels, clinics, weekdays, time_of_day}
    external_ref        text,
    active              boolean NOT NULL DEFAULT true,
    version             integer NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL DEFAULT now(),
    changed_at          timestamptz NOT NULL DEFAULT now(),
    changed_by          uuid NOT NULL,
    request_id          uuid NOT NULL,
    CONSTRAINT patient_external_ref_once UNIQUE (external_ref)
);
CREATE INDEX patient_name ON patient USING gin (fold(first_name || ' ' || last_name) gin_trgm_ops);
CREATE INDEX patient_born ON patient (date_of_birth);
CREATE INDEX patient_phone ON patient USING gin (regexp_replace(phone, '\D', '', 'g') gin_trgm_ops);
CREATE INDEX patient_email ON patient (lower(email));

-- Where a patient is registered: staff of these clinics may see them, besides those of clinics where they booked.
CREATE TABLE patient_clinic (
    patient_id uuid NOT NULL REFERENCES patient,
    clinic_id  uuid NOT NULL REFERENCES clinic,
    changed_by uuid NOT NULL,
    request_id uuid NOT NULL,
    PRIMARY KEY (patient_id, clinic_id)
);
CREATE INDEX patient_clinic_of ON patient_clinic (clinic_id, patient_id);

CREATE TABLE user_account (
    id            uuid PRIMARY KEY,
    email         text NOT NULL,
    password_hash text NOT NULL,  -- argon2id, PHC string
    role          text NOT NULL CHECK (role IN ('patient', 'provider', 'staff', 'admin')),
    patient_id    uuid REFERENCES patient,
    provider_id   uuid REFERENCES provider,
    may_report    boolean NOT NULL DEFAULT false,  -- a manager: staff who may read the reports
    active        boolean NOT NULL DEFAULT true,
    version       integer NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now(),
    changed_at    timestamptz NOT NULL DEFAULT now(),
    changed_by    uuid NOT NULL,
    request_id    uuid NOT NULL,
    CONSTRAINT user_account_patient_linked CHECK (role <> 'patient' OR patient_id IS NOT NULL),
    CONSTRAINT user_account_provider_linked CHECK (role <> 'provider' OR provider_id IS NOT NULL)
);
CREATE UNIQUE INDEX user_account_email_once ON user_account (lower(email));

-- The clinics whose front desk a member of staff works at.
CREATE TABLE user_clinic (
    user_id    uuid NOT NULL REFERENCES user_account,
    clinic_id  uuid NOT NULL REFERENCES clinic,
    changed_by uuid NOT NULL,
    request_id uuid NOT NULL,
    PRIMARY KEY (user_id, clinic_id)
);

-- One log-in on one device. Each refresh replaces `refresh_hash` (SHA-256); a token that is not the newest was
-- stolen or replayed, and ends the session.
CREATE TABLE login_session (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES user_account,
    refresh_hash bytea NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    changed_by   uuid NOT NULL,
    request_id   uuid NOT NULL
);
CREATE INDEX login_session_of ON login_session (user_id);
CREATE INDEX login_session_over ON login_session (expires_at);
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
-- The book itself. Appointments and holds are one relation, so one rule guards both.

-- Visits of several parts: as many rows of appointment as `part_count`, claimed together or not at all.
CREATE TABLE appointment_group (
    id         uuid PRIMARY KEY,
    part_count smallint NOT NULL CHECK (part_count BETWEEN 2 AND 10),
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_by uuid NOT NULL,
    request_id uuid NOT NULL
);

-- A row is one of: a visit, a hold (status 'held'), a group session (`capacity` set, no patient: it claims provider and
-- room), or a seat in one (`session_id` and `seat` set: it claims only its patient).
CREATE TABLE appointment (
    id              uuid PRIMARY KEY,
    provider_id     uuid NOT NULL REFERENCES provider,
    patient_id      uuid REFERENCES patient,
    clinic_id       uuid NOT NULL REFERENCES clinic,
    room_id         uuid,
    visit_type_id   uuid NOT NULL REFERENCES visit_type,
    lane            smallint NOT NULL DEFAULT 0 CHECK (lane BETWEEN 0 AND 9),  -- above 0: a deliberate overbooking
    -- `during` is half-open: 09:00-09:30 and 09:30-10:00 do not overlap.
    during          tstzrange NOT NULL,
    -- `claims` is `during` widened by the visit type's buffers: what provider and room cannot give to anyone else.
    claims          tstzrange NOT NULL,
    status          text NOT NULL CHECK (status IN ('held', 'scheduled', 'confirmed', 'checked_in', 'in_progress',
                                                    'completed', 'cancelled', 'no_show', 'expired')),
    mode            text NOT NULL DEFAULT 'in_person' CHECK (mode IN ('in_person', 'telehealth')),
    reason          text,  -- why the patient comes
    status_reason   text,  -- why it was cancelled
    override_reason text,  -- why staff broke a rule of the schedule for it
    overridden      text[] NOT NULL DEFAULT '{}',  -- the codes of those rules; only for them it is exempt
    origin          text NOT NULL DEFAULT 'frontdesk' CHECK (origin IN ('frontdesk', 'imported')),
    hold_expires_at timestamptz,
    hold_token_hash bytea,  -- SHA-256 of the secret that an anonymous holder keeps
    hold_client     text,   -- who counts against holds_per_client: a user id, or a keyed digest of an address
    session_id      uuid REFERENCES appointment,
    seat            smallint CHECK (seat > 0),
    capacity        smallint CHECK (capacity > 0),
    group_id        uuid REFERENCES appointment_group,
    part            smallint CHECK (part > 0),
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    changed_at      timestamptz NOT NULL DEFAULT now(),
    changed_by      uuid NOT NULL,
    request_id      uuid NOT NULL,

    CONSTRAINT appointment_during_half_open CHECK (
        NOT isempty(during) AND lower_inc(during) AND NOT upper_inc(during) AND NOT lower_inf(during) AND NOT upper_inf(during)),
    CONSTRAINT appointment_claims_cover CHECK (claims @> during AND NOT lower_inf(claims) AND NOT upper_inf(claims)),
    CONSTRAINT appointment_has_patient CHECK (
        patient_id IS NOT NULL OR capacity IS NOT NULL OR status IN ('held', 'cancelled', 'expired')),
    CONSTRAINT appointment_hold_expires CHECK (status <> 'held' OR hold_expires_at IS NOT NULL),
    CONSTRAINT appointment_overbooking_has_reason CHECK (lane = 0 OR override_reason IS NOT NULL),
    CONSTRAINT appointment_kind CHECK (
        (session_id IS NULL) = (seat IS NULL) AND (capacity IS NULL OR (session_id IS NULL AND patient_id IS NULL))),
    CONSTRAINT appointment_part_of_group CHECK ((group_id IS NULL) = (part IS NULL)),
    CONSTRAINT appointment_room_in_clinic FOREIGN KEY (room_id, clinic_id) REFERENCES room (id, clinic_id),

    -- The promise. Each decides alone, whatever any program believes: inserts, moves and re-activations alike.
    CONSTRAINT appointment_provider_free EXCLUDE USING gist (provider_id WITH =, lane WITH =, claims WITH &&)
        WHERE (status NOT IN ('cancelled', 'no_show', 'expired') AND session_id IS NULL),
    CONSTRAINT appointment_patient_free EXCLUDE USING gist (patient_id WITH =, during WITH &&)
        WHERE (status NOT IN ('cancelled', 'no_show', 'expired') AND patient_id IS NOT NULL),
    CONSTRAINT appointment_room_free EXCLUDE USING gist (room_id WITH =, claims WITH &&)
        WHERE (status NOT IN ('cancelled', 'no_show', 'expired') AND room_id IS NOT NULL AND session_id IS NULL)
);
CREATE UNIQUE INDEX appointment_seat_once ON appointment (session_id, seat)
    WHERE (status NOT IN ('cancelled', 'no_show', 'expired'));
CREATE UNIQUE INDEX appointment_part_once ON appointment (group_id, part);
CREATE INDEX appointment_of_patient ON appointment (patient_id, lower(during), id);
CREATE INDEX appointment_of_provider ON appointment (provider_id, lower(during), id);
CREATE INDEX appointment_of_clinic ON appointment (clinic_id, lower(during), id);
CREATE INDEX appointment_hold_over ON appointment (hold_expires_at) WHERE (status = 'held');
CREATE INDEX appointment_hold_of ON appointment (hold_client) WHERE (status = 'held');

-- The state machine. A step that is not listed here does not exist.
CREATE TABLE appointment_step (
    from_status text NOT NULL,
    to_status   text NOT NULL,
    PRIMARY KEY (from_status, to_status)
);
INSERT INTO appointment_step (from_status, to_status) VALUES
    ('held', 'scheduled'), ('held', 'expired'), ('held', 'cancelled'),
    ('scheduled', 'confirmed'), ('scheduled', 'checked_in'), ('scheduled', 'cancelled'), ('scheduled', 'no_show'),
    ('confirmed', 'checked_in'), ('confirmed', 'cancelled'), ('confirmed', 'no_show'),
    ('checked_in', 'in_progress'), ('checked_in', 'cancelled'), ('checked_in', 'no_show'),
    ('in_progress', 'completed'),
    ('no_show', 'checked_in');  -- a late arrival, if the time is still free: the exclusion constraints decide

-- FOR SHARE: the session cannot change until the seat is committed, and then finds it.
CREATE FUNCTION appointment_seat_fits(seat appointment) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM appointment s
    WHERE s.id = seat.session_id AND s.capacity >= seat.seat AND s.provider_id = seat.provider_id
      AND s.clinic_id = seat.clinic_id AND s.during = seat.during
      AND s.status NOT IN ('cancelled', 'no_show', 'expired')
    FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a seat lies in its live session and within its capacity'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'appointment_seat_in_session';
    END IF;
END
$$;

CREATE FUNCTION appointment_guard_insert() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    -- What happened elsewhere may arrive finished; what happens here begins at the beginning.
    IF NEW.status NOT IN ('held', 'scheduled') AND NEW.origin <> 'imported' THEN
        RAISE EXCEPTION 'an appointment begins held or scheduled, not %', NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'appointment_status_step';
    END IF;
    IF NEW.session_id IS NOT NULL THEN
        PERFORM appointment_seat_fits(NEW);
    END IF;
    NEW.version := 1;
    RETURN NEW;
END
$$;
CREATE TRIGGER appointment_10_guard_insert BEFORE INSERT ON appointment
    FOR EACH ROW EXECUTE FUNCTION appointment_guard_insert();

CREATE FUNCTION appointment_guard_update() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    moved constant boolean := (NEW.provider_id, NEW.clinic_id, NEW.during) IS DISTINCT FROM (OLD.provider_id, OLD.clinic_id, OLD.during);
BEGIN
    IF moved AND NEW.status = OLD.status THEN
        IF OLD.status NOT IN ('scheduled', 'confirmed') THEN
            RAISE EXCEPTION 'a visit that is % cannot move', OLD.status
                USING ERRCODE = 'check_violation', CONSTRAINT = 'appointment_moves_before_visit';
        END IF;
        NEW.status := 'scheduled';  -- what was confirmed was another time
    ELSIF moved THEN
        RAISE EXCEPTION 'a move is a step of its own'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'appointment_moves_before_visit';
    ELSIF NEW.status <> OLD.status
          AND NOT EXISTS (SELECT FROM appointment_step WHERE from_status = OLD.status AND to_status = NEW.status) THEN
        RAISE EXCEPTION 'no step from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'appointment_status_step';
    END IF;
    IF OLD.patient_id IS NOT NULL AND NEW.patient_id IS DISTINCT FROM OLD.patient_id THEN
        RAISE EXCEPTION 'an appointment keeps its patient'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'appointment_keeps_patient';
    END IF;
    IF (NEW.group_id, NEW.part) IS DISTINCT FROM (OLD.group_id, OLD.part) THEN
        RAISE EXCEPTION 'a part stays in its visit'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'appointment_group_complete';
    END IF;
    IF NEW.session_id IS NOT NULL AND NEW.status NOT IN ('cancelled', 'no_show', 'expired')
       AND (moved OR OLD.status IN ('cancelled', 'no_show', 'expired')
            OR (NEW.session_id, NEW.seat) IS DISTINCT FROM (OLD.session_id, OLD.seat)) THEN
        PERFORM appointment_seat_fits(NEW);
    END IF;
    -- A session waits for its seats: they are cancelled or moved to another session first.
    IF OLD.capacity IS NOT NULL AND EXISTS (
        SELECT FROM appointment s
        WHERE s.session_id = OLD.id AND s.status NOT IN ('cancelled', 'no_show', 'expired')
          AND (moved OR NEW.status IN ('cancelled', 'no_show', 'expired') OR s.seat > coalesce(NEW.capacity, 0))) THEN
        RAISE EXCEPTION 'seats are taken in this session'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'appointment_seat_in_session';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER appointment_10_guard_update BEFORE UPDATE ON appointment
    FOR EACH ROW EXECUTE FUNCTION appointment_guard_update();

-- Checked at commit, when all parts are there.
CREATE FUNCTION appointment_group_complete() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    -- Parts are numbered from 1 and each once, so as many as the group says, none above that, are all of them.
    IF NOT (SELECT count(*) = g.part_count AND max(a.part) = g.part_count
            FROM appointment_group g JOIN appointment a ON a.group_id = g.id
            WHERE g.id = NEW.group_id
            GROUP BY g.part_count) THEN
        RAISE EXCEPTION 'a visit of several parts is booked whole or not at all'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'appointment_group_complete';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER appointment_group_complete AFTER INSERT ON appointment
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.group_id IS NOT NULL)
    EXECUTE FUNCTION appointment_group_complete();

-- One row a version that changed status, time, provider or room: who, when, from what to what.
CREATE TABLE appointment_history (
    appointment_id uuid NOT NULL REFERENCES appointment,
    version        integer NOT NULL,
    from_status    text,  -- NULL: the beginning
    to_status      text NOT NULL,
    provider_id    uuid NOT NULL,
    clinic_id      uuid NOT NULL,
    room_id        uuid,
    during         tstzrange NOT NULL,
    reason         text,
    at             timestamptz NOT NULL,
    changed_by     uuid NOT NULL,
    request_id     uuid NOT NULL,
    PRIMARY KEY (appointment_id, version)
);
CREATE TRIGGER appointment_history_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON appointment_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION appointment_remember() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO appointment_history (appointment_id, version, from_status, to_status, provider_id, clinic_id, room_id,
                                     during, reason, at, changed_by, request_id)
    VALUES (NEW.id, NEW.version, CASE WHEN TG_OP = 'UPDATE' THEN OLD.status END, NEW.status, NEW.provider_id,
            NEW.clinic_id, NEW.room_id, NEW.during, coalesce(NEW.status_reason, NEW.override_reason), NEW.changed_at,
            NEW.changed_by, NEW.request_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER appointment_remember_insert AFTER INSERT ON appointment
    FOR EACH ROW EXECUTE FUNCTION appointment_remember();
CREATE TRIGGER appointment_remember_update AFTER UPDATE ON appointment
    FOR EACH ROW WHEN ((OLD.status, OLD.during, OLD.provider_id, OLD.clinic_id, OLD.room_id)
                       IS DISTINCT FROM (NEW.status, NEW.during, NEW.provider_id, NEW.clinic_id, NEW.room_id))
    EXECUTE FUNCTION appointment_remember();

-- What a provider cannot give away within `span`, in any lane: a time beside an overbooked visit is not free either.
-- An overdue hold no longer blocks: whoever books over it expires it.
CREATE FUNCTION provider_busy(of_provider uuid, span tstzrange, at timestamptz) RETURNS tstzmultirange
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT coalesce(range_agg(a.claims), '{}')
        FROM appointment a
        WHERE a.provider_id = of_provider AND a.claims && span
          AND a.status NOT IN ('cancelled', 'no_show', 'expired') AND a.session_id IS NULL
          AND NOT (a.status = 'held' AND a.hold_expires_at <= at)
    );

CREATE FUNCTION room_busy(of_room uuid, span tstzrange, at timestamptz) RETURNS tstzmultirange
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT coalesce(range_agg(a.claims), '{}')
        FROM appointment a
        WHERE a.room_id = of_room AND a.claims && span
          AND a.status NOT IN ('cancelled', 'no_show', 'expired') AND a.room_id IS NOT NULL AND a.session_id IS NULL
          AND NOT (a.status = 'held' AND a.hold_expires_at <= at)
    );

-- Who may see whom (docs/permissions.md), said once for every query that asks.
-- A hold alone makes nobody a patient of anybody, and neither does a hold that was dropped.

-- "In their care": an appointment between the two in the last 24 months or the next 12.
CREATE FUNCTION in_care(of_provider uuid, who uuid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN EXISTS (
        SELECT FROM appointment a
        WHERE a.patient_id = who AND a.provider_id = of_provider
          AND lower(a.during) BETWEEN now() - interval '24 months' AND now() + interval '12 months'
          AND a.status NOT IN ('held', 'expired')
          AND NOT EXISTS (SELECT FROM appointment_history h
                          WHERE h.appointment_id = a.id AND h.from_status = 'held' AND h.to_status = 'cancelled')
    );

-- "Of their clinics": the patient was registered at one of these clinics, or has booked there.
CREATE FUNCTION of_clinics(clinics uuid[], who uuid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN EXISTS (SELECT FROM patient_clinic r WHERE r.patient_id = who AND r.clinic_id = ANY (clinics))
        OR EXISTS (
            SELECT FROM appointment a
            WHERE a.patient_id = who AND a.clinic_id = ANY (clinics)
              AND a.status NOT IN ('held', 'expired')
              AND NOT EXISTS (SELECT FROM appointment_history h
                              WHERE h.appointment_id = a.id AND h.from_status = 'held' AND h.to_status = 'cancelled'));

-- The transaction-long lock of one provider, patient or room. Whoever changes a claim, or makes several, takes the locks
-- of all keys concerned, old and new, in the order of their numbers; then no two of them wait for each other (ADR-0003).
CREATE FUNCTION lock_claims(keys uuid[]) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    key bigint;
BEGIN
    FOR key IN SELECT DISTINCT hashtextextended(k::text, 0) FROM unnest(keys) AS k WHERE k IS NOT NULL ORDER BY 1 LOOP
        PERFORM pg_advisory_xact_lock(key);
    END LOOP;
END
$$;
-- What happened on the day. Clinical text: providers in charge write it, the patient reads it, nobody else does.

CREATE TABLE visit (
    appointment_id  uuid PRIMARY KEY REFERENCES appointment,
    chief_complaint text,
    diagnosis       text,
    treatment_plan  text,
    prescriptions   jsonb NOT NULL DEFAULT '[]',
    notes           text,
    follow_up_on    date,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    changed_at      timestamptz NOT NULL DEFAULT now(),
    changed_by      uuid NOT NULL,
    request_id      uuid NOT NULL
);
-- Ledgers that travel in the same transaction as the change they speak of.

-- A write repeated with the same key by the same caller has one effect and one answer. The row is inserted first and
-- rolled back with a refusal, so a rival with the same key waits here and then finds either the answer or nothing.
CREATE TABLE idempotency_key (
    caller       text NOT NULL,   -- a user id, or a keyed digest of an anonymous address
    key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_hash bytea NOT NULL,  -- HMAC-SHA-256 of method, path and canonical body
    status       smallint,
    answer       bytea,           -- sealed (AES-256-GCM): it may hold a patient's data or a token
    created_at   timestamptz NOT NULL DEFAULT now(),
    changed_by   uuid NOT NULL,
    request_id   uuid NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_key_age ON idempotency_key (created_at);

-- Events of the domain, in the transaction that caused them; a relay reads them in commit order (`tx`, then `id`).
CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id    uuid NOT NULL,
    topic       text NOT NULL,  -- versioned: appointments.scheduled.v1
    key         text NOT NULL,  -- events of one key stay in order
    payload     jsonb NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    tx          xid8 NOT NULL DEFAULT pg_current_xact_id(),
    changed_by  uuid NOT NULL,
    request_id  uuid NOT NULL
);
-- Who is audited: every table that somebody writes.

CREATE TRIGGER version BEFORE UPDATE ON clinic FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON room FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON specialty FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON visit_type FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON provider FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON patient FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON user_account FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON schedule_exception FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON appointment FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER version BEFORE UPDATE ON visit FOR EACH ROW EXECUTE FUNCTION next_version();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON clinic FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON room FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON specialty FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON visit_type FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON provider FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON provider_specialty FOR EACH ROW EXECUTE FUNCTION audit('provider_id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON provider_clinic FOR EACH ROW EXECUTE FUNCTION audit('provider_id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON provider_visit_type FOR EACH ROW EXECUTE FUNCTION audit('provider_id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON patient FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON patient_clinic FOR EACH ROW EXECUTE FUNCTION audit('patient_id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON user_account FOR EACH ROW EXECUTE FUNCTION audit('id', '{password_hash}');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON user_clinic FOR EACH ROW EXECUTE FUNCTION audit('user_id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON login_session FOR EACH ROW EXECUTE FUNCTION audit('id', '{refresh_hash}');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON schedule FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON schedule_exception FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON closure FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON appointment FOR EACH ROW EXECUTE FUNCTION audit('id', '{hold_token_hash}');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON appointment_group FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON visit FOR EACH ROW EXECUTE FUNCTION audit('appointment_id');

-- Ledgers are records themselves: an INSERT into one already says who, when and in which request. What is audited is
-- any attempt to change or remove a line.
CREATE TRIGGER audit AFTER UPDATE OR DELETE ON appointment_history FOR EACH ROW EXECUTE FUNCTION audit('appointment_id');
CREATE TRIGGER audit AFTER UPDATE OR DELETE ON outbox FOR EACH ROW EXECUTE FUNCTION audit('event_id');
CREATE TRIGGER audit_update AFTER UPDATE ON idempotency_key FOR EACH ROW WHEN (OLD.answer IS NOT NULL)
    EXECUTE FUNCTION audit('key', '{answer,request_hash}');
CREATE TRIGGER audit_delete AFTER DELETE ON idempotency_key FOR EACH ROW EXECUTE FUNCTION audit('key', '{answer,request_hash}');
