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

-- What a link to this appointment is made of, what its bearer is told of the patient, and which appointment they see: this one,
-- or the later one that an accepted offer moved in place of this hold. Of an offer, what it is about, and the visit that it would
-- move. No row when no link opens it: it is a hold but no offer, its patient is no longer active (an erased one is not), or
-- `lives_on` has passed since its end.
CREATE FUNCTION guest_link(of_appointment uuid, lives_on interval)
    RETURNS TABLE (patient_id uuid, generation integer, first_name text, language text, expires_at timestamptz, appointment_id uuid,
                   offer_id uuid, offer_status text, offered_until timestamptz, entry_id uuid, displaced boolean, later_id uuid,
                   later_start timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT p.id, p.link_generation, p.first_name, p.language, upper(v.during) + lives_on, v.id,
               o.id, o.status, o.expires_at, e.id, e.exception_id IS NOT NULL, l.id, l.start_at
        FROM appointment a
        JOIN patient p ON p.id = a.patient_id
        LEFT JOIN waitlist_offer o ON o.appointment_id = a.id
        LEFT JOIN waitlist_entry e ON e.id = o.entry_id
        LEFT JOIN appointment l ON l.id = e.appointment_id AND l.status IN ('scheduled', 'confirmed') AND l.start_at > now()
        JOIN appointment v
            ON v.id = CASE WHEN o.status = 'accepted' AND e.appointment_id IS NOT NULL
                                AND NOT EXISTS (SELECT FROM appointment_history h
                                                WHERE h.appointment_id = a.id AND h.to_status = 'scheduled')
                           THEN e.appointment_id ELSE a.id END
        WHERE a.id = of_appointment AND p.active AND (a.status NOT IN ('held', 'expired') OR o.id IS NOT NULL)
          AND upper(v.during) + lives_on > now();
    END;
