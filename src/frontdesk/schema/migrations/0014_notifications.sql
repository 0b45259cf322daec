-- Messages about visits: once each, and by the ways that a patient agreed to (ADR-0024).

ALTER TABLE clinic ADD COLUMN remind_day_min integer DEFAULT 1440 CHECK (remind_day_min BETWEEN 60 AND 20160);
ALTER TABLE clinic ADD COLUMN remind_hours_min integer DEFAULT 120 CHECK (remind_hours_min BETWEEN 15 AND 1440);

CREATE TABLE notification (
    id             uuid PRIMARY KEY,  -- the Message-ID is made of it: however often it is tried, it is the same message
    appointment_id uuid NOT NULL REFERENCES appointment,
    patient_id     uuid NOT NULL REFERENCES patient,
    clinic_id      uuid NOT NULL REFERENCES clinic,
    version        integer NOT NULL,  -- of the appointment: the one that the message is about
    kind           text NOT NULL CHECK (kind IN ('confirmation', 'change', 'cancellation', 'reminder_day', 'reminder_hours',
                                                 'status', 'waitlist_offer', 'running_late')),
    channel        text NOT NULL CHECK (channel IN ('email', 'sms', 'push')),
    copy           smallint NOT NULL DEFAULT 0 CHECK (copy >= 0),  -- above 0: sent again by hand
    status         text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sending', 'sent', 'failed', 'skipped')),
    due_at         timestamptz NOT NULL DEFAULT now(),
    next_at        timestamptz NOT NULL DEFAULT now(),  -- not tried before; of one being sent: then its sender is given up for dead
    attempts       integer NOT NULL DEFAULT 0,          -- also the sender's proof that the message is still theirs
    sent_at        timestamptz,
    reason         text,  -- why it was not sent: a word of ours, or the type of an error; never its text, which may quote an address
    created_at     timestamptz NOT NULL DEFAULT now(),
    changed_by     uuid NOT NULL,
    request_id     uuid NOT NULL,
    -- Invariant 9: about one version of a visit a person hears each thing once, by each channel.
    CONSTRAINT notification_once UNIQUE (appointment_id, version, kind, channel, copy),
    CONSTRAINT notification_sent_when CHECK ((status = 'sent') = (sent_at IS NOT NULL))
);
CREATE INDEX notification_due ON notification (next_at) WHERE (status IN ('pending', 'sending'));
CREATE INDEX notification_of_clinic ON notification (clinic_id, status, id);
CREATE INDEX notification_of_patient ON notification (patient_id, id);

CREATE FUNCTION notification_guard() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status IN ('sent', 'failed', 'skipped')
       OR (NEW.id, NEW.appointment_id, NEW.version, NEW.kind, NEW.channel, NEW.copy)
          IS DISTINCT FROM (OLD.id, OLD.appointment_id, OLD.version, OLD.kind, OLD.channel, OLD.copy) THEN
        RAISE EXCEPTION 'a notification that is % stays as it is', OLD.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'notification_final';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER notification_guard BEFORE UPDATE ON notification
    FOR EACH ROW EXECUTE FUNCTION notification_guard();

CREATE TABLE notification_preference (
    patient_id  uuid PRIMARY KEY REFERENCES patient,
    channels    text[] NOT NULL CHECK (channels <@ '{email,sms,push}'),
    reminders   text[] NOT NULL CHECK (reminders <@ '{email,sms,push}'),  -- of these channels: those that remind, too
    quiet_from  time,  -- local time of the clinic of the visit; after `quiet_until`: over midnight
    quiet_until time,
    version     integer NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    changed_by  uuid NOT NULL,
    request_id  uuid NOT NULL,
    CONSTRAINT notification_preference_quiet CHECK (
        (quiet_from IS NULL) = (quiet_until IS NULL) AND (quiet_from IS NULL OR quiet_from <> quiet_until))
);

CREATE FUNCTION notification_wishes(who uuid)
    RETURNS TABLE (channels text[], reminders text[], quiet_from time, quiet_until time, version integer)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
        SELECT coalesce(n.channels, preferred.channels), coalesce(n.reminders, preferred.channels), n.quiet_from, n.quiet_until,
               coalesce(n.version, 0)
        FROM patient p
        CROSS JOIN LATERAL (
            SELECT CASE WHEN jsonb_typeof(p.preferences -> 'channels') = 'array'
                        THEN ARRAY(SELECT c FROM unnest('{email,sms,push}'::text[]) AS c WHERE p.preferences -> 'channels' ? c)
                        ELSE '{email}'::text[] END AS channels) AS preferred
        LEFT JOIN notification_preference n ON n.patient_id = p.id
        WHERE p.id = who;
    END;

CREATE FUNCTION after_quiet(at timestamptz, zone text, quiet_from time, quiet_until time) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT coalesce(max(night.over), at)
        FROM generate_series(-1, 0) AS n
        CROSS JOIN LATERAL (SELECT (at AT TIME ZONE zone)::date + n AS on_day) AS d
        CROSS JOIN LATERAL (
            SELECT local_instant(d.on_day + quiet_from, zone) AS begins,
                   local_instant(d.on_day + (quiet_until < quiet_from)::integer + quiet_until, zone) AS over) AS night
        WHERE night.begins <= at AND night.over > at
    );

CREATE FUNCTION visit_version(of_appointment uuid) RETURNS TABLE (version integer, since timestamptz)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
        SELECT h.version, h.at
        FROM (SELECT l.version, l.at, l.from_status,
                     l.during = lag(l.during) OVER w AND l.provider_id = lag(l.provider_id) OVER w
                         AND l.clinic_id = lag(l.clinic_id) OVER w AS stayed
              FROM appointment_history l WHERE l.appointment_id = of_appointment
              WINDOW w AS (ORDER BY l.version)) AS h
        WHERE h.stayed IS NOT TRUE OR h.from_status = 'held'
        ORDER BY h.version DESC LIMIT 1;
    END;

CREATE TABLE push_subscription (
    id          uuid PRIMARY KEY,
    patient_id  uuid NOT NULL REFERENCES patient,
    endpoint    bytea NOT NULL,  -- keyed digest: the same device again is found, no address is told
    sealed      bytea NOT NULL,  -- address and keys (AES-256-GCM)
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_by  uuid NOT NULL,
    request_id  uuid NOT NULL,
    CONSTRAINT push_subscription_once UNIQUE (patient_id, endpoint)
);

CREATE FUNCTION unsubscribe(who uuid, from_channel text, by_user uuid, in_request uuid) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        INSERT INTO notification_preference AS n (patient_id, channels, reminders, changed_by, request_id)
        SELECT who, w.channels, array_remove(w.reminders, from_channel), by_user, in_request FROM notification_wishes(who) AS w
        ON CONFLICT (patient_id) DO UPDATE
        SET reminders = array_remove(n.reminders, from_channel), changed_by = by_user, request_id = in_request
        WHERE from_channel = ANY (n.reminders)
        RETURNING true;
    END;

CREATE TRIGGER version BEFORE UPDATE ON notification_preference FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON notification_preference FOR EACH ROW EXECUTE FUNCTION audit('patient_id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON push_subscription FOR EACH ROW EXECUTE FUNCTION audit('patient_id', '{endpoint,sealed}');
CREATE TRIGGER audit AFTER DELETE ON notification FOR EACH ROW EXECUTE FUNCTION audit('id');

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
      AND e.table_name IN ('patient', 'patient_clinic', 'appointment', 'visit', 'medical_record', 'break_glass',
                           'notification_preference')
      AND (before_id IS NULL OR e.id < before_id)
    ORDER BY e.id DESC LIMIT most;
END
$$;

ALTER TABLE notification ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON notification TO frontdesk_service USING (
    patient_id = (SELECT viewer_patient())
    OR clinic_id = ANY ((SELECT viewer_clinics())::uuid[])
    OR (SELECT viewer_role()) = 'admin');

ALTER TABLE notification_preference ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON notification_preference TO frontdesk_service USING (EXISTS (SELECT FROM patient p WHERE p.id = patient_id));

ALTER TABLE push_subscription ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON push_subscription TO frontdesk_service USING (patient_id = (SELECT viewer_patient()));

GRANT SELECT, INSERT, UPDATE, DELETE ON notification, notification_preference, push_subscription TO frontdesk_service;
REVOKE UPDATE, DELETE ON notification FROM frontdesk_service;
REVOKE DELETE ON notification_preference FROM frontdesk_service;
