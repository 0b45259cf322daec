-- What every table stands on: extensions, time, and the audit trail.

CREATE EXTENSION IF NOT EXISTS btree_gist;  -- uuid and smallint beside ranges in exclusion constraints
CREATE EXTENSION IF NOT EXISTS pg_trgm;     -- patient and provider search
CREATE EXTENSION IF NOT EXISTS unaccent;    -- "Muller" finds "Müller"

-- The form in which names are compared: lower case, no accents. IMMUTABLE so that an index can hold it;
-- it is, as long as nobody edits the unaccent dictionary.
CREATE FUNCTION fold(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN lower(public.unaccent('public.unaccent'::regdictionary, value));

-- The first instant at which a wall clock in `zone` shows `local` or later.
-- One rule for all days: an ordinary local time is its one instant, one that exists twice is the first of the two,
-- one that a change of clocks skips is the first instant after the gap. AT TIME ZONE alone takes the second of two
-- equal local times and shifts a skipped one by the length of the gap (ADR-0008).
CREATE FUNCTION local_instant(local timestamp, zone text) RETURNS timestamptz
    LANGUAGE plpgsql STABLE PARALLEL SAFE STRICT AS $$
DECLARE
    guess  constant timestamptz := local AT TIME ZONE zone;
    day    constant interval := '24 hours';
    before interval;
    after  interval;
    early  timestamptz;
    late   timestamptz;
    middle timestamptz;
BEGIN
    -- No change of clocks within a day: nearly always.
    IF (guess - day) AT TIME ZONE zone = local - day AND (guess + day) AT TIME ZONE zone = local + day THEN
        RETURN guess;
    END IF;
    before := ((guess - day) AT TIME ZONE zone) - ((guess - day) AT TIME ZONE 'UTC');
    after := ((guess + day) AT TIME ZONE zone) - ((guess + day) AT TIME ZONE 'UTC');
    early := (local - greatest(before, after)) AT TIME ZONE 'UTC';
    late := (local - least(before, after)) AT TIME ZONE 'UTC';
    IF early AT TIME ZONE zone = local THEN
        RETURN early;
    ELSIF late AT TIME ZONE zone = local THEN
        RETURN late;
    END IF;
    -- `local` is skipped: the clocks change between `early` (still before) and `late` (already past it).
    WHILE late - early > interval '1 second' LOOP
        middle := date_trunc('second', early + (late - early) / 2);
        IF middle AT TIME ZONE zone >= local THEN
            late := middle;
        ELSE
            early := middle;
        END IF;
    END LOOP;
    RETURN late;
END
$$;

-- Who did what to which row: writes by the trigger below; looks at a patient's record (READ) by audit/reads.py, with what
-- was looked at in `new`; erasures of old and new values by erase_audit_values.
CREATE TABLE audit_entry (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    tx         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    table_name text NOT NULL,
    row_id     text NOT NULL,
    action     text NOT NULL CHECK (action IN ('INSERT', 'UPDATE', 'DELETE', 'READ', 'ERASE')),
    actor      uuid,            -- a user's id, or one of the reserved actors; NULL only for a DELETE made by hand
    request_id uuid,
    db_user    text NOT NULL DEFAULT session_user,
    old        jsonb,
    new        jsonb
);
CREATE INDEX audit_entry_row ON audit_entry (row_id, id);
CREATE INDEX audit_entry_order ON audit_entry (tx, id);  -- the order in which entries are sealed
CREATE INDEX audit_entry_at ON audit_entry USING brin (at);

-- audit(key, hidden): one entry a row. `key` is the column that names the row, `hidden` an array of columns whose
-- values stay out of the trail (secrets). The actor is a column of the row, so one transaction may carry rows of several
-- actors; a DELETE has no such column to read, so the deleting transaction says who it is in frontdesk.actor.
-- SECURITY DEFINER, like every trigger here that reads or writes other rows: whoever writes need not see them (ADR-0021).
CREATE FUNCTION audit() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    hidden constant text[] := coalesce(TG_ARGV[1], '{}')::text[];
    was    jsonb;
    is_now jsonb;
BEGIN
    IF TG_OP = 'DELETE' THEN
        was := to_jsonb(OLD) - hidden;
        INSERT INTO audit_entry (table_name, row_id, action, actor, request_id, old)
        VALUES (TG_TABLE_NAME, was ->> TG_ARGV[0], TG_OP,
                nullif(current_setting('frontdesk.actor', true), '')::uuid,
                nullif(current_setting('frontdesk.request_id', true), '')::uuid, was);
        RETURN NULL;
    END IF;
    is_now := to_jsonb(NEW) - hidden;
    IF TG_OP = 'UPDATE' THEN
        was := to_jsonb(OLD) - hidden;
    END IF;
    INSERT INTO audit_entry (table_name, row_id, action, actor, request_id, old, new)
    VALUES (TG_TABLE_NAME, is_now ->> TG_ARGV[0], TG_OP, NEW.changed_by, NEW.request_id, was, is_now);
    RETURN NULL;
END
$$;

-- For tables that only grow: the audit trail and the status history.
CREATE FUNCTION refuse_change() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
-- What an UPDATE of it may do is in 92_seal.sql.
CREATE TRIGGER audit_entry_append_only BEFORE DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Every UPDATE makes a new version; If-Match compares it.
CREATE FUNCTION next_version() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.created_at := OLD.created_at;
    NEW.changed_at := now();
    RETURN NEW;
END
$$;
