-- The page after booking promises a message only where one will go.

CREATE FUNCTION to_be_told(of_appointment uuid, by_topic boolean) RETURNS TABLE (told boolean, reminded boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT count(*) > 0, count(*) FILTER (WHERE way = ANY (w.reminders)) > 0
        FROM appointment a
        JOIN patient p ON p.id = a.patient_id
        CROSS JOIN LATERAL notification_wishes(p.id) AS w
        CROSS JOIN LATERAL unnest(w.channels) AS way
        WHERE a.id = of_appointment AND a.id = viewer_appointment()
          AND CASE way WHEN 'email' THEN p.email IS NOT NULL
                       WHEN 'sms' THEN p.phone IS NOT NULL
                       ELSE by_topic OR EXISTS (SELECT FROM push_subscription s WHERE s.patient_id = p.id) END;
    END;
