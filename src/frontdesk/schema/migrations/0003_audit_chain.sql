-- Looks at a patient's record are entries of the trail, as writes are.
ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_action_check;
ALTER TABLE audit_entry ADD CONSTRAINT audit_entry_action_check CHECK (action IN ('INSERT', 'UPDATE', 'DELETE', 'READ', 'ERASE'));
CREATE INDEX audit_entry_order ON audit_entry (tx, id);  -- the order in which entries are sealed
CREATE INDEX audit_entry_at ON audit_entry USING brin (at);
DROP TRIGGER audit_entry_append_only ON audit_entry;
CREATE TRIGGER audit_entry_append_only BEFORE DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE audit_seal (
    seq           bigint PRIMARY KEY,    -- 1, 2, 3, … without a gap
    audit_id      bigint NOT NULL,       -- no foreign key: what an entry's absence means is for the check to say
    tx            xid8 NOT NULL,         -- the entry's; seals follow (tx, audit_id)
    salt          bytea,                 -- 16 random bytes; gone when the entry's values are erased
    values_digest bytea NOT NULL,        -- SHA-256 of salt, old and new
    digest        bytea NOT NULL,        -- SHA-256 of the digest before, values_digest and everything else of the entry
    CONSTRAINT audit_seal_once UNIQUE (audit_id)
);

-- audit_chain(before, link): the digest of the chain that goes on from `before` with these links.
CREATE FUNCTION audit_link(so_far bytea, before bytea, link bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN sha256(coalesce(so_far, before) || link);
CREATE AGGREGATE audit_chain(before bytea, link bytea) (SFUNC = audit_link, STYPE = bytea);

-- Whoever seals or erases does it alone.
CREATE FUNCTION lock_audit_chain() RETURNS void
    LANGUAGE sql
    RETURN pg_advisory_xact_lock(hashtextextended('audit chain', 0));

-- The one way to forget what a row held: the values go, and the salts that would let them be guessed; that there was an
-- entry, by whom and when, stays, and the erasure is an entry itself, which names all that it emptied. `row_ids` are the
-- rows of any table, `subject` is the patient; looks are kept, they hold no values. Answers how many entries it emptied.
CREATE FUNCTION erase_audit_values(row_ids text[], subject uuid, why text, by_whom uuid, in_request uuid) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    emptied bigint[];
BEGIN
    PERFORM lock_audit_chain();
    PERFORM set_config('frontdesk.erasing', pg_current_xact_id()::text, true);
    WITH gone AS (
        UPDATE audit_entry SET old = NULL, new = NULL
        WHERE row_id = ANY (row_ids) AND action IN ('INSERT', 'UPDATE', 'DELETE') AND (old IS NOT NULL OR new IS NOT NULL)
        RETURNING id)
    SELECT coalesce(array_agg(id ORDER BY id), '{}') INTO emptied FROM gone;
    UPDATE audit_seal SET salt = NULL WHERE audit_id = ANY (emptied);
    PERFORM set_config('frontdesk.erasing', '', true);
    INSERT INTO audit_entry (table_name, row_id, action, actor, request_id, new)
    VALUES ('patient', subject::text, 'ERASE', by_whom, in_request, jsonb_build_object('reason', why, 'entries', emptied));
    RETURN cardinality(emptied);
END
$$;
REVOKE EXECUTE ON FUNCTION erase_audit_values(text[], uuid, text, uuid, uuid) FROM PUBLIC;

-- refuse_all_but_erasure(column, …): an UPDATE may take away these columns, whole, while erase_audit_values is at work, and
-- nothing else.
CREATE FUNCTION refuse_all_but_erasure() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('frontdesk.erasing', true) = pg_current_xact_id()::text
       AND to_jsonb(NEW) = to_jsonb(OLD) || jsonb_object(TG_ARGV, array_fill(NULL::text, ARRAY[TG_NARGS])) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER audit_entry_keeps BEFORE UPDATE ON audit_entry FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasure('old', 'new');
CREATE TRIGGER audit_seal_keeps BEFORE UPDATE ON audit_seal FOR EACH ROW EXECUTE FUNCTION refuse_all_but_erasure('salt');
CREATE TRIGGER audit_seal_append_only BEFORE DELETE OR TRUNCATE ON audit_seal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

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
                        ELSE u.role END,
           concat_ws(' ', p.title, p.first_name, p.last_name),
           ARRAY(SELECT c.name FROM user_clinic w JOIN clinic c ON c.id = w.clinic_id WHERE w.user_id = u.id ORDER BY 1)
    FROM audit_entry e
    LEFT JOIN user_account u ON u.id = e.actor
    LEFT JOIN provider p ON p.id = u.provider_id
    WHERE e.row_id = ANY (ARRAY(SELECT who::text UNION ALL SELECT a.id::text FROM appointment a WHERE a.patient_id = who))
      AND e.table_name IN ('patient', 'patient_clinic', 'appointment', 'visit')
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
