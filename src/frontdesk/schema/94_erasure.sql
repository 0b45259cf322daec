-- The right to be forgotten, as far as the law lets anybody forget (docs/patient-rights.md, GDPR Art. 17).

-- What was erased of whom, when and why, and what was kept on which ground until when. Names no value that was erased.
CREATE TABLE erasure (
    id          uuid PRIMARY KEY,
    patient_id  uuid NOT NULL REFERENCES patient,
    at          timestamptz NOT NULL DEFAULT now(),
    scope       text NOT NULL CHECK (scope IN ('contact', 'everything')),
    reason      text NOT NULL CHECK (reason <> ''),
    keep_until  timestamptz,     -- until then the law keeps the clinical record, and who it is about; NULL: nothing is kept
    removed     jsonb NOT NULL,  -- by table: how many rows lost values, and the columns that held any
    changed_by  uuid NOT NULL,
    request_id  uuid NOT NULL,
    CONSTRAINT erasure_keeps_for_a_time CHECK ((scope = 'contact') = (keep_until IS NOT NULL))
);
CREATE INDEX erasure_of ON erasure (patient_id, at);
CREATE INDEX erasure_kept ON erasure (keep_until) WHERE (keep_until IS NOT NULL);
CREATE TRIGGER erasure_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON erasure
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The history keeps who, when and what; the words in it may be erased.
CREATE TRIGGER appointment_history_keeps BEFORE UPDATE ON appointment_history
    FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasure('reason');
CREATE TRIGGER medical_record_keeps BEFORE UPDATE ON medical_record
    FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasure('title', 'body');
CREATE TRIGGER medical_record_append_only BEFORE DELETE OR TRUNCATE ON medical_record
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER break_glass_keeps BEFORE UPDATE ON break_glass
    FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasure('reason');
CREATE TRIGGER break_glass_append_only BEFORE DELETE OR TRUNCATE ON break_glass
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The names of the columns of `of_row` among `columns` that hold something.
CREATE FUNCTION filled(of_row jsonb, columns text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE
    RETURN ARRAY(SELECT c FROM unnest(columns) AS c WHERE of_row ->> c IS NOT NULL AND of_row -> c NOT IN ('{}', '[]') ORDER BY c);

-- When the clinical record of a patient may go: so long after the last visit that took place, or the last record that was
-- written. NULL: there is none.
CREATE FUNCTION clinical_until(who uuid, retention interval) RETURNS timestamptz
    LANGUAGE sql STABLE SECURITY DEFINER
    RETURN (SELECT max(last.at) + retention
            FROM (SELECT upper(a.during) AS at FROM appointment a
                  WHERE a.patient_id = who AND a.status IN ('checked_in', 'in_progress', 'completed')
                  UNION ALL SELECT m.created_at FROM medical_record m WHERE m.patient_id = who) AS last);

-- Contacts as they are compared: without what people type differently. NULL: there is none.
CREATE FUNCTION same_words(said text) RETURNS text
    LANGUAGE sql IMMUTABLE RETURN nullif(lower(regexp_replace(btrim(said), '\s+', ' ', 'g')), '');
CREATE FUNCTION same_number(said text) RETURNS text
    LANGUAGE sql IMMUTABLE RETURN nullif(regexp_replace(said, '\D', '', 'g'), '');

-- Whether a row of `patient`, as the trail has it, holds any of these words: as a contact, or in its emergency contact.
CREATE FUNCTION holds_of(of_row jsonb, emails text[], phones text[], addresses text[], names text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN coalesce(same_words(of_row ->> 'email') = ANY (emails), false)
        OR coalesce(same_number(of_row ->> 'phone') = ANY (phones), false)
        OR coalesce(same_words(of_row ->> 'address') = ANY (addresses), false)
        OR coalesce(same_words(of_row -> 'emergency_contact' ->> 'name') = ANY (names), false)
        OR coalesce(same_number(of_row -> 'emergency_contact' ->> 'phone') = ANY (phones), false);

-- Take from the wards of a guardian what they have of the guardian's contacts: every e-mail, phone, address and name that the
-- guardian ever had, by the trail, which must still tell it. What another guardian of the ward has as well stays. Answers the
-- entries of the wards' rows that hold any of it, those of this change included: they are to be emptied.
CREATE FUNCTION forget_guardian(who uuid, by_whom uuid, in_request uuid) RETURNS bigint[]
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    ever   record;
    ward   uuid;
    theirs record;
    held   bigint[] := '{}';
BEGIN
    SELECT array_agg(same_words(r.was ->> 'email')) AS emails, array_agg(same_number(r.was ->> 'phone')) AS phones,
           array_agg(same_words(r.was ->> 'address')) AS addresses,
           array_agg(same_words((r.was ->> 'first_name') || ' ' || (r.was ->> 'last_name'))) AS names
    INTO ever
    FROM (SELECT to_jsonb(p) FROM patient p WHERE p.id = who
          UNION ALL SELECT jsonb_build_object('email', u.email) FROM user_account u WHERE u.patient_id = who
          UNION ALL SELECT unnest(ARRAY[e.old, e.new]) FROM audit_entry e
                    WHERE e.row_id = who::text AND e.table_name = 'patient' AND e.action IN ('INSERT', 'UPDATE')
          UNION ALL SELECT unnest(ARRAY[e.old, e.new]) FROM audit_entry e JOIN user_account u ON e.row_id = u.id::text
                    WHERE u.patient_id = who AND e.table_name = 'user_account' AND e.action IN ('INSERT', 'UPDATE')) AS r (was);
    FOR ward IN SELECT DISTINCT g.patient_id FROM guardianship g WHERE g.guardian_id = who ORDER BY 1 LOOP
        PERFORM FROM patient WHERE id = ward FOR NO KEY UPDATE;  -- what is just being written is seen below
        SELECT ARRAY(SELECT unnest(ever.emails) EXCEPT SELECT unnest(array_agg(same_words(o.email)))) AS emails,
               ARRAY(SELECT unnest(ever.phones) EXCEPT SELECT unnest(array_agg(same_number(o.phone)))) AS phones,
               ARRAY(SELECT unnest(ever.addresses) EXCEPT SELECT unnest(array_agg(same_words(o.address)))) AS addresses
        INTO theirs
        FROM guardianship g JOIN patient o ON o.id = g.guardian_id
        WHERE g.patient_id = ward AND o.id <> who AND guards(o.id, ward);
        UPDATE patient w SET
            email = CASE WHEN same_words(w.email) = ANY (theirs.emails) THEN NULL ELSE w.email END,
            phone = CASE WHEN same_number(w.phone) = ANY (theirs.phones) THEN NULL ELSE w.phone END,
            address = CASE WHEN same_words(w.address) = ANY (theirs.addresses) THEN NULL ELSE w.address END,
            emergency_contact = CASE WHEN same_words(w.emergency_contact ->> 'name') = ANY (ever.names)
                                       OR same_number(w.emergency_contact ->> 'phone') = ANY (theirs.phones)
                                     THEN NULL ELSE w.emergency_contact END,
            changed_by = by_whom, request_id = in_request
        WHERE w.id = ward AND holds_of(to_jsonb(w), theirs.emails, theirs.phones, theirs.addresses, ever.names);
        held := held || ARRAY(SELECT e.id FROM audit_entry e
                              WHERE e.row_id = ward::text AND e.table_name = 'patient' AND e.action IN ('INSERT', 'UPDATE')
                                AND (holds_of(e.old, theirs.emails, theirs.phones, theirs.addresses, ever.names)
                                     OR holds_of(e.new, theirs.emails, theirs.phones, theirs.addresses, ever.names)));
    END LOOP;
    RETURN held;
END
$$;
REVOKE EXECUTE ON FUNCTION forget_guardian(uuid, uuid, uuid) FROM PUBLIC;

-- Erase a patient: contact data and log-ins always; the rest too, the audit trail's values included, when no law keeps it.
-- Answers the line of `erasure`. The caller has looked that nothing lies ahead, and holds the patient FOR UPDATE.
CREATE FUNCTION erase_patient(erasure_id uuid, who uuid, why text, retention interval, by_whom uuid, in_request uuid)
    RETURNS SETOF erasure
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    contact  constant text[] := '{email,phone,language,address,national_id,insurance_provider,insurance_member_id,emergency_contact,preferences,external_ref}';
    clinical constant text[] := '{first_name,last_name,date_of_birth,gender}';
    until    constant timestamptz := clinical_until(who, retention);
    kept     constant boolean := coalesce(until > now(), false);
    accounts uuid[];
    rows     text[];
    entries  bigint[];  -- of wards
    removed  jsonb := '{}';
    changed  bigint;
BEGIN
    SELECT jsonb_build_object('patient', jsonb_build_object('rows', 1, 'columns',
               to_jsonb(filled(to_jsonb(p), CASE WHEN kept THEN contact ELSE contact || clinical END))))
    INTO removed
    FROM patient p WHERE p.id = who;
    entries := forget_guardian(who, by_whom, in_request);  -- while the trail tells what they ever had
    UPDATE guardianship SET ended_at = coalesce(ended_at, now()), relation = NULL, changed_by = by_whom, request_id = in_request
    WHERE (guardian_id = who OR patient_id = who) AND (ended_at IS NULL OR relation IS NOT NULL);
    GET DIAGNOSTICS changed = ROW_COUNT;
    removed := removed || jsonb_build_object('guardianship', jsonb_build_object('rows', changed, 'columns', '["relation"]'::jsonb));
    UPDATE patient SET email = NULL, phone = NULL, language = NULL, address = NULL, national_id = NULL,
        national_id_index = NULL, insurance_provider = NULL, insurance_member_id = NULL, emergency_contact = NULL, preferences = '{}',
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
    DELETE FROM notification_preference WHERE patient_id = who;
    GET DIAGNOSTICS changed = ROW_COUNT;
    removed := removed || jsonb_build_object('notification_preference', jsonb_build_object('rows', changed,
        'columns', '["channels","quiet_from","quiet_until","reminders"]'::jsonb));
    DELETE FROM push_subscription WHERE patient_id = who;
    GET DIAGNOSTICS changed = ROW_COUNT;
    removed := removed || jsonb_build_object('push_subscription', jsonb_build_object('rows', changed,
        'columns', '["endpoint","sealed"]'::jsonb));
    UPDATE waitlist_entry SET status = CASE status WHEN 'waiting' THEN 'removed' ELSE status END, reason = NULL,
        changed_by = by_whom, request_id = in_request
    WHERE patient_id = who AND (status = 'waiting' OR reason IS NOT NULL);
    GET DIAGNOSTICS changed = ROW_COUNT;
    removed := removed || jsonb_build_object('waitlist_entry', jsonb_build_object('rows', changed, 'columns', '["reason"]'::jsonb));
    removed := removed || jsonb_build_object('user_account', jsonb_build_object('rows', cardinality(accounts),
                                                                                 'columns', '["email","password_hash"]'::jsonb));
    rows := who::text || accounts::text[] || ARRAY(SELECT id::text FROM login_session WHERE user_id = ANY (accounts)
                                                    UNION ALL SELECT id::text FROM waitlist_entry WHERE patient_id = who
                                                    UNION ALL SELECT id::text FROM guardianship WHERE who IN (guardian_id, patient_id));

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
    changed := erase_audit_values(rows, who, why, by_whom, in_request, entries);
    removed := removed || jsonb_build_object('audit_entry', jsonb_build_object('rows', changed, 'columns', '["new","old"]'::jsonb));
    RETURN QUERY
    INSERT INTO erasure (id, patient_id, scope, reason, keep_until, removed, changed_by, request_id)
    VALUES (erasure_id, who, CASE WHEN kept THEN 'contact' ELSE 'everything' END, why, CASE WHEN kept THEN until END, removed,
            by_whom, in_request)
    RETURNING *;
END
$$;
REVOKE EXECUTE ON FUNCTION erase_patient(uuid, uuid, text, interval, uuid, uuid) FROM PUBLIC;
