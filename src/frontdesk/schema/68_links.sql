-- Links by which a patient manages one appointment without a log-in (ADR-0025). None is stored: each is the appointment's id
-- and a keyed digest of it, of its patient and of `patient.link_generation`.

-- Links were sent to an address. When it is no longer the patient's, neither are they; the next message brings new ones.
CREATE FUNCTION patient_links_end() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    NEW.link_generation := OLD.link_generation + 1;
    RETURN NEW;
END
$$;
CREATE TRIGGER links_end BEFORE UPDATE ON patient FOR EACH ROW
    WHEN ((OLD.email IS NOT NULL AND OLD.email IS DISTINCT FROM NEW.email)
          OR (OLD.phone IS NOT NULL AND OLD.phone IS DISTINCT FROM NEW.phone)
          OR (OLD.active AND NOT NEW.active))
    EXECUTE FUNCTION patient_links_end();

-- What a link to this appointment is made of, and what its bearer is told of the patient. No row when no link opens it: it is a
-- hold, its patient is no longer active (an erased one is not), or `lives_on` has passed since its end.
CREATE FUNCTION guest_link(of_appointment uuid, lives_on interval)
    RETURNS TABLE (patient_id uuid, generation integer, first_name text, language text, expires_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT p.id, p.link_generation, p.first_name, p.language, upper(a.during) + lives_on
        FROM appointment a JOIN patient p ON p.id = a.patient_id
        WHERE a.id = of_appointment AND p.active AND a.status NOT IN ('held', 'expired')
          AND upper(a.during) + lives_on > now();
    END;
