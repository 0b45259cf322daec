-- Limits on what may be booked: so many visits of a type on one provider's day, one future visit with a provider.
-- They depend on the book, so they are counted under a lock; the trigger is the last to count, whoever writes.

-- The limits of a visit type that one more visit would break: 'daily-limit', 'one-future'. `start` is the visit's; a
-- day is that of the clinic's zone, and a provider's visits at other clinics count on the day they have there.
CREATE FUNCTION broken_limits(of_visit_type uuid, of_provider uuid, who uuid, at_clinic uuid, start timestamptz,
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
