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
    meeting         uuid NOT NULL DEFAULT gen_random_uuid(),  -- the secret in the join link of a telehealth visit
    -- Comparing instants is leakproof, lower(range) is not: under row-level security only the former uses an index.
    start_at        timestamptz GENERATED ALWAYS AS (lower(during)) STORED,

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
CREATE INDEX appointment_of_patient ON appointment (patient_id, start_at, id);
CREATE INDEX appointment_of_provider ON appointment (provider_id, start_at, id);
CREATE INDEX appointment_of_clinic ON appointment (clinic_id, start_at, id);
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
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    moved constant boolean := (NEW.provider_id, NEW.clinic_id, NEW.during) IS DISTINCT FROM (OLD.provider_id, OLD.clinic_id, OLD.during);
BEGIN
    IF moved AND NEW.status = OLD.status THEN
        IF OLD.status NOT IN ('scheduled', 'confirmed') THEN
            RAISE EXCEPTION 'a visit that is % cannot move', OLD.status
                USING ERRCODE = 'check_violation', CONSTRAINT = 'appointment_moves_before_visit';
        END IF;
        IF (NEW.provider_id, NEW.clinic_id, lower(NEW.during)) IS DISTINCT FROM (OLD.provider_id, OLD.clinic_id, lower(OLD.during)) THEN
            NEW.status := 'scheduled';  -- what was confirmed was another time; of another length it still is
        END IF;
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
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
-- What an UPDATE of it may do is in 94_erasure.sql.
CREATE TRIGGER appointment_history_append_only BEFORE DELETE OR TRUNCATE ON appointment_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION appointment_remember() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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

-- What the book takes, and nothing of whom it is taken by: no patient, no reason. A view, which reads as its owner does,
-- so that row-level security hides nothing of it and `&&` finds its index (ADR-0021).
CREATE VIEW taken AS
SELECT id, provider_id, room_id, clinic_id, visit_type_id, lane, overridden <> '{}' OR lane > 0 AS is_exception, during, claims,
       start_at, status, hold_expires_at, session_id
FROM appointment
WHERE status NOT IN ('cancelled', 'no_show', 'expired');

-- What a provider cannot give away within `span`, in any lane: a time beside an overbooked visit is not free either.
-- An overdue hold no longer blocks: whoever books over it expires it.
CREATE FUNCTION provider_busy(of_provider uuid, span tstzrange, at timestamptz) RETURNS tstzmultirange
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    RETURN (
        SELECT coalesce(range_agg(a.claims), '{}')
        FROM taken a
        WHERE a.provider_id = of_provider AND a.claims && span AND a.session_id IS NULL
          AND NOT (a.status = 'held' AND a.hold_expires_at <= at)
    );

CREATE FUNCTION room_busy(of_room uuid, span tstzrange, at timestamptz) RETURNS tstzmultirange
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    RETURN (
        SELECT coalesce(range_agg(a.claims), '{}')
        FROM taken a
        WHERE a.room_id = of_room AND a.claims && span AND a.room_id IS NOT NULL AND a.session_id IS NULL
          AND NOT (a.status = 'held' AND a.hold_expires_at <= at)
    );

-- The visits and holds of one patient within `span`, as times alone; `except_id` does not count.
CREATE FUNCTION patient_taken(who uuid, span tstzrange, at timestamptz, except_id uuid DEFAULT NULL) RETURNS SETOF tstzrange
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp ROWS 2 AS $$
BEGIN
    RETURN QUERY
    SELECT a.during
    FROM appointment a
    WHERE a.patient_id = who AND a.during && span
      AND a.status NOT IN ('cancelled', 'no_show', 'expired') AND a.patient_id IS NOT NULL
      AND a.id IS DISTINCT FROM except_id AND NOT (a.status = 'held' AND a.hold_expires_at <= at);
END
$$;

CREATE FUNCTION patient_active(who uuid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    RETURN EXISTS (SELECT FROM patient WHERE id = who AND active);

-- Whether the provider has seen the patient before.
CREATE FUNCTION has_seen(of_provider uuid, who uuid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    RETURN EXISTS (
        SELECT FROM appointment a
        WHERE a.provider_id = of_provider AND a.patient_id = who AND a.status IN ('completed', 'in_progress', 'checked_in'));

-- Whether the patient has, or holds, a visit with the provider that is still to begin.
CREATE FUNCTION will_see(of_provider uuid, who uuid, at timestamptz, except_id uuid DEFAULT NULL) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    RETURN EXISTS (
        SELECT FROM appointment a
        WHERE a.patient_id = who AND a.provider_id = of_provider AND a.start_at > at
          AND a.status IN ('held', 'scheduled', 'confirmed', 'checked_in') AND a.id IS DISTINCT FROM except_id
          AND NOT (a.status = 'held' AND a.hold_expires_at <= at));

-- How many times one client holds now.
CREATE FUNCTION holds_of(client text, at timestamptz) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    RETURN (SELECT count(*) FROM appointment WHERE hold_client = client AND status = 'held' AND hold_expires_at > at);

-- Whether this was once held by whoever has the secret of this digest (SHA-256).
CREATE FUNCTION was_held(hold uuid, digest bytea) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    RETURN EXISTS (SELECT FROM appointment WHERE id = hold AND hold_token_hash = digest);

-- Holds whose time is over and that still stand in the way of a claim, with the keys to lock before expiring them.
CREATE FUNCTION overdue_holds(of_provider uuid, who uuid, at_clinic uuid, span tstzrange, at timestamptz)
    RETURNS TABLE (id uuid, provider_id uuid, patient_id uuid, room_id uuid)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 2 AS $$
BEGIN
    RETURN QUERY
    SELECT a.id, a.provider_id, a.patient_id, a.room_id
    FROM appointment a
    WHERE a.status = 'held' AND a.hold_expires_at <= at
      AND (a.provider_id = of_provider OR a.patient_id = who OR a.clinic_id = at_clinic)
      AND a.claims && span;
END
$$;

-- Expire those of these holds that are overdue; needs the locks of their keys.
CREATE FUNCTION expire_holds(ids uuid[], at timestamptz, by_user uuid, in_request uuid) RETURNS SETOF appointment
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY
    UPDATE appointment a
    SET status = 'expired', changed_by = by_user, request_id = in_request
    WHERE a.id = ANY (ids) AND a.status = 'held' AND a.hold_expires_at <= at
    RETURNING a.*;
END
$$;

-- Who may see whom (docs/permissions.md), said once for every query and every policy that asks.
-- A hold alone makes nobody a patient of anybody, and neither does a hold that was dropped.

-- "In their care": an appointment between the two, so long ago or so far ahead at most as the settings say
-- (FRONTDESK_CARE_BEFORE, FRONTDESK_CARE_AFTER, which each connection carries).
CREATE FUNCTION in_care(of_provider uuid, who uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM appointment a
        WHERE a.patient_id = who AND a.provider_id = of_provider
          AND a.start_at BETWEEN now() - coalesce(nullif(current_setting('frontdesk.care_before', true), ''), 'P730D')::interval
                             AND now() + coalesce(nullif(current_setting('frontdesk.care_after', true), ''), 'P365D')::interval
          AND a.status NOT IN ('held', 'expired')
          AND NOT EXISTS (SELECT FROM appointment_history h
                          WHERE h.appointment_id = a.id AND h.from_status = 'held' AND h.to_status = 'cancelled'));
END
$$;

-- "Of their clinics": the patient was registered at one of these clinics, or has booked there.
CREATE FUNCTION of_clinics(clinics uuid[], who uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM patient_clinic r WHERE r.patient_id = who AND r.clinic_id = ANY (clinics))
        OR EXISTS (
            SELECT FROM appointment a
            WHERE a.patient_id = who AND a.clinic_id = ANY (clinics)
              AND a.status NOT IN ('held', 'expired')
              AND NOT EXISTS (SELECT FROM appointment_history h
                              WHERE h.appointment_id = a.id AND h.from_status = 'held' AND h.to_status = 'cancelled'));
END
$$;

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
