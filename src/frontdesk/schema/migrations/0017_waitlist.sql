-- The waitlist: who waits for a time, and the times that are kept for them.
-- An offer is a hold in the book, so the constraints of 60_booking.sql guard it like any other claim (invariant 10).

LOCK TABLE appointment IN ACCESS EXCLUSIVE MODE;

CREATE TABLE waitlist_entry (
    id             uuid PRIMARY KEY,
    patient_id     uuid NOT NULL REFERENCES patient,
    visit_type_id  uuid NOT NULL REFERENCES visit_type,
    provider_id    uuid REFERENCES provider,   -- this one, or
    specialty_id   uuid REFERENCES specialty,  -- any of this specialty
    clinic_ids     uuid[] CHECK (clinic_ids <> '{}'),  -- NULL: any clinic
    earliest       date,  -- local days of the clinic, both inclusive
    latest         date,
    weekdays       smallint[] CHECK (weekdays <> '{}' AND weekdays <@ '{1,2,3,4,5,6,7}'),  -- ISO: 1 = Monday
    times_of_day   text[] CHECK (times_of_day <> '{}' AND times_of_day <@ '{night,morning,afternoon,evening}'),
    urgency        text NOT NULL CHECK (urgency IN ('urgent', 'normal', 'flexible')),
    auto_book      boolean NOT NULL DEFAULT false,  -- take what comes, without asking
    appointment_id uuid REFERENCES appointment,     -- a visit they have: an accepted offer moves it to the earlier time
    reason         text,  -- why the patient comes
    status         text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'offered', 'booked', 'expired', 'removed')),
    missed         smallint NOT NULL DEFAULT 0 CHECK (missed >= 0),  -- offers in a row that nobody answered
    since          timestamptz NOT NULL DEFAULT now(),  -- the place among those of the same urgency
    version        integer NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL DEFAULT now(),
    changed_at     timestamptz NOT NULL DEFAULT now(),
    changed_by     uuid NOT NULL,
    request_id     uuid NOT NULL,
    rank           smallint NOT NULL GENERATED ALWAYS AS (
        CASE urgency WHEN 'urgent' THEN 0 WHEN 'normal' THEN 1 ELSE 2 END) STORED,
    CONSTRAINT waitlist_entry_for_one_or_any CHECK ((provider_id IS NULL) <> (specialty_id IS NULL)),
    CONSTRAINT waitlist_entry_dates_in_order CHECK (latest >= earliest)
);
CREATE UNIQUE INDEX waitlist_entry_once ON waitlist_entry (patient_id, visit_type_id, coalesce(provider_id, specialty_id))
    WHERE (status IN ('waiting', 'offered'));
CREATE INDEX waitlist_entry_for_provider ON waitlist_entry (provider_id, rank, since, id) WHERE (status = 'waiting');
CREATE INDEX waitlist_entry_for_specialty ON waitlist_entry (specialty_id, rank, since, id) WHERE (status = 'waiting');
CREATE INDEX waitlist_entry_of ON waitlist_entry (patient_id, id);
CREATE INDEX waitlist_entry_over ON waitlist_entry (latest) WHERE (status = 'waiting');

-- A time kept for somebody who waits, until they answer or `expires_at`.
CREATE TABLE waitlist_offer (
    id             uuid PRIMARY KEY,
    entry_id       uuid NOT NULL REFERENCES waitlist_entry,
    appointment_id uuid NOT NULL REFERENCES appointment,  -- the hold; once accepted, the visit, unless that was moved
    status         text NOT NULL DEFAULT 'standing' CHECK (status IN ('standing', 'accepted', 'declined', 'expired')),
    freed_at       timestamptz NOT NULL,  -- when the time became free, however many were asked before
    expires_at     timestamptz NOT NULL,
    answered_at    timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    changed_by     uuid NOT NULL,
    request_id     uuid NOT NULL,
    CONSTRAINT waitlist_offer_of_one_hold UNIQUE (appointment_id),
    CONSTRAINT waitlist_offer_answered CHECK ((status = 'standing') = (answered_at IS NULL))
);
-- Nobody is offered two times at once.
CREATE UNIQUE INDEX waitlist_offer_one ON waitlist_offer (entry_id) WHERE (status = 'standing');
CREATE INDEX waitlist_offer_of ON waitlist_offer (entry_id, id);
CREATE INDEX waitlist_offer_over ON waitlist_offer (expires_at) WHERE (status = 'standing');

-- What becomes of an entry: waiting and offered take turns until it is booked, removed or over.
CREATE FUNCTION waitlist_entry_guard() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
        ('waiting', 'offered'), ('waiting', 'removed'), ('waiting', 'expired'), ('offered', 'waiting'), ('offered', 'booked')) THEN
        RAISE EXCEPTION 'no step from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'waitlist_entry_step';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER waitlist_entry_guard BEFORE UPDATE ON waitlist_entry
    FOR EACH ROW EXECUTE FUNCTION waitlist_entry_guard();

-- An offer stands as long as its hold does, whoever ends the hold: the patient, the desk, the worker, or a stranger who
-- finds it overdue.
CREATE FUNCTION waitlist_offer_follows() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE waitlist_offer
    SET status = CASE NEW.status WHEN 'scheduled' THEN 'accepted' WHEN 'expired' THEN 'expired' ELSE 'declined' END,
        answered_at = clock_timestamp(), changed_by = NEW.changed_by, request_id = NEW.request_id
    WHERE appointment_id = NEW.id AND status = 'standing';
    RETURN NULL;
END
$$;
CREATE TRIGGER waitlist_offer_follows AFTER UPDATE ON appointment FOR EACH ROW
    WHEN (OLD.status = 'held' AND NEW.status <> 'held' AND OLD.hold_client = 'waitlist')
    EXECUTE FUNCTION waitlist_offer_follows();

-- An entry is offered as long as its offer stands.
CREATE FUNCTION waitlist_entry_follows() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE waitlist_entry e
    SET status = CASE NEW.status WHEN 'standing' THEN 'offered' WHEN 'accepted' THEN 'booked' ELSE 'waiting' END,
        missed = CASE NEW.status WHEN 'standing' THEN e.missed WHEN 'expired' THEN e.missed + 1 ELSE 0 END,
        changed_by = NEW.changed_by, request_id = NEW.request_id
    WHERE e.id = NEW.entry_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER waitlist_entry_follows_new AFTER INSERT ON waitlist_offer
    FOR EACH ROW EXECUTE FUNCTION waitlist_entry_follows();
CREATE TRIGGER waitlist_entry_follows AFTER UPDATE ON waitlist_offer FOR EACH ROW
    WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION waitlist_entry_follows();

-- Minutes of the longest piece of free working time that touches `span`, from `at` on.
CREATE FUNCTION longest_free_min(of_provider uuid, at_clinic uuid, span tstzrange, at timestamptz) RETURNS integer
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    RETURN (
        SELECT coalesce(max(extract(epoch FROM upper(piece) - lower(piece)) / 60), 0)::integer
        FROM unnest((SELECT coalesce(range_agg(s.during), '{}')
                     FROM working_session(of_provider, (lower(span) AT TIME ZONE 'UTC')::date - 2,
                                          (upper(span) AT TIME ZONE 'UTC')::date + 1, at_clinic) AS s)
                    - closed_time(of_provider, at_clinic, tstzrange(lower(span) - interval '1 day', upper(span) + interval '1 day'))
                    - provider_busy(of_provider, tstzrange(lower(span) - interval '1 day', upper(span) + interval '1 day'), at)
                    - tstzmultirange(tstzrange(NULL, at))) AS piece
        WHERE piece && span
    );

-- Who might take a time within `span`, in the order of urgency and age; `most` of them, after the one of `after_…`. Whether
-- a start suits them is found out by whoever calls, who then locks the first. `longest`: no visit of more minutes fits.
-- `offered`: the starts with this provider that they were offered before; `before`: when the visit begins that they have;
-- `busy`: what they have about that time.
CREATE FUNCTION next_waiting(of_provider uuid, at_clinic uuid, span tstzrange, longest integer, at timestamptz,
                             after_rank smallint, after_since timestamptz, after_id uuid, most integer)
    RETURNS TABLE (entry waitlist_entry, offered timestamptz[], before timestamptz, busy tstzrange[])
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    zone   constant text := (SELECT c.time_zone FROM clinic c WHERE c.id = at_clinic);
    slack  constant integer := CASE WHEN zone IS NULL THEN 1 ELSE 0 END;  -- days, while the clinic is not known
    around constant tstzrange := tstzrange(lower(span) - interval '1 day', upper(span) + interval '1 day');
BEGIN
    RETURN QUERY
    SELECT e, ARRAY(SELECT a.start_at FROM waitlist_offer o JOIN appointment a ON a.id = o.appointment_id
                    WHERE o.entry_id = e.id AND a.provider_id = of_provider),
           (SELECT a.start_at FROM appointment a WHERE a.id = e.appointment_id),
           ARRAY(SELECT t.during FROM patient_taken(e.patient_id, around, at) AS t (during))
    FROM waitlist_entry e
    JOIN patient w ON w.id = e.patient_id AND w.active
    JOIN visit_type v ON v.id = e.visit_type_id AND v.active AND v.capacity = 1
    -- The first and the last moment at which a visit might begin whose claim touches the span.
    CROSS JOIN LATERAL (
        SELECT (lower(span) - make_interval(mins => v.duration_min + v.buffer_after_min)) AT TIME ZONE coalesce(zone, 'UTC') AS opens,
               (upper(span) + make_interval(mins => v.buffer_before_min)) AT TIME ZONE coalesce(zone, 'UTC') AS ends
    ) AS t
    WHERE e.status = 'waiting'
      AND (e.provider_id = of_provider
           OR e.specialty_id IN (SELECT s.specialty_id FROM provider_specialty s WHERE s.provider_id = of_provider))
      AND (after_id IS NULL OR (e.rank, e.since, e.id) > (after_rank, after_since, after_id))
      AND (at_clinic IS NULL OR e.clinic_ids IS NULL OR at_clinic = ANY (e.clinic_ids))
      AND (e.earliest IS NULL OR e.earliest <= t.ends::date + slack)
      AND (e.latest IS NULL OR e.latest >= t.opens::date - slack)
      AND (e.weekdays IS NULL OR zone IS NULL OR t.opens::date <> t.ends::date
           OR extract(isodow FROM t.opens)::smallint = ANY (e.weekdays))
      AND (e.times_of_day IS NULL OR zone IS NULL OR t.opens::date <> t.ends::date
           OR EXISTS (SELECT FROM (VALUES ('night', 0, 6), ('morning', 6, 12), ('afternoon', 12, 17), ('evening', 17, 24)) AS p
                      (part, first, last)
                      WHERE p.part = ANY (e.times_of_day) AND p.first <= extract(hour FROM t.ends)
                        AND p.last > extract(hour FROM t.opens)))
      AND v.duration_min <= longest
      AND ((SELECT p.accepting_new_patients FROM provider p WHERE p.id = of_provider) OR has_seen(of_provider, e.patient_id))
      AND (NOT EXISTS (SELECT FROM provider_visit_type t WHERE t.provider_id = of_provider)
           OR EXISTS (SELECT FROM provider_visit_type t WHERE t.provider_id = of_provider AND t.visit_type_id = v.id))
      AND (e.appointment_id IS NULL
           OR EXISTS (SELECT FROM appointment a WHERE a.id = e.appointment_id AND a.status IN ('scheduled', 'confirmed')
                      AND a.start_at > lower(span)))
    ORDER BY e.rank, e.since, e.id
    LIMIT most;
END
$$;

-- Keep a time for the first of `entries` who still waits. Whoever keeps another time for them waits here until this
-- transaction ends, and finds them offered. A row without a hold when they are busy then, or nobody waits; none when provider
-- or room is taken, as with any claim (ADR-0003).
CREATE FUNCTION offer_time(hold_id uuid, of_provider uuid, at_clinic uuid, in_room uuid, of_visit_type uuid, span tstzrange,
                           claimed tstzrange, in_mode text, breaks text[], offer_id uuid, entries uuid[], until timestamptz,
                           overdue_at timestamptz, freed timestamptz, by_user uuid, in_request uuid)
    RETURNS TABLE (entry_id uuid, hold appointment)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    who uuid;
BEGIN
    SELECT e.id, e.patient_id INTO entry_id, who
    FROM waitlist_entry e
    WHERE e.id = ANY (entries) AND e.status = 'waiting'
    ORDER BY e.rank, e.since, e.id
    LIMIT 1 FOR UPDATE;
    IF NOT FOUND OR EXISTS (SELECT FROM appointment a
                            WHERE a.patient_id = who AND a.during && span
                              AND a.status NOT IN ('cancelled', 'no_show', 'expired') AND a.patient_id IS NOT NULL) THEN
        RETURN NEXT;
        RETURN;
    END IF;
    INSERT INTO appointment AS a (id, provider_id, patient_id, clinic_id, room_id, visit_type_id, during, claims, status, mode,
                                  overridden, hold_expires_at, hold_client, changed_by, request_id)
    SELECT hold_id, of_provider, who, at_clinic, in_room, of_visit_type, span, claimed, 'held', in_mode, breaks, overdue_at,
           'waitlist', by_user, in_request
    WHERE NOT EXISTS (SELECT FROM taken b WHERE b.provider_id = of_provider AND b.lane > 0 AND b.claims && claimed
                      AND b.session_id IS NULL)
    ON CONFLICT DO NOTHING
    RETURNING a.* INTO hold;
    IF FOUND THEN
        INSERT INTO waitlist_offer (id, entry_id, appointment_id, freed_at, expires_at, created_at, changed_by, request_id)
        VALUES (offer_id, offer_time.entry_id, hold_id, freed, until, clock_timestamp(), by_user, in_request);
        RETURN NEXT;
    END IF;
END
$$;

-- What an entry was offered so far, by whom and when, and when the visit begins that they have: whoever asks, all of it.
CREATE FUNCTION waitlist_so_far(of_entry waitlist_entry, OUT before timestamptz, OUT offered_by uuid[], OUT offered_at timestamptz[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT (SELECT v.start_at FROM appointment v WHERE v.id = (of_entry).appointment_id),
               coalesce(array_agg(a.provider_id ORDER BY a.id), '{}'), coalesce(array_agg(a.start_at ORDER BY a.id), '{}')
        FROM waitlist_offer o JOIN appointment a ON a.id = o.appointment_id
        WHERE o.entry_id = (of_entry).id;
    END;

-- How many wait before this entry for a time that might be theirs too, by what puts them first.
CREATE FUNCTION waitlist_ahead(of_entry uuid) RETURNS TABLE (more_urgent bigint, earlier bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT count(*) FILTER (WHERE o.rank < e.rank), count(*) FILTER (WHERE o.rank = e.rank)
        FROM waitlist_entry e
        JOIN waitlist_entry o ON o.status = 'waiting' AND (o.rank, o.since, o.id) < (e.rank, e.since, e.id)
        WHERE e.id = of_entry
          AND (o.provider_id = e.provider_id OR o.specialty_id = e.specialty_id
               OR EXISTS (SELECT FROM provider_specialty s
                          WHERE (s.provider_id, s.specialty_id) IN ((o.provider_id, e.specialty_id), (e.provider_id, o.specialty_id)))
               OR EXISTS (SELECT FROM provider_specialty s JOIN provider_specialty t ON t.provider_id = s.provider_id
                          WHERE s.specialty_id = o.specialty_id AND t.specialty_id = e.specialty_id))
          AND (o.clinic_ids IS NULL OR e.clinic_ids IS NULL OR o.clinic_ids && e.clinic_ids)
          AND (o.earliest IS NULL OR e.latest IS NULL OR o.earliest <= e.latest)
          AND (o.latest IS NULL OR e.earliest IS NULL OR o.latest >= e.earliest)
          AND (o.weekdays IS NULL OR e.weekdays IS NULL OR o.weekdays && e.weekdays)
          AND (o.times_of_day IS NULL OR e.times_of_day IS NULL OR o.times_of_day && e.times_of_day);
    END;

-- Whether anybody waits for this provider, as the minutes of the longest free piece that touches `span` (0: it is taken
-- again); NULL: nobody does. Asked whenever time becomes free, so the answer is mostly this quick no.
CREATE FUNCTION wanted_min(of_provider uuid, at_clinic uuid, span tstzrange, at timestamptz) RETURNS integer
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM waitlist_entry WHERE status = 'waiting' AND provider_id = of_provider)
       AND NOT EXISTS (SELECT FROM provider_specialty s JOIN waitlist_entry e ON e.specialty_id = s.specialty_id
                       WHERE s.provider_id = of_provider AND e.status = 'waiting') THEN
        RETURN NULL;
    END IF;
    RETURN longest_free_min(of_provider, at_clinic, span, at);
END
$$;

CREATE TRIGGER version BEFORE UPDATE ON waitlist_entry FOR EACH ROW EXECUTE FUNCTION next_version();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON waitlist_entry FOR EACH ROW EXECUTE FUNCTION audit('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON waitlist_offer FOR EACH ROW EXECUTE FUNCTION audit('id');

-- Whoever sees the patient, and the desk of a clinic that they would come to.
ALTER TABLE waitlist_entry ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON waitlist_entry TO frontdesk_service USING (
    patient_id = (SELECT viewer_patient())
    OR (SELECT viewer_role()) = 'admin'
    OR clinic_ids && (SELECT viewer_clinics())::uuid[]
    OR ((SELECT viewer_clinics()) IS NOT NULL AND clinic_ids IS NULL AND of_clinics((SELECT viewer_clinics()), patient_id))
    OR ((SELECT viewer_provider()) IS NOT NULL AND in_care((SELECT viewer_provider()), patient_id)));
ALTER TABLE waitlist_offer ENABLE ROW LEVEL SECURITY;
CREATE POLICY theirs ON waitlist_offer TO frontdesk_service USING (
    EXISTS (SELECT FROM waitlist_entry e WHERE e.id = entry_id));

GRANT SELECT, INSERT, UPDATE ON waitlist_entry TO frontdesk_service;
GRANT SELECT, UPDATE ON waitlist_offer TO frontdesk_service;

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
    UPDATE waitlist_entry SET status = CASE status WHEN 'waiting' THEN 'removed' ELSE status END, reason = NULL,
        changed_by = by_whom, request_id = in_request
    WHERE patient_id = who AND (status = 'waiting' OR reason IS NOT NULL);
    GET DIAGNOSTICS changed = ROW_COUNT;
    removed := removed || jsonb_build_object('waitlist_entry', jsonb_build_object('rows', changed, 'columns', '["reason"]'::jsonb));
    removed := removed || jsonb_build_object('user_account', jsonb_build_object('rows', cardinality(accounts),
                                                                                 'columns', '["email","password_hash"]'::jsonb));
    rows := who::text || accounts::text[] || ARRAY(SELECT id::text FROM login_session WHERE user_id = ANY (accounts)
                                                    UNION ALL SELECT id::text FROM waitlist_entry WHERE patient_id = who);

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
                        WHEN '00000000-0000-7000-8000-000000000003' THEN 'guest link'
                        ELSE u.role END,
           concat_ws(' ', p.title, p.first_name, p.last_name),
           ARRAY(SELECT c.name FROM user_clinic w JOIN clinic c ON c.id = w.clinic_id WHERE w.user_id = u.id ORDER BY 1)
    FROM audit_entry e
    LEFT JOIN user_account u ON u.id = e.actor
    LEFT JOIN provider p ON p.id = u.provider_id
    WHERE e.row_id = ANY (ARRAY(SELECT who::text UNION ALL SELECT a.id::text FROM appointment a WHERE a.patient_id = who
                                UNION ALL SELECT m.id::text FROM medical_record m WHERE m.patient_id = who
                                UNION ALL SELECT g.id::text FROM break_glass g WHERE g.patient_id = who
                                UNION ALL SELECT w.id::text FROM waitlist_entry w WHERE w.patient_id = who))
      AND e.table_name IN ('patient', 'patient_clinic', 'appointment', 'visit', 'medical_record', 'break_glass',
                           'notification_preference', 'waitlist_entry')
      AND (before_id IS NULL OR e.id < before_id)
    ORDER BY e.id DESC LIMIT most;
END
$$;
