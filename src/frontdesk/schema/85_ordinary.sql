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
