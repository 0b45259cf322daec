-- The call list keeps whom messages told of time off that was declined since, and has those called whom no message
-- reaches; what other time off covers goes to the list of that one.

DROP FUNCTION displaced(uuid, timestamptz);

-- What became of the visits that a time off displaced: `was` and `was_at`, where each stood; `state` is 'accepted' for one
-- that has another time, or was begun all the same, and 'offered' only where a message about it left or can leave (`by_topic`:
-- push messages need no device). `stands`: it takes place after all, but its patient was told otherwise. Ids and times of
-- whatever clinic: the desk that calls has to know them.
CREATE FUNCTION displaced(of_exception uuid, at timestamptz, by_topic boolean)
    RETURNS TABLE (entry_id uuid, appointment_id uuid, patient_id uuid, visit_type_id uuid, was_at uuid, was tstzrange, state text,
                   stands boolean, provider_id uuid, clinic_id uuid, during tstzrange, offers jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT e.id, a.id, e.patient_id, a.visit_type_id, stood.clinic_id, stood.during,
               CASE WHEN a.status IN ('cancelled', 'no_show') THEN 'cancelled'
                    WHEN NOT here.unmoved THEN 'accepted'
                    WHEN here.away AND chosen.offers IS NOT NULL AND (heard.yes OR heard.will) THEN 'offered'
                    ELSE 'needs_call' END,
               here.unmoved AND NOT here.away, a.provider_id, a.clinic_id, a.during,
               CASE WHEN here.away THEN coalesce(chosen.offers, '[]') ELSE '[]' END
        FROM waitlist_entry e
        JOIN appointment a ON a.id = e.appointment_id
        JOIN schedule_exception x ON x.id = e.exception_id
        CROSS JOIN LATERAL (
            -- Where it last stood within the time off. One whose time off was changed since is told as it stands.
            SELECT s.provider_id, s.clinic_id, s.during
            FROM (SELECT h.provider_id, h.clinic_id, h.during, h.version FROM appointment_history h
                  WHERE h.appointment_id = a.id AND h.provider_id = x.provider_id AND h.during && x.during
                  UNION ALL SELECT a.provider_id, a.clinic_id, a.during, 0) AS s
            ORDER BY s.version DESC LIMIT 1
        ) AS stood
        CROSS JOIN LATERAL (
            SELECT x.status = 'approved' AND stood.during && x.during AS away,
                   a.status IN ('scheduled', 'confirmed')
                       AND (a.provider_id, a.clinic_id, a.during) = (stood.provider_id, stood.clinic_id, stood.during) AS unmoved
        ) AS here
        CROSS JOIN LATERAL (
            SELECT jsonb_agg(jsonb_build_object(
                       'id', o.id, 'provider_id', h.provider_id, 'clinic_id', h.clinic_id, 'time_zone', c.time_zone,
                       'start', lower(h.during), 'end', upper(h.during), 'expires_at', o.expires_at) ORDER BY o.choice) AS offers
            FROM waitlist_offer o JOIN appointment h ON h.id = o.appointment_id JOIN clinic c ON c.id = h.clinic_id
            WHERE o.entry_id = e.id AND o.status = 'standing' AND o.expires_at > at
        ) AS chosen
        CROSS JOIN LATERAL (
            SELECT coalesce(array_agg(n.channel) FILTER (WHERE n.status = 'sent'), '{}') AS sent,
                   coalesce(array_agg(n.channel) FILTER (WHERE n.status IN ('failed', 'skipped')), '{}') AS lost
            FROM waitlist_offer o JOIN notification n ON n.appointment_id = o.appointment_id AND n.kind = 'waitlist_offer'
            WHERE o.entry_id = e.id
        ) AS message
        CROSS JOIN LATERAL (
            SELECT message.sent <> '{}' AS yes,
                   EXISTS (SELECT FROM patient p
                           CROSS JOIN LATERAL notification_wishes(p.id) AS w
                           CROSS JOIN LATERAL unnest(w.channels) AS way
                           WHERE p.id = e.patient_id AND p.active AND way <> ALL (message.lost)
                             AND CASE way WHEN 'email' THEN p.email IS NOT NULL
                                          WHEN 'sms' THEN p.phone IS NOT NULL
                                          ELSE by_topic OR EXISTS (SELECT FROM push_subscription s WHERE s.patient_id = p.id)
                                          END) AS will
        ) AS heard
        WHERE e.exception_id = of_exception
          -- Whom the time off leaves alone, since it was declined or changed, nobody calls, but those who were told otherwise.
          AND (here.away OR NOT here.unmoved
               OR (heard.yes AND a.start_at > at
                   AND NOT EXISTS (SELECT FROM schedule_exception o
                                   WHERE o.provider_id = a.provider_id AND o.kind = 'time_off' AND o.status = 'approved'
                                     AND (o.clinic_id IS NULL OR o.clinic_id = a.clinic_id) AND o.during && a.during)));
    END;

-- Time off that is declined or changed leaves visits alone. Those that another approved one covers are displaced by that one
-- from then on, with the times that are kept for them; whom it displaced itself is on its list already.
CREATE FUNCTION still_displaced() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE waitlist_entry e
    SET exception_id = other.id, changed_by = NEW.changed_by, request_id = NEW.request_id
    FROM appointment a
    CROSS JOIN LATERAL (
        SELECT x.id FROM schedule_exception x
        WHERE x.provider_id = a.provider_id AND x.id <> NEW.id AND x.kind = 'time_off' AND x.status = 'approved'
          AND (x.clinic_id IS NULL OR x.clinic_id = a.clinic_id) AND x.during && a.during
          AND NOT EXISTS (SELECT FROM waitlist_entry d WHERE d.exception_id = x.id AND d.appointment_id = a.id)
        ORDER BY x.id LIMIT 1
    ) AS other
    WHERE e.exception_id = NEW.id AND e.status IN ('offered', 'expired') AND a.id = e.appointment_id
      AND a.provider_id = NEW.provider_id AND a.status IN ('scheduled', 'confirmed') AND a.start_at > now()
      AND NOT (NEW.status = 'approved' AND a.during && NEW.during);
    RETURN NULL;
END
$$;
CREATE TRIGGER still_displaced AFTER UPDATE ON schedule_exception FOR EACH ROW
    WHEN (OLD.kind = 'time_off' AND OLD.status = 'approved' AND (NEW.status <> 'approved' OR NEW.during <> OLD.during))
    EXECUTE FUNCTION still_displaced();
