-- Medical records, broken glass, and who is in whose care as the settings say.

LOCK TABLE idempotency_key, visit IN ACCESS EXCLUSIVE MODE;

-- What stays true beyond one visit. It is never edited: a correction is a new record that names the one it replaces.
CREATE TABLE medical_record (
    id             uuid PRIMARY KEY,
    patient_id     uuid NOT NULL REFERENCES patient,
    kind           text NOT NULL CHECK (kind IN ('note', 'allergy', 'condition', 'medication', 'immunization', 'result', 'document')),
    title          text CHECK (title <> ''),  -- NULL: erased
    body           text,
    recorded_on    date NOT NULL,
    appointment_id uuid REFERENCES appointment,
    replaces       uuid REFERENCES medical_record,
    created_at     timestamptz NOT NULL DEFAULT now(),
    changed_by     uuid NOT NULL,
    request_id     uuid NOT NULL,
    CONSTRAINT medical_record_replaced_once UNIQUE (replaces)
);
CREATE INDEX medical_record_of ON medical_record (patient_id, id);

-- A look behind the glass: somebody outside of a patient's care may read, for a time and for a reason that the patient sees.
CREATE TABLE break_glass (
    id         uuid PRIMARY KEY,
    patient_id uuid NOT NULL REFERENCES patient,
    user_id    uuid NOT NULL REFERENCES user_account,
    reason     text CHECK (length(reason) >= 10),  -- NULL: erased
    opened_at  timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    changed_by uuid NOT NULL,
    request_id uuid NOT NULL,
    CONSTRAINT break_glass_ends CHECK (expires_at > opened_at)
);
CREATE INDEX break_glass_of ON break_glass (patient_id, user_id, expires_at);

CREATE FUNCTION has_glass(of_user uuid, who uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM break_glass g WHERE g.patient_id = who AND g.user_id = of_user AND g.expires_at > now());
END
$$;

-- Whose visit an appointment is, and how far it has come, for whoever asks to write it down.
CREATE FUNCTION clinical_place(of_appointment uuid, to_write boolean) RETURNS TABLE (patient_id uuid, status text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF to_write THEN  -- until commit nobody cancels the visit that is being written down
        PERFORM FROM appointment a WHERE a.id = of_appointment FOR SHARE;
    END IF;
    RETURN QUERY SELECT a.patient_id, a.status FROM appointment a WHERE a.id = of_appointment AND a.patient_id IS NOT NULL;
END
$$;

-- Who broke a glass, in words for the patient.
CREATE FUNCTION broken_by(of_user uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    RETURN (SELECT coalesce(nullif(concat_ws(' ', p.title, p.first_name, p.last_name), ''), 'administration')
            FROM user_account u LEFT JOIN provider p ON p.id = u.provider_id WHERE u.id = of_user);

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON medical_record FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON break_glass FOR EACH ROW EXECUTE FUNCTION audit('id');

CREATE TRIGGER medical_record_keeps BEFORE UPDATE ON medical_record
    FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasure('title', 'body');
CREATE TRIGGER medical_record_append_only BEFORE DELETE OR TRUNCATE ON medical_record
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER break_glass_keeps BEFORE UPDATE ON break_glass
    FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasure('reason');
CREATE TRIGGER break_glass_append_only BEFORE DELETE OR TRUNCATE ON break_glass
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE OR REPLACE FUNCTION in_care(of_provider uuid, who uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM appointment a
        WHERE a.patient_id = who AND a.provider_id = of_provider
          AND a.start_at BETWEEN now() - coalesce(nullif(current_setting('frontdesk.care_before', true), ''), 'P730D')::interval
                             AND now() + coalesce(nullif(current_setting('frontdesk.care_after', true), ''), 'P365D')::interval
          AND a.status NOT IN ('held', 'expired')
          AND NOT EXISTS (SELECT FROM appointment_history h
                          WHERE h.appointment_id = a.id AND h.from_status = 'held' AND h.to_status = 'cancelled'));
END
$$;

-- Clinical text: the patient reads their own, providers what concerns those in their care, and whoever broke the glass for a
-- patient while that lasts. Providers write it, for those in their care.
CREATE FUNCTION reads_clinical(who uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN who = viewer_patient() OR writes_clinical(who) OR has_glass(viewer_user(), who);
END
$$;

CREATE FUNCTION writes_clinical(who uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN viewer_provider() IS NOT NULL AND in_care(viewer_provider(), who);
END
$$;

DROP POLICY seen ON visit;
DROP POLICY written ON visit;
CREATE POLICY seen ON visit FOR SELECT TO frontdesk_service USING (reads_clinical(patient_of(appointment_id)));
CREATE POLICY written ON visit TO frontdesk_service USING (writes_clinical(patient_of(appointment_id)));

ALTER TABLE medical_record ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON medical_record FOR SELECT TO frontdesk_service USING (reads_clinical(patient_id));
CREATE POLICY written ON medical_record FOR INSERT TO frontdesk_service WITH CHECK (writes_clinical(patient_id));

ALTER TABLE break_glass ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON break_glass FOR SELECT TO frontdesk_service USING (
    patient_id = (SELECT viewer_patient()) OR user_id = (SELECT viewer_user()) OR (SELECT viewer_role()) = 'admin');
CREATE POLICY opened ON break_glass FOR INSERT TO frontdesk_service WITH CHECK (user_id = (SELECT viewer_user()));

CREATE OR REPLACE FUNCTION clinical_until(who uuid, retention interval) RETURNS timestamptz
    LANGUAGE sql STABLE SECURITY DEFINER
    RETURN (SELECT max(last.at) + retention
            FROM (SELECT upper(a.during) AS at FROM appointment a
                  WHERE a.patient_id = who AND a.status IN ('checked_in', 'in_progress', 'completed')
                  UNION ALL SELECT m.created_at FROM medical_record m WHERE m.patient_id = who) AS last);

CREATE OR REPLACE FUNCTION erase_patient(erasure_id uuid, who uuid, why text, retention interval, by_whom uuid, in_request uuid)
    RETURNS SETOF erasure
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    contact  constant text[] := '{email,phone,language,address,national_id,insurance_provider,insurance_member_id,emergency_contact,preferences,external_ref}';
    clinical constant text[] := '{first_name,last_name,date_of_birth,gender}';
    until    constant timestamptz := clinical_until(who, retention);
    kept     constant boolean := coalesce(until > now(), false);
    accounts uuid[];
    rows     text[];
    removed  jsonb := '{}';
    changed  bigint;
BEGIN
    SELECT jsonb_build_object('patient', jsonb_build_object('rows', 1, 'columns',
               to_jsonb(filled(to_jsonb(p), CASE WHEN kept THEN contact ELSE contact || clinical END))))
    INTO removed
    FROM patient p WHERE p.id = who;
    UPDATE patient SET email = NULL, phone = NULL, language = NULL, address = NULL, national_id = NULL,
        insurance_provider = NULL, insurance_member_id = NULL, emergency_contact = NULL, preferences = '{}',
        external_ref = NULL, active = false, changed_by = by_whom, request_id = in_request
    WHERE id = who;

    SELECT coalesce(array_agg(id), '{}') INTO accounts FROM user_account WHERE patient_id = who AND role = 'patient';
    UPDATE user_account SET email = 'erased-' || id || '@erased.invalid', password_hash = '!', active = false,
        changed_by = by_whom, request_id = in_request
    WHERE id = ANY (accounts);
    UPDATE login_session SET revoked_at = now(), changed_by = by_whom, request_id = in_request
    WHERE user_id = ANY (accounts) AND revoked_at IS NULL;
    PERFORM set_config('frontdesk.actor', by_whom::text, true), set_config('frontdesk.request_id', in_request::text, true);
    DELETE FROM idempotency_key WHERE caller = ANY (accounts::text[]);  -- sealed answers to what they asked
    DELETE FROM contact_code WHERE user_id = ANY (accounts);
    DELETE FROM password_reset WHERE user_id = ANY (accounts);
    removed := removed || jsonb_build_object('user_account', jsonb_build_object('rows', cardinality(accounts),
                                                                                 'columns', '["email","password_hash"]'::jsonb));
    rows := who::text || accounts::text[] || ARRAY(SELECT id::text FROM login_session WHERE user_id = ANY (accounts));

    IF NOT kept THEN
        UPDATE patient SET first_name = 'Erased', last_name = 'Patient', date_of_birth = '1900-01-01', gender = NULL,
            changed_by = by_whom, request_id = in_request
        WHERE id = who;
        UPDATE appointment SET reason = NULL, status_reason = NULL,
            override_reason = CASE WHEN override_reason IS NOT NULL THEN 'erased' END, changed_by = by_whom, request_id = in_request
        WHERE patient_id = who AND (reason IS NOT NULL OR status_reason IS NOT NULL OR override_reason IS NOT NULL);
        GET DIAGNOSTICS changed = ROW_COUNT;
        removed := removed || jsonb_build_object('appointment', jsonb_build_object('rows', changed,
            'columns', '["override_reason","reason","status_reason"]'::jsonb));
        PERFORM set_config('frontdesk.erasing', pg_current_xact_id()::text, true);
        UPDATE appointment_history h SET reason = NULL
        FROM appointment a WHERE a.patient_id = who AND h.appointment_id = a.id AND h.reason IS NOT NULL;
        GET DIAGNOSTICS changed = ROW_COUNT;
        removed := removed || jsonb_build_object('appointment_history', jsonb_build_object('rows', changed,
            'columns', '["reason"]'::jsonb));
        UPDATE medical_record SET title = NULL, body = NULL WHERE patient_id = who AND (title IS NOT NULL OR body IS NOT NULL);
        GET DIAGNOSTICS changed = ROW_COUNT;
        removed := removed || jsonb_build_object('medical_record', jsonb_build_object('rows', changed,
            'columns', '["body","title"]'::jsonb));
        UPDATE break_glass SET reason = NULL WHERE patient_id = who AND reason IS NOT NULL;
        GET DIAGNOSTICS changed = ROW_COUNT;
        removed := removed || jsonb_build_object('break_glass', jsonb_build_object('rows', changed,
            'columns', '["reason"]'::jsonb));
        PERFORM set_config('frontdesk.erasing', '', true);
        UPDATE visit v SET chief_complaint = NULL, diagnosis = NULL, treatment_plan = NULL, prescriptions = '[]', notes = NULL,
            follow_up_on = NULL, changed_by = by_whom, request_id = in_request
        FROM appointment a WHERE a.patient_id = who AND v.appointment_id = a.id;
        GET DIAGNOSTICS changed = ROW_COUNT;
        removed := removed || jsonb_build_object('visit', jsonb_build_object('rows', changed, 'columns',
            '["chief_complaint","diagnosis","follow_up_on","notes","prescriptions","treatment_plan"]'::jsonb));
        rows := rows || ARRAY(SELECT id::text FROM appointment WHERE patient_id = who
                              UNION ALL SELECT id::text FROM medical_record WHERE patient_id = who
                              UNION ALL SELECT id::text FROM break_glass WHERE patient_id = who);
    END IF;

    -- Last: what stands above has written entries of its own, with the old values.
    changed := erase_audit_values(rows, who, why, by_whom, in_request);
    removed := removed || jsonb_build_object('audit_entry', jsonb_build_object('rows', changed, 'columns', '["new","old"]'::jsonb));
    RETURN QUERY
    INSERT INTO erasure (id, patient_id, scope, reason, keep_until, removed, changed_by, request_id)
    VALUES (erasure_id, who, CASE WHEN kept THEN 'contact' ELSE 'everything' END, why, CASE WHEN kept THEN until END, removed,
            by_whom, in_request)
    RETURNING *;
END
$$;

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
                        ELSE u.role END,
           concat_ws(' ', p.title, p.first_name, p.last_name),
           ARRAY(SELECT c.name FROM user_clinic w JOIN clinic c ON c.id = w.clinic_id WHERE w.user_id = u.id ORDER BY 1)
    FROM audit_entry e
    LEFT JOIN user_account u ON u.id = e.actor
    LEFT JOIN provider p ON p.id = u.provider_id
    WHERE e.row_id = ANY (ARRAY(SELECT who::text UNION ALL SELECT a.id::text FROM appointment a WHERE a.patient_id = who
                                UNION ALL SELECT m.id::text FROM medical_record m WHERE m.patient_id = who
                                UNION ALL SELECT g.id::text FROM break_glass g WHERE g.patient_id = who))
      AND e.table_name IN ('patient', 'patient_clinic', 'appointment', 'visit', 'medical_record', 'break_glass')
      AND (before_id IS NULL OR e.id < before_id)
    ORDER BY e.id DESC LIMIT most;
END
$$;

GRANT SELECT, INSERT ON medical_record, break_glass TO frontdesk_service;
