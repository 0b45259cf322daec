-- Ordinary bookings of several people in one transaction (booking/ordinary.py, ADR-0015). There is no one viewer whom
-- policies could ask about, so these functions see everything, and ask for each booking who may make it (ADR-0021).

-- Of the bookings asked for those that only the database can judge: the session lives and its user may book this patient at
-- this clinic, the plan they were chosen from is today's, and the Idempotency-Key, if any, is theirs.
CREATE FUNCTION ordinary_bookings(asked jsonb)
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
              WHEN 'patient' THEN coalesce(s.acts_for, u.patient_id) = a.patient_id
                                  AND (s.acts_for IS NULL OR guards(u.patient_id, s.acts_for))
              WHEN 'staff' THEN EXISTS (SELECT FROM user_clinic c WHERE c.user_id = u.id AND c.clinic_id = a.clinic_id)
                                AND of_clinics(ARRAY(SELECT c.clinic_id FROM user_clinic c WHERE c.user_id = u.id), a.patient_id)
              ELSE u.role = 'admin' END
      -- Until commit only its own transaction sees a key without an answer.
      AND (a.key IS NULL OR EXISTS (SELECT FROM idempotency_key k
                                    WHERE k.caller = a.caller AND k.key = a.key AND k.answer IS NULL));
END;

-- Claim several times, each judged alone by the constraints; a row back for each that is booked.
CREATE FUNCTION book_ordinary(asked jsonb) RETURNS SETOF appointment
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

-- What overlaps bookings that got no row; times only, nobody's identity. Nothing for one that rules may refuse, or that
-- only an overdue hold keeps out: these are looked at alone.
CREATE FUNCTION in_the_way_of_ordinary(asked jsonb, at timestamptz)
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
