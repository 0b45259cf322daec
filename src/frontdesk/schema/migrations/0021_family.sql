-- Families: a guardian acts for a patient, in sessions of their own (ADR-0031).

ALTER TABLE login_session ADD COLUMN acts_for uuid REFERENCES patient;
ALTER TABLE login_session ADD COLUMN meant_until timestamptz;
CREATE INDEX login_session_acting ON login_session (acts_for) WHERE (acts_for IS NOT NULL);

-- A guardian books for a patient as the patient would. Of two people at most one row is not ended.
CREATE TABLE guardianship (
    id          uuid PRIMARY KEY,
    guardian_id uuid NOT NULL REFERENCES patient,
    patient_id  uuid NOT NULL REFERENCES patient,
    relation    text CHECK (relation <> ''),  -- what the guardian is to the patient, in their words: "mother"
    until_on    date,         -- the day on which the patient comes of age (UTC); NULL: an adult, until somebody ends it
    ended_at    timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_by  uuid NOT NULL,
    request_id  uuid NOT NULL,
    CONSTRAINT guardianship_of_another CHECK (guardian_id <> patient_id)
);
CREATE UNIQUE INDEX guardianship_once ON guardianship (guardian_id, patient_id) WHERE (ended_at IS NULL);
CREATE INDEX guardianship_over ON guardianship (patient_id);

-- Whether one may act for the other now: not ended, not yet of age, and both still patients here. No chains: a ward's own
-- wards are not asked for.
CREATE FUNCTION guards(guardian uuid, who uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    RETURN EXISTS (
        SELECT FROM guardianship g
        JOIN patient p ON p.id = g.guardian_id AND p.active
        JOIN patient w ON w.id = g.patient_id AND w.active
        WHERE g.guardian_id = guardian AND g.patient_id = who AND g.ended_at IS NULL
          AND (g.until_on IS NULL OR (now() AT TIME ZONE 'UTC')::date < g.until_on));

-- The same, and it stays so until this transaction ends: whoever ends it meanwhile waits, and then sees what was written here.
CREATE FUNCTION guards_until_commit(guardian uuid, who uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM guardianship g WHERE g.guardian_id = guardian AND g.patient_id = who AND g.ended_at IS NULL FOR SHARE;
    RETURN FOUND AND guards(guardian, who);  -- a statement of its own: it sees what was committed during the wait
END
$$;

-- Sessions that acted for the patient are over for good: neither a guardianship that begins anew nor a later day of coming of
-- age wakes them. And the links that messages brought so far open nothing: the guardian has them.
CREATE FUNCTION guardianship_ended() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE login_session s SET revoked_at = now(), changed_by = NEW.changed_by, request_id = NEW.request_id
    FROM user_account u
    WHERE s.acts_for = NEW.patient_id AND s.revoked_at IS NULL AND u.id = s.user_id AND u.patient_id = NEW.guardian_id;
    UPDATE patient SET link_generation = link_generation + 1, changed_by = NEW.changed_by, request_id = NEW.request_id
    WHERE id = NEW.patient_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER guardianship_ended AFTER UPDATE OF ended_at ON guardianship FOR EACH ROW
    WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION guardianship_ended();
-- It was over, or is now, by another day of coming of age.
CREATE TRIGGER guardianship_moved AFTER UPDATE OF until_on ON guardianship FOR EACH ROW
    WHEN (NEW.ended_at IS NULL AND OLD.until_on IS DISTINCT FROM NEW.until_on
          AND least(OLD.until_on, NEW.until_on) <= (now() AT TIME ZONE 'UTC')::date)
    EXECUTE FUNCTION guardianship_ended();

-- Who is no patient here any more acts for nobody, and nobody for them; when they are one again, in new sessions.
CREATE FUNCTION guardianship_rests() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- Whoever switches at this moment holds the row (guards_until_commit): their session is seen after the wait.
    PERFORM FROM guardianship WHERE NEW.id IN (guardian_id, patient_id) AND ended_at IS NULL ORDER BY id FOR NO KEY UPDATE;
    UPDATE login_session s SET revoked_at = now(), changed_by = NEW.changed_by, request_id = NEW.request_id
    FROM guardianship g JOIN user_account u ON u.patient_id = g.guardian_id
    WHERE NEW.id IN (g.guardian_id, g.patient_id) AND g.ended_at IS NULL
      AND s.acts_for = g.patient_id AND s.user_id = u.id AND s.revoked_at IS NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER guardianship_rests AFTER UPDATE OF active ON patient FOR EACH ROW
    WHEN (OLD.active AND NOT NEW.active) EXECUTE FUNCTION guardianship_rests();

-- A birth date that the desk corrects moves the day of coming of age. Another day, which the desk had chosen, stays.
CREATE FUNCTION guardianship_of_age() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE guardianship g
    SET until_on = NEW.date_of_birth + make_interval(years => age.years), changed_by = NEW.changed_by, request_id = NEW.request_id
    FROM (SELECT o.id, (extract(year FROM o.until_on) - extract(year FROM OLD.date_of_birth))::integer AS years
          FROM guardianship o WHERE o.patient_id = NEW.id AND o.ended_at IS NULL AND o.until_on IS NOT NULL) AS age
    WHERE g.id = age.id AND g.until_on = (OLD.date_of_birth + make_interval(years => age.years))::date;
    RETURN NULL;
END
$$;
CREATE TRIGGER guardianship_of_age AFTER UPDATE OF date_of_birth ON patient FOR EACH ROW
    WHEN (OLD.date_of_birth <> NEW.date_of_birth) EXECUTE FUNCTION guardianship_of_age();

-- For whom a session acts, and whose it is, never changes: a token that was written for it says the same as long as it lives.
CREATE FUNCTION login_session_keeps() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a session keeps whom it is of and for'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'login_session_keeps';
END
$$;
CREATE TRIGGER login_session_keeps BEFORE UPDATE OF user_id, acts_for ON login_session FOR EACH ROW
    WHEN ((OLD.user_id, OLD.acts_for) IS DISTINCT FROM (NEW.user_id, NEW.acts_for)) EXECUTE FUNCTION login_session_keeps();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON guardianship FOR EACH ROW EXECUTE FUNCTION audit('id');

-- Of the bookings asked for those that only the database can judge: the session lives and its user may book this patient at
-- this clinic, the plan they were chosen from is today's, and the Idempotency-Key, if any, is theirs.
CREATE OR REPLACE FUNCTION ordinary_bookings(asked jsonb)
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

DROP FUNCTION erase_audit_values(text[], uuid, text, uuid, uuid);

-- The one way to forget what a row held: the values go, and the salts that would let them be guessed; that there was an
-- entry, by whom and when, stays, and the erasure is an entry itself, which names all that it emptied. `row_ids` are the
-- rows of any table, `also` are entries of other rows, `subject` is the patient; looks are kept, they hold no values. Answers how many
-- entries it emptied.
CREATE FUNCTION erase_audit_values(row_ids text[], subject uuid, why text, by_whom uuid, in_request uuid, also bigint[] DEFAULT '{}')
    RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    emptied bigint[];
BEGIN
    PERFORM lock_audit_chain();
    PERFORM set_config('frontdesk.erasing', pg_current_xact_id()::text, true);
    WITH gone AS (
        UPDATE audit_entry SET old = NULL, new = NULL
        WHERE (row_id = ANY (row_ids) OR id = ANY (also)) AND action IN ('INSERT', 'UPDATE', 'DELETE')
          AND (old IS NOT NULL OR new IS NOT NULL)
        RETURNING id)
    SELECT coalesce(array_agg(id ORDER BY id), '{}') INTO emptied FROM gone;
    UPDATE audit_seal SET salt = NULL WHERE audit_id = ANY (emptied);
    PERFORM set_config('frontdesk.erasing', '', true);
    INSERT INTO audit_entry (table_name, row_id, action, actor, request_id, new)
    VALUES ('patient', subject::text, 'ERASE', by_whom, in_request, jsonb_build_object('reason', why, 'entries', emptied));
    RETURN cardinality(emptied);
END
$$;
REVOKE EXECUTE ON FUNCTION erase_audit_values(text[], uuid, text, uuid, uuid, bigint[]) FROM PUBLIC;

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

-- Who looked at a patient's record or changed it, for the patient and for admins, the latest first: what an entry says,
-- without old and new values. `what` and `reason` are told of a look; `provider` and `clinics` name who it was, for those
-- who are either.
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
                        ELSE CASE WHEN u.role = 'patient' AND u.patient_id <> who THEN 'guardian' ELSE u.role END END,
           concat_ws(' ', p.title, p.first_name, p.last_name),
           ARRAY(SELECT c.name FROM user_clinic w JOIN clinic c ON c.id = w.clinic_id WHERE w.user_id = u.id ORDER BY 1)
    FROM audit_entry e
    LEFT JOIN user_account u ON u.id = e.actor
    LEFT JOIN provider p ON p.id = u.provider_id
    WHERE e.row_id = ANY (ARRAY(SELECT who::text UNION ALL SELECT a.id::text FROM appointment a WHERE a.patient_id = who
                                UNION ALL SELECT m.id::text FROM medical_record m WHERE m.patient_id = who
                                UNION ALL SELECT g.id::text FROM break_glass g WHERE g.patient_id = who
                                UNION ALL SELECT w.id::text FROM waitlist_entry w WHERE w.patient_id = who
                                UNION ALL SELECT f.id::text FROM guardianship f WHERE f.patient_id = who))
      AND e.table_name IN ('patient', 'patient_clinic', 'appointment', 'visit', 'medical_record', 'break_glass',
                           'notification_preference', 'waitlist_entry', 'guardianship')
      AND (before_id IS NULL OR e.id < before_id)
    ORDER BY e.id DESC LIMIT most;
END
$$;

-- Set for the role patient alone: their own record, which is another than viewer_patient while they act for a ward.
CREATE FUNCTION viewer_guardian() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_guardian', true), '')::uuid;

-- From here on this connection works for the user of this log-in, as they are now; for nobody when it is NULL, over, or its
-- user inactive, or the guardianship by which they act for another does not stand today (28_family.sql). Answers whether the log-in lives: an access token of an ended session opens nothing.
CREATE OR REPLACE FUNCTION enter(login uuid, request uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    who record;
BEGIN
    SELECT u.id, u.role, CASE WHEN u.role = 'patient' THEN coalesce(s.acts_for, u.patient_id) END AS patient,
           CASE WHEN u.role = 'patient' THEN u.patient_id END AS guardian,
           CASE WHEN u.role = 'provider' THEN u.provider_id END AS provider,
           CASE WHEN u.role = 'staff'
                THEN ARRAY(SELECT c.clinic_id FROM user_clinic c WHERE c.user_id = u.id) END AS clinics
    INTO who
    FROM login_session s JOIN user_account u ON u.id = s.user_id
    WHERE s.id = login AND s.revoked_at IS NULL AND s.expires_at > now() AND u.active
      AND (s.acts_for IS NULL OR (u.role = 'patient' AND guards(u.patient_id, s.acts_for)));
    PERFORM set_config('frontdesk.viewer_role', coalesce(who.role, ''), false),
            set_config('frontdesk.viewer_user', coalesce(who.id::text, ''), false),
            set_config('frontdesk.viewer_request', coalesce(request::text, ''), false),
            set_config('frontdesk.viewer_patient', coalesce(who.patient::text, ''), false),
            set_config('frontdesk.viewer_guardian', coalesce(who.guardian::text, ''), false),
            set_config('frontdesk.viewer_provider', coalesce(who.provider::text, ''), false),
            set_config('frontdesk.viewer_clinics', coalesce(who.clinics::text, ''), false);
    RETURN who.id IS NOT NULL;
END
$$;

-- A ward sees who may act for them, a guardian for whom they may. The desk puts together whom it both sees; patients add
-- new records only, by add_ward.
ALTER TABLE guardianship ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON guardianship FOR SELECT TO frontdesk_service USING (
    guardian_id = (SELECT viewer_guardian())
    OR patient_id = (SELECT viewer_patient())
    OR (SELECT viewer_role()) = 'admin'
    OR ((SELECT viewer_clinics()) IS NOT NULL AND of_clinics((SELECT viewer_clinics()), patient_id)));
CREATE POLICY added ON guardianship FOR INSERT TO frontdesk_service WITH CHECK (
    (SELECT viewer_role()) = 'admin'
    OR ((SELECT viewer_clinics()) IS NOT NULL AND of_clinics((SELECT viewer_clinics()), patient_id)
        AND of_clinics((SELECT viewer_clinics()), guardian_id)));
CREATE POLICY ended ON guardianship FOR UPDATE TO frontdesk_service USING (
    guardian_id = (SELECT viewer_guardian())
    OR (SELECT viewer_role()) = 'admin'
    OR ((SELECT viewer_clinics()) IS NOT NULL AND of_clinics((SELECT viewer_clinics()), patient_id)));

-- For whom the viewer may act: themself first (without a relation), then their wards, the eldest first.
CREATE FUNCTION family() RETURNS TABLE (patient_id uuid, first_name text, last_name text, date_of_birth date, relation text,
                                        until_on date, since timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 3 AS $$
BEGIN
    RETURN QUERY
    SELECT p.id, p.first_name, p.last_name, p.date_of_birth, NULL, NULL::date, NULL::timestamptz
    FROM patient p WHERE p.id = viewer_guardian();
    RETURN QUERY
    SELECT p.id, p.first_name, p.last_name, p.date_of_birth, g.relation, g.until_on, g.created_at
    FROM guardianship g JOIN patient p ON p.id = g.patient_id
    WHERE g.guardian_id = viewer_guardian() AND g.ended_at IS NULL AND guards(g.guardian_id, g.patient_id)
    ORDER BY p.date_of_birth, p.id;
END
$$;

-- Who may act for this patient, as the desk and the patient see it: the guardian may be nobody of theirs.
CREATE FUNCTION guardians_of(who uuid)
    RETURNS TABLE (guardian_id uuid, first_name text, last_name text, relation text, until_on date, since timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 2 AS $$
BEGIN
    IF viewer_role() = 'admin' OR viewer_patient() = who
       OR (viewer_clinics() IS NOT NULL AND of_clinics(viewer_clinics(), who)) THEN
        RETURN QUERY
        SELECT g.guardian_id, p.first_name, p.last_name, g.relation, g.until_on, g.created_at
        FROM guardianship g JOIN patient p ON p.id = g.guardian_id
        WHERE g.patient_id = who AND guards(g.guardian_id, g.patient_id) AND g.ended_at IS NULL
        ORDER BY g.created_at, g.id;
    END IF;
END
$$;

-- A new record, of which the viewer is the guardian from the beginning: nobody gets at a record that was there before. It has
-- the guardian's addresses. FALSE when the viewer has, or added within 30 days, as many wards as anybody may (`most`).
CREATE FUNCTION add_ward(new_id uuid, link_id uuid, first text, last text, born_on date, of_gender text, of_relation text,
                         of_age_on date, most integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('family:' || viewer_guardian(), 0));
    IF most <= (SELECT count(*) FROM guardianship g
                WHERE g.guardian_id = viewer_guardian()
                  AND (g.ended_at IS NULL AND (g.until_on IS NULL OR g.until_on > (now() AT TIME ZONE 'UTC')::date)
                       OR g.created_at > now() - interval '30 days')) THEN
        RETURN false;
    END IF;
    INSERT INTO patient (id, first_name, last_name, date_of_birth, gender, email, phone, language, address, emergency_contact,
                         changed_by, request_id)
    SELECT new_id, first, last, born_on, of_gender, p.email, p.phone, p.language, p.address,
           jsonb_strip_nulls(jsonb_build_object('name', p.first_name || ' ' || p.last_name, 'phone', p.phone, 'relation', of_relation)),
           viewer_user(), viewer_request()
    FROM patient p WHERE p.id = viewer_guardian();
    INSERT INTO guardianship (id, guardian_id, patient_id, relation, until_on, changed_by, request_id)
    VALUES (link_id, viewer_guardian(), new_id, of_relation, of_age_on, viewer_user(), viewer_request());
    RETURN true;
END
$$;

-- End the links that messages have brought so far to the viewer and to those for whom they may act.
CREATE FUNCTION end_own_links(by_whom uuid, in_request uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE patient SET link_generation = link_generation + 1, changed_by = by_whom, request_id = in_request
    WHERE id IN (SELECT f.patient_id FROM family() f);
END
$$;

GRANT SELECT, INSERT ON guardianship TO frontdesk_service;
GRANT UPDATE (ended_at, changed_by, request_id) ON guardianship TO frontdesk_service;
