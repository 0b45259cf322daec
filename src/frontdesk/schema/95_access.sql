-- Who sees which row, whatever a query of the service asks for or forgets to ask (ADR-0021).
--
-- The service works as `frontdesk_service`, which owns nothing and cannot pass over a policy. Each connection says whose
-- log-in it works for (`enter`); until then it shows nobody's rows. What has to look at everything (the constraints, triggers,
-- busy times, searches) runs as the owner and answers times and ids, or counts.
-- The owner's own programs (migrations, command line, background worker) see everything.

-- The viewer of this connection, as settings that `enter` writes and policies read: once a statement, not once a row.
CREATE FUNCTION viewer_role() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_role', true), '');

CREATE FUNCTION viewer_user() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_user', true), '')::uuid;

CREATE FUNCTION viewer_request() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_request', true), '')::uuid;

-- Set for the role patient alone.
CREATE FUNCTION viewer_patient() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_patient', true), '')::uuid;

-- Set for the role patient alone: their own record, which is another than viewer_patient while they act for a ward.
CREATE FUNCTION viewer_guardian() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_guardian', true), '')::uuid;

-- Set for the role provider alone.
CREATE FUNCTION viewer_provider() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_provider', true), '')::uuid;

-- Set for the role staff alone: the clinics of their desk.
CREATE FUNCTION viewer_clinics() RETURNS uuid[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_clinics', true), '')::uuid[];

-- The digest (hex) of the secret by which this transaction shows its right to a hold.
CREATE FUNCTION viewer_hold() RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN decode(nullif(current_setting('frontdesk.viewer_hold', true), ''), 'hex');

-- The one appointment that this transaction is about, because a link to it was shown and proven (ADR-0025).
CREATE FUNCTION viewer_appointment() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_appointment', true), '')::uuid;

-- The waitlist entry whose offer this transaction answers, because the link to it was shown and proven.
CREATE FUNCTION viewer_entry() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_entry', true), '')::uuid;

-- The later visit that this answer would move.
CREATE FUNCTION viewer_later() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('frontdesk.viewer_later', true), '')::uuid;

-- From here on this connection works for the user of this log-in, as they are now; for nobody when it is NULL, over, or its
-- user inactive, or the guardianship by which they act for another does not stand today (28_family.sql). Answers whether the log-in lives: an access token of an ended session opens nothing.
CREATE FUNCTION enter(login uuid, request uuid) RETURNS boolean
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

-- Whose visit it is; NULL for a hold without a patient.
CREATE FUNCTION patient_of(of_appointment uuid) RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    RETURN (SELECT patient_id FROM appointment WHERE id = of_appointment);

-- Whether a message about the appointment of the link goes out at all, and a reminder: by what its patient agreed to, as far as
-- there is an address for it.
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

-- What a request has just written it may read back, even when it moved the row out of its own sight: a provider books a
-- patient in their care with a colleague, the desk ends a registration.
-- (SELECT …) makes each setting a constant of the statement.

ALTER TABLE patient ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON patient FOR SELECT TO frontdesk_service USING (
    id = (SELECT viewer_patient())
    OR (SELECT viewer_role()) = 'admin'
    OR ((SELECT viewer_clinics()) IS NOT NULL AND of_clinics((SELECT viewer_clinics()), id))
    OR ((SELECT viewer_provider()) IS NOT NULL AND in_care((SELECT viewer_provider()), id))
    OR (request_id = (SELECT viewer_request()) AND changed_by = (SELECT viewer_user())));
-- Whoever registers is nobody yet.
CREATE POLICY added ON patient FOR INSERT TO frontdesk_service WITH CHECK (
    coalesce((SELECT viewer_role()) IN ('staff', 'admin'), true));
CREATE POLICY changed ON patient FOR UPDATE TO frontdesk_service USING (
    id = (SELECT viewer_patient())
    OR (SELECT viewer_role()) = 'admin'
    OR ((SELECT viewer_clinics()) IS NOT NULL AND of_clinics((SELECT viewer_clinics()), id)));
CREATE POLICY removed ON patient FOR DELETE TO frontdesk_service USING ((SELECT viewer_role()) = 'admin');

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

ALTER TABLE patient_clinic ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON patient_clinic FOR SELECT TO frontdesk_service USING (
    EXISTS (SELECT FROM patient p WHERE p.id = patient_id));
CREATE POLICY added ON patient_clinic FOR INSERT TO frontdesk_service WITH CHECK (
    (SELECT viewer_role()) = 'admin' OR clinic_id = ANY ((SELECT viewer_clinics())::uuid[]));
CREATE POLICY removed ON patient_clinic FOR DELETE TO frontdesk_service USING (
    (SELECT viewer_role()) = 'admin' OR clinic_id = ANY ((SELECT viewer_clinics())::uuid[]));

ALTER TABLE appointment ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON appointment TO frontdesk_service USING (
    patient_id = (SELECT viewer_patient())
    OR provider_id = (SELECT viewer_provider())
    OR clinic_id = ANY ((SELECT viewer_clinics())::uuid[])
    OR (SELECT viewer_role()) = 'admin'
    OR (request_id = (SELECT viewer_request()) AND changed_by = (SELECT viewer_user()))
    OR hold_client = (SELECT viewer_user())::text
    OR (hold_token_hash = (SELECT viewer_hold()) AND patient_id IS NULL)
    OR id = (SELECT viewer_appointment())
    OR id = (SELECT viewer_later()));

ALTER TABLE appointment_history ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON appointment_history FOR SELECT TO frontdesk_service USING (
    EXISTS (SELECT FROM appointment a WHERE a.id = appointment_id));

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

ALTER TABLE visit ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON visit FOR SELECT TO frontdesk_service USING (reads_clinical(patient_of(appointment_id)));
CREATE POLICY written ON visit TO frontdesk_service USING (writes_clinical(patient_of(appointment_id)));

ALTER TABLE medical_record ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON medical_record FOR SELECT TO frontdesk_service USING (reads_clinical(patient_id));
CREATE POLICY written ON medical_record FOR INSERT TO frontdesk_service WITH CHECK (writes_clinical(patient_id));

ALTER TABLE break_glass ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON break_glass FOR SELECT TO frontdesk_service USING (
    patient_id = (SELECT viewer_patient()) OR user_id = (SELECT viewer_user()) OR (SELECT viewer_role()) = 'admin');
CREATE POLICY opened ON break_glass FOR INSERT TO frontdesk_service WITH CHECK (user_id = (SELECT viewer_user()));

ALTER TABLE erasure ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON erasure FOR SELECT TO frontdesk_service USING (
    patient_id = (SELECT viewer_patient()) OR (SELECT viewer_role()) = 'admin');
GRANT EXECUTE ON FUNCTION erase_patient(uuid, uuid, text, interval, uuid, uuid) TO frontdesk_service;

ALTER TABLE notification ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON notification TO frontdesk_service USING (
    patient_id = (SELECT viewer_patient())
    OR clinic_id = ANY ((SELECT viewer_clinics())::uuid[])
    OR (SELECT viewer_role()) = 'admin');

-- Whoever sees the patient.
ALTER TABLE notification_preference ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON notification_preference TO frontdesk_service USING (EXISTS (SELECT FROM patient p WHERE p.id = patient_id));

ALTER TABLE push_subscription ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON push_subscription TO frontdesk_service USING (patient_id = (SELECT viewer_patient()));

-- Whoever sees the patient, and the desk of a clinic that they would come to.
ALTER TABLE waitlist_entry ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON waitlist_entry TO frontdesk_service USING (
    patient_id = (SELECT viewer_patient())
    OR (SELECT viewer_role()) = 'admin'
    OR clinic_ids && (SELECT viewer_clinics())::uuid[]
    OR ((SELECT viewer_clinics()) IS NOT NULL AND clinic_ids IS NULL AND of_clinics((SELECT viewer_clinics()), patient_id))
    OR ((SELECT viewer_provider()) IS NOT NULL AND in_care((SELECT viewer_provider()), patient_id))
    OR id = (SELECT viewer_entry()));
ALTER TABLE waitlist_offer ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON waitlist_offer TO frontdesk_service USING (
    EXISTS (SELECT FROM waitlist_entry e WHERE e.id = entry_id));

-- The trail is read through the functions of 95_trail.sql, and written by triggers; only looks are the service's to write.
ALTER TABLE audit_entry ENABLE ROW LEVEL SECURITY;
CREATE POLICY looked ON audit_entry FOR INSERT TO frontdesk_service WITH CHECK (action = 'READ');

-- Ledgers grow by triggers and by their own columns; the service cannot go back over them.
GRANT USAGE ON SCHEMA public TO frontdesk_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO frontdesk_service;
REVOKE ALL ON audit_entry, audit_seal, erasure, appointment_history, outbox FROM frontdesk_service;
REVOKE ALL ON event_cursor, handled_event, dead_event, failing_job, message_tally FROM frontdesk_service;
GRANT INSERT ON audit_entry TO frontdesk_service;  -- looks alone: see the policy
GRANT SELECT ON appointment_history TO frontdesk_service;
GRANT SELECT ON erasure TO frontdesk_service;
GRANT INSERT ON outbox TO frontdesk_service;
REVOKE INSERT, UPDATE, DELETE ON taken, appointment_step FROM frontdesk_service;
REVOKE DELETE ON appointment, visit, user_account, guardianship FROM frontdesk_service;
REVOKE UPDATE ON guardianship FROM frontdesk_service;
GRANT UPDATE (ended_at, changed_by, request_id) ON guardianship TO frontdesk_service;
REVOKE UPDATE, DELETE ON medical_record, break_glass, notification FROM frontdesk_service;
REVOKE DELETE ON notification_preference, waitlist_entry FROM frontdesk_service;
REVOKE INSERT, DELETE ON waitlist_offer FROM frontdesk_service;  -- offers are made by offer_time
