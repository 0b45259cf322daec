-- A visit that only becomes longer or shorter stays confirmed: its patient comes at the same time.

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
