-- Copies of working time are told apart by version, limits on a day and on a patient are kept by the database, and
-- every appointment has a secret for the join link of a telehealth visit.

-- All at once, or a booking under way would deadlock with one table after the other.
LOCK TABLE idempotency_key, patient, provider, clinic, visit_type, schedule, schedule_exception, closure,
    provider_visit_type, room, appointment IN ACCESS EXCLUSIVE MODE;

-- What a copy of the working time may be trusted by: whoever changes anything that decides when a provider works, and
-- for what, raises the number of its owner in the same transaction. A reader compares the numbers in the statement that
-- reads the book, so a copy is never older than a committed change (ADR-0014).

CREATE TABLE plan_version (
    owner   uuid PRIMARY KEY,  -- a provider, a clinic or a visit type; none yet: 0
    version bigint NOT NULL
);

-- plan_changes(column): the column that names the owner.
CREATE FUNCTION plan_changes() RETURNS trigger
    LANGUAGE plpgsql AS $$
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
CREATE TRIGGER plan_changes AFTER INSERT OR UPDATE OR DELETE ON schedule FOR EACH ROW EXECUTE FUNCTION plan_changes('provider_id');
CREATE TRIGGER plan_changes AFTER INSERT OR UPDATE OR DELETE ON schedule_exception FOR EACH ROW EXECUTE FUNCTION plan_changes('provider_id');
CREATE TRIGGER plan_changes AFTER INSERT OR UPDATE OR DELETE ON provider_visit_type FOR EACH ROW EXECUTE FUNCTION plan_changes('provider_id');
CREATE TRIGGER plan_changes AFTER UPDATE ON provider FOR EACH ROW EXECUTE FUNCTION plan_changes('id');
CREATE TRIGGER plan_changes AFTER INSERT OR UPDATE OR DELETE ON closure FOR EACH ROW EXECUTE FUNCTION plan_changes('clinic_id');
CREATE TRIGGER plan_changes AFTER INSERT OR UPDATE OR DELETE ON room FOR EACH ROW EXECUTE FUNCTION plan_changes('clinic_id');
CREATE TRIGGER plan_changes AFTER UPDATE ON clinic FOR EACH ROW EXECUTE FUNCTION plan_changes('id');
CREATE TRIGGER plan_changes AFTER UPDATE ON visit_type FOR EACH ROW EXECUTE FUNCTION plan_changes('id');

-- Limits on what may be booked: so many visits of a type on one provider's day, one future visit with a provider.
-- They depend on the book, so they are counted under a lock; the trigger is the last to count, whoever writes.

-- The limits of a visit type that one more visit would break: 'daily-limit', 'one-future'. `start` is the visit's; a
-- day is that of the clinic's zone, and a provider's visits at other clinics count on the day they have there.
CREATE FUNCTION broken_limits(of_visit_type uuid, of_provider uuid, who uuid, at_clinic uuid, start timestamptz,
                              except_id uuid, at timestamptz) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT array_remove(ARRAY[
            CASE WHEN v.max_per_day <= (
                SELECT count(*)
                FROM appointment a JOIN clinic c ON c.id = a.clinic_id
                WHERE a.provider_id = of_provider AND a.visit_type_id = v.id AND a.session_id IS NULL
                  AND lower(a.during) BETWEEN start - interval '50 hours' AND start + interval '50 hours'
                  AND (lower(a.during) AT TIME ZONE c.time_zone)::date = (start AT TIME ZONE here.time_zone)::date
                  AND a.status NOT IN ('cancelled', 'no_show', 'expired') AND a.id IS DISTINCT FROM except_id
                  AND NOT (a.status = 'held' AND a.hold_expires_at <= at)) THEN 'daily-limit' END,
            CASE WHEN v.one_future_per_provider AND start > at AND EXISTS (
                SELECT FROM appointment a
                WHERE a.patient_id = who AND a.provider_id = of_provider AND lower(a.during) > at
                  AND a.status IN ('held', 'scheduled', 'confirmed', 'checked_in') AND a.id IS DISTINCT FROM except_id
                  AND NOT (a.status = 'held' AND a.hold_expires_at <= at)) THEN 'one-future' END], NULL)
        FROM visit_type v, clinic here
        WHERE v.id = of_visit_type AND here.id = at_clinic
    );

-- Those who might break the same limit come one after the other. Taken before the locks of claims, and before any row is
-- written: then nobody who holds a row waits here (ADR-0003).
CREATE FUNCTION lock_limits(of_visit_type uuid, of_provider uuid, who uuid, at_clinic uuid, start timestamptz) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    visit record;
BEGIN
    SELECT v.max_per_day IS NOT NULL AS daily, v.one_future_per_provider AS once, (start AT TIME ZONE c.time_zone)::date AS day
    INTO visit
    FROM visit_type v, clinic c WHERE v.id = of_visit_type AND c.id = at_clinic;
    IF visit.daily THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('day:' || of_provider || of_visit_type || visit.day, 0));
    END IF;
    IF visit.once AND who IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('future:' || of_provider || who, 0));
    END IF;
END
$$;

CREATE FUNCTION appointment_within_limits() RETURNS trigger
    LANGUAGE plpgsql AS $$
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
-- What happened elsewhere has happened, whatever the limits say here.
CREATE TRIGGER appointment_20_limits_insert BEFORE INSERT ON appointment
    FOR EACH ROW WHEN (NEW.status NOT IN ('cancelled', 'no_show', 'expired') AND NEW.origin <> 'imported')
    EXECUTE FUNCTION appointment_within_limits();
CREATE TRIGGER appointment_20_limits_update BEFORE UPDATE ON appointment
    FOR EACH ROW WHEN (NEW.status NOT IN ('cancelled', 'no_show', 'expired')
                       AND (OLD.status IN ('held', 'cancelled', 'no_show', 'expired')
                            OR (NEW.provider_id, NEW.clinic_id, NEW.during)
                               IS DISTINCT FROM (OLD.provider_id, OLD.clinic_id, OLD.during)))
    EXECUTE FUNCTION appointment_within_limits();

-- Of the bookings asked for (a JSON array, see booking/ordinary.py) those that only the book itself can refuse: the plan
-- they were chosen from is today's, the patient is within the caller's reach, and the Idempotency-Key, if any, is theirs.
CREATE FUNCTION ordinary_bookings(asked jsonb)
    RETURNS TABLE (id uuid, provider_id uuid, patient_id uuid, clinic_id uuid, visit_type_id uuid, during tstzrange,
                   claims tstzrange, mode text, reason text, changed_by uuid, request_id uuid)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT a.id, a.provider_id, a.patient_id, a.clinic_id, a.visit_type_id, a.during, a.claims, a.mode, a.reason,
           a.changed_by, a.request_id
    FROM jsonb_to_recordset(asked) AS a (
        id uuid, provider_id uuid, patient_id uuid, clinic_id uuid, visit_type_id uuid, during tstzrange, claims tstzrange,
        mode text, reason text, owners uuid[], version bigint, only_clinics uuid[], caller text, key text,
        changed_by uuid, request_id uuid)
    JOIN patient p ON p.id = a.patient_id AND p.active
    JOIN provider d ON d.id = a.provider_id AND d.accepting_new_patients
    WHERE (SELECT coalesce(sum(n.version), 0) FROM plan_version n WHERE n.owner = ANY (a.owners)) = a.version
      AND (a.only_clinics IS NULL OR of_clinics(a.only_clinics, a.patient_id))
      -- Until commit only its own transaction sees a key without an answer.
      AND (a.key IS NULL OR EXISTS (SELECT FROM idempotency_key k
                                    WHERE k.caller = a.caller AND k.key = a.key AND k.answer IS NULL));
END;

ALTER TABLE appointment ADD COLUMN meeting uuid NOT NULL DEFAULT gen_random_uuid();
DROP TRIGGER audit ON appointment;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON appointment FOR EACH ROW EXECUTE FUNCTION audit('id', '{hold_token_hash,meeting}');
DROP TRIGGER audit_delete ON idempotency_key;
CREATE TRIGGER audit_delete AFTER DELETE ON idempotency_key FOR EACH ROW WHEN (OLD.answer IS NOT NULL) EXECUTE FUNCTION audit('key', '{answer,request_hash}');
