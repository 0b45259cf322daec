-- The same database without row-level security: what `make bench` compares the service with.
ALTER TABLE patient DISABLE ROW LEVEL SECURITY;
ALTER TABLE patient_clinic DISABLE ROW LEVEL SECURITY;
ALTER TABLE appointment DISABLE ROW LEVEL SECURITY;
ALTER TABLE appointment_history DISABLE ROW LEVEL SECURITY;
ALTER TABLE visit DISABLE ROW LEVEL SECURITY;

-- Nobody is looked up.
CREATE OR REPLACE FUNCTION enter(login uuid, request uuid) RETURNS boolean LANGUAGE sql RETURN true;

-- The reach of an ordinary booking is what the service says it is.
CREATE OR REPLACE FUNCTION ordinary_bookings(asked jsonb)
    RETURNS TABLE (id uuid, provider_id uuid, patient_id uuid, clinic_id uuid, visit_type_id uuid, during tstzrange,
                   claims tstzrange, mode text, reason text, changed_by uuid, request_id uuid)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT a.id, a.provider_id, a.patient_id, a.clinic_id, a.visit_type_id, a.during, a.claims, a.mode, a.reason,
           a.changed_by, a.request_id
    FROM jsonb_to_recordset(asked) AS a (
        id uuid, provider_id uuid, patient_id uuid, clinic_id uuid, visit_type_id uuid, during tstzrange, claims tstzrange,
        mode text, reason text, owners uuid[], version bigint, caller text, key text, changed_by uuid, request_id uuid)
    JOIN patient p ON p.id = a.patient_id AND p.active
    JOIN provider d ON d.id = a.provider_id AND d.accepting_new_patients
    WHERE (SELECT coalesce(sum(n.version), 0) FROM plan_version n WHERE n.owner = ANY (a.owners)) = a.version
      AND (a.key IS NULL OR EXISTS (SELECT FROM idempotency_key k
                                    WHERE k.caller = a.caller AND k.key = a.key AND k.answer IS NULL));
END;
