-- Row-level security: the service works as a role of its own that sees the rows of whoever is logged in, and nobody
-- else's (ADR-0021). What has to look at everything becomes SECURITY DEFINER.

-- All at once, or a booking under way would deadlock with one table after the other.
LOCK TABLE idempotency_key, patient, patient_clinic, appointment, appointment_history, visit, audit_entry IN ACCESS EXCLUSIVE MODE;

ALTER TABLE appointment ADD COLUMN start_at timestamptz GENERATED ALWAYS AS (lower(during)) STORED;
DROP INDEX appointment_of_patient, appointment_of_provider, appointment_of_clinic;
CREATE INDEX appointment_of_patient ON appointment (patient_id, start_at, id);
CREATE INDEX appointment_of_provider ON appointment (provider_id, start_at, id);
CREATE INDEX appointment_of_clinic ON appointment (clinic_id, start_at, id);

CREATE OR REPLACE FUNCTION audit() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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

CREATE OR REPLACE FUNCTION find_patients(name_like text, name_like_too text, words text[], like_name text, of_email text,
                              reference text, born_on date, phone_digits text) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT p.id FROM patient p
    WHERE (fold(p.first_name || ' ' || p.last_name) LIKE fold(name_like)
           OR fold(p.first_name || ' ' || p.last_name) LIKE fold(name_like_too))
      AND fold(p.first_name || ' ' || p.last_name) LIKE ALL (SELECT fold(word) FROM unnest(words) AS word)
    UNION
    SELECT p.id FROM patient p WHERE fold(p.first_name || ' ' || p.last_name) %> fold(like_name)
    UNION
    SELECT p.id FROM patient p WHERE lower(p.email) = lower(of_email)
    UNION
    SELECT p.id FROM patient p WHERE p.external_ref = reference
    UNION
    SELECT p.id FROM patient p WHERE p.date_of_birth = born_on
    UNION
    SELECT p.id FROM patient p WHERE regexp_replace(p.phone, '\D', '', 'g') LIKE '%' || phone_digits || '%';
END
$$;

CREATE OR REPLACE FUNCTION alike_patients(first_name text, last_name text, born_on date, of_email text, of_national_id text,
                               phone_digits text) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT p.id FROM patient p
    WHERE (p.date_of_birth = born_on
           AND similarity(fold(p.first_name || ' ' || p.last_name),
                          fold(alike_patients.first_name || ' ' || alike_patients.last_name)) >= 0.4)
       OR lower(p.email) = lower(of_email)
       OR p.national_id = of_national_id
       OR (length(phone_digits) >= 7 AND regexp_replace(p.phone, '\D', '', 'g') = phone_digits)
    ORDER BY p.id LIMIT 20;
END
$$;

CREATE OR REPLACE FUNCTION plan_changes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO plan_version AS v (owner, version)
    SELECT DISTINCT (row ->> TG_ARGV[0])::uuid, 1
    FROM unnest(ARRAY[CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END]) AS row
    WHERE row IS NOT NULL
    ORDER BY 1
    ON CONFLICT (owner) DO UPDATE SET version = v.version + 1;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION appointment_seat_fits(seat appointment) RETURNS void
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

CREATE OR REPLACE FUNCTION appointment_guard_insert() RETURNS trigger
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

CREATE OR REPLACE FUNCTION appointment_guard_update() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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

CREATE OR REPLACE FUNCTION appointment_group_complete() RETURNS trigger
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

CREATE OR REPLACE FUNCTION appointment_remember() RETURNS trigger
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

CREATE VIEW taken AS
SELECT id, provider_id, room_id, clinic_id, visit_type_id, lane, overridden <> '{}' OR lane > 0 AS is_exception, during, claims,
       start_at, status, hold_expires_at, session_id
FROM appointment
WHERE status NOT IN ('cancelled', 'no_show', 'expired');

CREATE OR REPLACE FUNCTION provider_busy(of_provider uuid, span tstzrange, at timestamptz) RETURNS tstzmultirange
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    RETURN (
        SELECT coalesce(range_agg(a.claims), '{}')
        FROM taken a
        WHERE a.provider_id = of_provider AND a.claims && span AND a.session_id IS NULL
          AND NOT (a.status = 'held' AND a.hold_expires_at <= at)
    );

CREATE OR REPLACE FUNCTION room_busy(of_room uuid, span tstzrange, at timestamptz) RETURNS tstzmultirange
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    RETURN (
        SELECT coalesce(range_agg(a.claims), '{}')
        FROM taken a
        WHERE a.room_id = of_room AND a.claims && span AND a.room_id IS NOT NULL AND a.session_id IS NULL
          AND NOT (a.status = 'held' AND a.hold_expires_at <= at)
    );

CREATE OR REPLACE FUNCTION patient_taken(who uuid, span tstzrange, at timestamptz, except_id uuid DEFAULT NULL) RETURNS SETOF tstzrange
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

CREATE OR REPLACE FUNCTION patient_active(who uuid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    RETURN EXISTS (SELECT FROM patient WHERE id = who AND active);

CREATE OR REPLACE FUNCTION has_seen(of_provider uuid, who uuid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    RETURN EXISTS (
        SELECT FROM appointment a
        WHERE a.provider_id = of_provider AND a.patient_id = who AND a.status IN ('completed', 'in_progress', 'checked_in'));

CREATE OR REPLACE FUNCTION will_see(of_provider uuid, who uuid, at timestamptz, except_id uuid DEFAULT NULL) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    RETURN EXISTS (
        SELECT FROM appointment a
        WHERE a.patient_id = who AND a.provider_id = of_provider AND a.start_at > at
          AND a.status IN ('held', 'scheduled', 'confirmed', 'checked_in') AND a.id IS DISTINCT FROM except_id
          AND NOT (a.status = 'held' AND a.hold_expires_at <= at));

CREATE OR REPLACE FUNCTION holds_of(client text, at timestamptz) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    RETURN (SELECT count(*) FROM appointment WHERE hold_client = client AND status = 'held' AND hold_expires_at > at);

CREATE OR REPLACE FUNCTION was_held(hold uuid, digest bytea) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    RETURN EXISTS (SELECT FROM appointment WHERE id = hold AND hold_token_hash = digest);

CREATE OR REPLACE FUNCTION overdue_holds(of_provider uuid, who uuid, at_clinic uuid, span tstzrange, at timestamptz)
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

CREATE OR REPLACE FUNCTION expire_holds(ids uuid[], at timestamptz, by_user uuid, in_request uuid) RETURNS SETOF appointment
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY
    UPDATE appointment a
    SET status = 'expired', changed_by = by_user, request_id = in_request
    WHERE a.id = ANY (ids) AND a.status = 'held' AND a.hold_expires_at <= at
    RETURNING a.*;
END
$$;

CREATE OR REPLACE FUNCTION in_care(of_provider uuid, who uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM appointment a
        WHERE a.patient_id = who AND a.provider_id = of_provider
          AND a.start_at BETWEEN now() - interval '24 months' AND now() + interval '12 months'
          AND a.status NOT IN ('held', 'expired')
          AND NOT EXISTS (SELECT FROM appointment_history h
                          WHERE h.appointment_id = a.id AND h.from_status = 'held' AND h.to_status = 'cancelled'));
END
$$;

CREATE OR REPLACE FUNCTION of_clinics(clinics uuid[], who uuid) RETURNS boolean
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

CREATE OR REPLACE FUNCTION broken_limits(of_visit_type uuid, of_provider uuid, who uuid, at_clinic uuid, start timestamptz,
                              except_id uuid, at timestamptz) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    RETURN (
        SELECT array_remove(ARRAY[
            CASE WHEN v.max_per_day <= (
                SELECT count(*)
                FROM taken a JOIN clinic c ON c.id = a.clinic_id
                WHERE a.provider_id = of_provider AND a.visit_type_id = v.id AND a.session_id IS NULL
                  AND a.start_at BETWEEN start - interval '50 hours' AND start + interval '50 hours'
                  AND (a.start_at AT TIME ZONE c.time_zone)::date = (start AT TIME ZONE here.time_zone)::date
                  AND a.id IS DISTINCT FROM except_id
                  AND NOT (a.status = 'held' AND a.hold_expires_at <= at)) THEN 'daily-limit' END,
            CASE WHEN v.one_future_per_provider AND start > at AND will_see(of_provider, who, at, except_id)
                 THEN 'one-future' END], NULL)
        FROM visit_type v, clinic here
        WHERE v.id = of_visit_type AND here.id = at_clinic
    );

CREATE OR REPLACE FUNCTION appointment_within_limits() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    broken text[];
BEGIN
    IF EXISTS (SELECT FROM visit_type v
               WHERE v.id = NEW.visit_type_id AND (v.max_per_day IS NOT NULL OR v.one_future_per_provider)) THEN
        PERFORM lock_limits(NEW.visit_type_id, NEW.provider_id, NEW.patient_id, NEW.clinic_id, lower(NEW.during));
        broken := broken_limits(NEW.visit_type_id, NEW.provider_id, NEW.patient_id, NEW.clinic_id, lower(NEW.during),
                                NEW.id, clock_timestamp());
        IF NOT broken <@ NEW.overridden THEN
            RAISE EXCEPTION 'a limit of the visit type is reached: %', broken
                USING ERRCODE = 'check_violation', CONSTRAINT = 'appointment_within_limits';
        END IF;
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION stranded(of_provider uuid, at_clinic uuid, within tstzrange)
    RETURNS TABLE (id uuid, during tstzrange, clinic_id uuid, status text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT a.id, a.during, a.clinic_id, a.status
    FROM appointment a
    JOIN clinic c ON c.id = a.clinic_id
    WHERE (of_provider IS NULL OR a.provider_id = of_provider)
      AND (at_clinic IS NULL OR a.clinic_id = at_clinic)
      AND (within IS NULL OR a.during && within)
      AND a.start_at > now()
      AND (a.status IN ('scheduled', 'confirmed') OR (a.status = 'held' AND a.hold_expires_at > now()))
      AND NOT a.overridden && '{outside-working-time,time-off-or-closure}'
      AND NOT coalesce(
          a.during <@ (
              (SELECT range_agg(s.during)
               FROM working_session(a.provider_id, (a.start_at AT TIME ZONE c.time_zone)::date - 1,
                                    (upper(a.during) AT TIME ZONE c.time_zone)::date, a.clinic_id) AS s)
              - closed_time(a.provider_id, a.clinic_id, a.during)),
          false)
    ORDER BY a.id;
END
$$;

CREATE OR REPLACE FUNCTION keep_stranded(ids uuid[], because text, by_user uuid, in_request uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    WITH kept AS MATERIALIZED (SELECT id FROM appointment WHERE id = ANY (ids) ORDER BY id FOR UPDATE)
    UPDATE appointment a
    SET override_reason = because, overridden = array_append(overridden, 'outside-working-time'), changed_by = by_user,
        request_id = in_request
    FROM kept
    WHERE a.id = kept.id;
END
$$;

CREATE OR REPLACE FUNCTION ordinary_bookings(asked jsonb)
    RETURNS TABLE (id uuid, provider_id uuid, patient_id uuid, clinic_id uuid, visit_type_id uuid, during tstzrange,
                   claims tstzrange, mode text, reason text, changed_by uuid, request_id uuid)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT a.id, a.provider_id, a.patient_id, a.clinic_id, a.visit_type_id, a.during, a.claims, a.mode, a.reason,
           a.changed_by, a.request_id
    FROM jsonb_to_recordset(asked) AS a (
        id uuid, provider_id uuid, patient_id uuid, clinic_id uuid, visit_type_id uuid, during tstzrange, claims tstzrange,
        mode text, reason text, owners uuid[], version bigint, login uuid, caller text, key text,
        changed_by uuid, request_id uuid)
    JOIN login_session s ON s.id = a.login AND s.revoked_at IS NULL AND s.expires_at > now()
    JOIN user_account u ON u.id = s.user_id AND u.id = a.changed_by AND u.active
    JOIN patient p ON p.id = a.patient_id AND p.active
    JOIN provider d ON d.id = a.provider_id AND d.accepting_new_patients
    WHERE (SELECT coalesce(sum(n.version), 0) FROM plan_version n WHERE n.owner = ANY (a.owners)) = a.version
      AND CASE u.role
              WHEN 'patient' THEN u.patient_id = a.patient_id
              WHEN 'staff' THEN EXISTS (SELECT FROM user_clinic c WHERE c.user_id = u.id AND c.clinic_id = a.clinic_id)
                                AND of_clinics(ARRAY(SELECT c.clinic_id FROM user_clinic c WHERE c.user_id = u.id), a.patient_id)
              ELSE u.role = 'admin' END
      -- Until commit only its own transaction sees a key without an answer.
      AND (a.key IS NULL OR EXISTS (SELECT FROM idempotency_key k
                                    WHERE k.caller = a.caller AND k.key = a.key AND k.answer IS NULL));
END;

CREATE OR REPLACE FUNCTION book_ordinary(asked jsonb) RETURNS SETOF appointment
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY
    INSERT INTO appointment AS made (id, provider_id, patient_id, clinic_id, visit_type_id, during, claims, status, mode, reason,
                                    changed_by, request_id)
    SELECT a.id, a.provider_id, a.patient_id, a.clinic_id, a.visit_type_id, a.during, a.claims, 'scheduled', a.mode, a.reason,
           a.changed_by, a.request_id
    FROM ordinary_bookings(asked) AS a
    WHERE NOT EXISTS (SELECT FROM taken b
                      WHERE b.provider_id = a.provider_id AND b.lane > 0 AND b.claims && a.claims AND b.session_id IS NULL)
    ON CONFLICT DO NOTHING
    RETURNING made.*;
END
$$;

CREATE OR REPLACE FUNCTION in_the_way_of_ordinary(asked jsonb, at timestamptz)
    RETURNS TABLE (id uuid, resource text, start timestamptz, "end" timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT a.id, busy.resource, lower(busy.during), upper(busy.during)
    FROM ordinary_bookings(asked) AS a
    CROSS JOIN LATERAL (
        SELECT 'provider' AS resource, b.claims AS during
        FROM taken b
        WHERE b.provider_id = a.provider_id AND b.claims && a.claims AND b.session_id IS NULL
          AND NOT (b.status = 'held' AND b.hold_expires_at <= at)
        UNION ALL
        SELECT 'patient', p.during FROM patient_taken(a.patient_id, a.during, at) AS p (during)
    ) AS busy
    ORDER BY a.id, busy.resource, busy.during;
END
$$;

-- The viewer of this connection, as settings that `enter` writes and policies read: once a statement, not once a row.
CREATE FUNCTION viewer_role() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_role', true), '');

CREATE FUNCTION viewer_user() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_user', true), '')::uuid;

CREATE FUNCTION viewer_request() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_request', true), '')::uuid;

-- Set for the role patient alone.
CREATE FUNCTION viewer_patient() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_patient', true), '')::uuid;

-- Set for the role provider alone.
CREATE FUNCTION viewer_provider() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_provider', true), '')::uuid;

-- Set for the role staff alone: the clinics of their desk.
CREATE FUNCTION viewer_clinics() RETURNS uuid[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_clinics', true), '')::uuid[];

-- The digest (hex) of the secret by which this transaction shows its right to a hold.
CREATE FUNCTION viewer_hold() RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN decode(nullif(current_setting('frontdesk.viewer_hold', true), ''), 'hex');

-- From here on this connection works for the user of this log-in, as they are now; for nobody when it is NULL, over, or its
-- user inactive. Answers whether the log-in lives: an access token of an ended session opens nothing.
CREATE FUNCTION enter(login uuid, request uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    who record;
BEGIN
    SELECT u.id, u.role, CASE WHEN u.role = 'patient' THEN u.patient_id END AS patient,
           CASE WHEN u.role = 'provider' THEN u.provider_id END AS provider,
           CASE WHEN u.role = 'staff'
                THEN ARRAY(SELECT c.clinic_id FROM user_clinic c WHERE c.user_id = u.id) END AS clinics
    INTO who
    FROM login_session s JOIN user_account u ON u.id = s.user_id
    WHERE s.id = login AND s.revoked_at IS NULL AND s.expires_at > now() AND u.active;
    PERFORM set_config('frontdesk.viewer_role', coalesce(who.role, ''), false),
            set_config('frontdesk.viewer_user', coalesce(who.id::text, ''), false),
            set_config('frontdesk.viewer_request', coalesce(request::text, ''), false),
            set_config('frontdesk.viewer_patient', coalesce(who.patient::text, ''), false),
            set_config('frontdesk.viewer_provider', coalesce(who.provider::text, ''), false),
            set_config('frontdesk.viewer_clinics', coalesce(who.clinics::text, ''), false);
    RETURN who.id IS NOT NULL;
END
$$;

-- Whose visit it is; NULL for a hold without a patient.
CREATE FUNCTION patient_of(of_appointment uuid) RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    RETURN (SELECT patient_id FROM appointment WHERE id = of_appointment);

-- What a request has just written it may read back, even when it moved the row out of its own sight: a provider books a
-- patient in their care with a colleague, the desk ends a registration.
-- (SELECT …) makes each setting a constant of the statement.

ALTER TABLE patient ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON patient FOR SELECT TO frontdesk_service USING (
    id = (SELECT viewer_patient())
    OR (SELECT viewer_role()) = 'admin'
    OR ((SELECT viewer_clinics()) IS NOT NULL AND of_clinics((SELECT viewer_clinics()), id))
    OR ((SELECT viewer_provider()) IS NOT NULL AND in_care((SELECT viewer_provider()), id))
    OR (request_id = (SELECT viewer_request()) AND changed_by = (SELECT viewer_user())));
-- Whoever registers is nobody yet.
CREATE POLICY added ON patient FOR INSERT TO frontdesk_service WITH CHECK (
    coalesce((SELECT viewer_role()) IN ('staff', 'admin'), true));
CREATE POLICY changed ON patient FOR UPDATE TO frontdesk_service USING (
    id = (SELECT viewer_patient())
    OR (SELECT viewer_role()) = 'admin'
    OR ((SELECT viewer_clinics()) IS NOT NULL AND of_clinics((SELECT viewer_clinics()), id)));
CREATE POLICY removed ON patient FOR DELETE TO frontdesk_service USING ((SELECT viewer_role()) = 'admin');

ALTER TABLE patient_clinic ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON patient_clinic FOR SELECT TO frontdesk_service USING (
    EXISTS (SELECT FROM patient p WHERE p.id = patient_id));
CREATE POLICY added ON patient_clinic FOR INSERT TO frontdesk_service WITH CHECK (
    (SELECT viewer_role()) = 'admin' OR clinic_id = ANY ((SELECT viewer_clinics())::uuid[]));
CREATE POLICY removed ON patient_clinic FOR DELETE TO frontdesk_service USING (
    (SELECT viewer_role()) = 'admin' OR clinic_id = ANY ((SELECT viewer_clinics())::uuid[]));

ALTER TABLE appointment ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON appointment TO frontdesk_service USING (
    patient_id = (SELECT viewer_patient())
    OR provider_id = (SELECT viewer_provider())
    OR clinic_id = ANY ((SELECT viewer_clinics())::uuid[])
    OR (SELECT viewer_role()) = 'admin'
    OR (request_id = (SELECT viewer_request()) AND changed_by = (SELECT viewer_user()))
    OR hold_client = (SELECT viewer_user())::text
    OR (hold_token_hash = (SELECT viewer_hold()) AND patient_id IS NULL));

ALTER TABLE appointment_history ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON appointment_history FOR SELECT TO frontdesk_service USING (
    EXISTS (SELECT FROM appointment a WHERE a.id = appointment_id));

-- Clinical text: the patient reads their own, providers write what concerns those in their care, nobody else sees it.
ALTER TABLE visit ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON visit FOR SELECT TO frontdesk_service USING (
    patient_of(appointment_id) = (SELECT viewer_patient())
    OR ((SELECT viewer_provider()) IS NOT NULL AND in_care((SELECT viewer_provider()), patient_of(appointment_id))));
CREATE POLICY written ON visit TO frontdesk_service USING (
    (SELECT viewer_provider()) IS NOT NULL AND in_care((SELECT viewer_provider()), patient_of(appointment_id)));

-- The trail is read through the functions of 95_trail.sql, and written by triggers; only looks are the service's to write.
ALTER TABLE audit_entry ENABLE ROW LEVEL SECURITY;
CREATE POLICY looked ON audit_entry FOR INSERT TO frontdesk_service WITH CHECK (action = 'READ');

-- Ledgers grow by triggers and by their own columns; the service cannot go back over them.
GRANT USAGE ON SCHEMA public TO frontdesk_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO frontdesk_service;
REVOKE ALL ON audit_entry, audit_seal, appointment_history, outbox FROM frontdesk_service;
GRANT INSERT ON audit_entry TO frontdesk_service;  -- looks alone: see the policy
GRANT SELECT ON appointment_history TO frontdesk_service;
GRANT INSERT ON outbox TO frontdesk_service;
REVOKE INSERT, UPDATE, DELETE ON taken, appointment_step FROM frontdesk_service;
REVOKE DELETE ON appointment, visit, user_account FROM frontdesk_service;
