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
    request_id uuid NOT NULL,
    -- How long before a visit its patient is reminded of it; NULL: not.
    remind_day_min   integer DEFAULT 1440 CHECK (remind_day_min BETWEEN 60 AND 20160),
    remind_hours_min integer DEFAULT 120 CHECK (remind_hours_min BETWEEN 15 AND 1440)
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
    request_id              uuid NOT NULL,
    what_to_bring           jsonb CHECK (jsonb_typeof(what_to_bring) = 'object')  -- by language (en, es); NULL: the usual sentence
);
