-- Who may read the trail, and how: only through these functions, which see every entry and show it to those it is for.

-- Who looked at a patient's record or changed it, for the patient and for admins, the latest first: what an entry says,
-- without old and new values. `what` and `reason` are told of a look; `provider` and `clinics` name who it was, for those
-- who are either.
CREATE FUNCTION patient_accesses(who uuid, before_id bigint, most integer)
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

-- Entries, for admins, the latest first; NULL is no filter. Planned anew for the filters there are. Of clinical tables the
-- values are withheld: who may read the trail may not therefore read the records. `changed` names the columns that an
-- UPDATE changed.
CREATE FUNCTION audit_trail(of_table text, of_row text, of_actor uuid, of_request uuid, from_at timestamptz,
                            to_at timestamptz, before_id bigint, most integer)
    RETURNS TABLE (id bigint, at timestamptz, table_name text, row_id text, action text, actor uuid, request_id uuid,
                   db_user text, old jsonb, new jsonb, changed text[], withheld boolean, seal bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF viewer_role() IS DISTINCT FROM 'admin' THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE $trail$
        SELECT e.id, e.at, e.table_name, e.row_id, e.action, e.actor, e.request_id, e.db_user,
               CASE WHEN NOT e.withheld THEN e.old END, CASE WHEN NOT e.withheld THEN e.new END,
               ARRAY(SELECT n.key FROM jsonb_each(CASE WHEN jsonb_typeof(e.new) = 'object' THEN e.new END) n
                     WHERE e.action = 'UPDATE' AND n.value IS DISTINCT FROM e.old -> n.key ORDER BY 1),
               e.withheld, s.seq
        FROM (SELECT *, table_name IN ('visit', 'medical_record') AND action IN ('INSERT', 'UPDATE', 'DELETE') AS withheld
              FROM audit_entry
              WHERE ($1 IS NULL OR table_name = $1) AND ($2 IS NULL OR row_id = $2)
                AND ($3 IS NULL OR actor = $3) AND ($4 IS NULL OR request_id = $4)
                AND ($5 IS NULL OR at >= $5) AND ($6 IS NULL OR at < $6) AND ($7 IS NULL OR id < $7)
              ORDER BY id DESC LIMIT $8) e
        LEFT JOIN audit_seal s ON s.audit_id = e.id
        ORDER BY e.id DESC
        $trail$ USING of_table, of_row, of_actor, of_request, from_at, to_at, before_id, most;
END
$$;

-- Whether the address that a channel goes to was changed after `since`: what failed before says nothing of the new one.
CREATE FUNCTION address_changed(who uuid, channel text, since timestamptz) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    RETURN EXISTS (
        SELECT FROM audit_entry e CROSS JOIN (VALUES ('email', 'email'), ('sms', 'phone')) AS f (channel, field)
        WHERE e.row_id = who::text AND e.table_name = 'patient' AND e.action = 'UPDATE' AND e.at > since
          AND f.channel = address_changed.channel AND e.old -> f.field IS DISTINCT FROM e.new -> f.field
    );
