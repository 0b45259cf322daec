-- Another length of a visit is no news to its patient, and what was told of it stays true.

CREATE OR REPLACE FUNCTION visit_version(of_appointment uuid) RETURNS TABLE (version integer, since timestamptz)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
        SELECT h.version, h.at
        FROM (SELECT l.version, l.at, l.from_status,
                     lower(l.during) = lag(lower(l.during)) OVER w AND l.provider_id = lag(l.provider_id) OVER w
                         AND l.clinic_id = lag(l.clinic_id) OVER w AS stayed
              FROM appointment_history l WHERE l.appointment_id = of_appointment
              WINDOW w AS (ORDER BY l.version)) AS h
        WHERE h.stayed IS NOT TRUE OR h.from_status = 'held'
        ORDER BY h.version DESC LIMIT 1;
    END;
