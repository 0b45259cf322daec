-- Links by which a patient manages one appointment without a log-in (ADR-0025).

LOCK TABLE patient, appointment IN ACCESS EXCLUSIVE MODE;
ALTER TABLE patient ADD COLUMN link_generation integer NOT NULL DEFAULT 0;

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

CREATE FUNCTION guest_link(of_appointment uuid, lives_on interval)
    RETURNS TABLE (patient_id uuid, generation integer, first_name text, language text, expires_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT p.id, p.link_generation, p.first_name, p.language, upper(a.during) + lives_on
        FROM appointment a JOIN patient p ON p.id = a.patient_id
        WHERE a.id = of_appointment AND p.active AND a.status NOT IN ('held', 'expired')
          AND upper(a.during) + lives_on > now();
    END;

CREATE FUNCTION viewer_appointment() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_appointment', true), '')::uuid;

ALTER POLICY theirs ON appointment USING (
    patient_id = (SELECT viewer_patient())
    OR provider_id = (SELECT viewer_provider())
    OR clinic_id = ANY ((SELECT viewer_clinics())::uuid[])
    OR (SELECT viewer_role()) = 'admin'
    OR (request_id = (SELECT viewer_request()) AND changed_by = (SELECT viewer_user()))
    OR hold_client = (SELECT viewer_user())::text
    OR (hold_token_hash = (SELECT viewer_hold()) AND patient_id IS NULL)
    OR id = (SELECT viewer_appointment()));

CREATE OR REPLACE FUNCTION patient_accesses(who uuid, before_id bigint, most integer)
    RETURNS TABLE (id bigint, at timestamptz, table_name text, action text, what text, reason text, role text,
                   provider text, clinics text[])
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF viewer_role() IS DISTINCT FROM 'admin' AND viewer_patient() IS DISTINCT FROM who THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT e.id, e.at, e.table_name, e.action,
           CASE WHEN e.action = 'READ' THEN e.new ->> 'what' END,
           CASE WHEN e.action = 'READ' THEN e.new ->> 'reason' END,
           CASE e.actor WHEN '00000000-0000-7000-8000-000000000001' THEN 'system'
                        WHEN '00000000-0000-7000-8000-000000000002' THEN 'anonymous'
                        WHEN '00000000-0000-7000-8000-000000000003' THEN 'guest link'
                        ELSE u.role END,
           concat_ws(' ', p.title, p.first_name, p.last_name),
           ARRAY(SELECT c.name FROM user_clinic w JOIN clinic c ON c.id = w.clinic_id WHERE w.user_id = u.id ORDER BY 1)
    FROM audit_entry e
    LEFT JOIN user_account u ON u.id = e.actor
    LEFT JOIN provider p ON p.id = u.provider_id
    WHERE e.row_id = ANY (ARRAY(SELECT who::text UNION ALL SELECT a.id::text FROM appointment a WHERE a.patient_id = who
                                UNION ALL SELECT m.id::text FROM medical_record m WHERE m.patient_id = who
                                UNION ALL SELECT g.id::text FROM break_glass g WHERE g.patient_id = who))
      AND e.table_name IN ('patient', 'patient_clinic', 'appointment', 'visit', 'medical_record', 'break_glass',
                           'notification_preference')
      AND (before_id IS NULL OR e.id < before_id)
    ORDER BY e.id DESC LIMIT most;
END
$$;
