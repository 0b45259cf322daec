-- Families: who may act for whom (ADR-0031).

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
