-- The seals on the audit trail: a chain of digests in which each holds the one before, so that nothing in the trail can be
-- altered, removed or moved without the chain telling (ADR-0016). One job seals, after the commit, so no writer waits for
-- another; `frontdesk audit verify` computes everything anew and trusts no function of this database.

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
