-- What a copy of the working time may be trusted by: whoever changes anything that decides when a provider works, and
-- for what, raises the number of its owner in the same transaction. A reader compares the numbers in the statement that
-- reads the book, so a copy is never older than a committed change (ADR-0014).

CREATE TABLE plan_version (
    owner   uuid PRIMARY KEY,  -- a provider, a clinic or a visit type; none yet: 0
    version bigint NOT NULL
);

-- plan_changes(column): the column that names the owner.
CREATE FUNCTION plan_changes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO plan_version AS v (owner, version)
    SELECT DISTINCT (row ->> TG_ARGV[0])::uuid, 1
    FROM unnest(ARRAY[CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END]) AS row
    WHERE row IS NOT NULL
    ORDER BY 1
    ON CONFLICT (owner) DO UPDATE SET version = v.version + 1;
    RETURN NULL;
END
$$;
CREATE TRIGGER plan_changes AFTER INSERT OR UPDATE OR DELETE ON schedule FOR EACH ROW EXECUTE FUNCTION plan_changes('provider_id');
CREATE TRIGGER plan_changes AFTER INSERT OR UPDATE OR DELETE ON schedule_exception FOR EACH ROW EXECUTE FUNCTION plan_changes('provider_id');
CREATE TRIGGER plan_changes AFTER INSERT OR UPDATE OR DELETE ON provider_visit_type FOR EACH ROW EXECUTE FUNCTION plan_changes('provider_id');
CREATE TRIGGER plan_changes AFTER UPDATE ON provider FOR EACH ROW EXECUTE FUNCTION plan_changes('id');
CREATE TRIGGER plan_changes AFTER INSERT OR UPDATE OR DELETE ON closure FOR EACH ROW EXECUTE FUNCTION plan_changes('clinic_id');
CREATE TRIGGER plan_changes AFTER INSERT OR UPDATE OR DELETE ON room FOR EACH ROW EXECUTE FUNCTION plan_changes('clinic_id');
CREATE TRIGGER plan_changes AFTER UPDATE ON clinic FOR EACH ROW EXECUTE FUNCTION plan_changes('id');
CREATE TRIGGER plan_changes AFTER UPDATE ON visit_type FOR EACH ROW EXECUTE FUNCTION plan_changes('id');
