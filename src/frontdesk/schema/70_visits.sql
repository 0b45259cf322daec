-- What happened on the day. Clinical text: providers in charge write it, the patient reads it, nobody else does, unless
-- they break the glass.

CREATE TABLE visit (
    appointment_id  uuid PRIMARY KEY REFERENCES appointment,
    chief_complaint text,
    diagnosis       text,
    treatment_plan  text,
    prescriptions   jsonb NOT NULL DEFAULT '[]',
    notes           text,
    follow_up_on    date,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    changed_at      timestamptz NOT NULL DEFAULT now(),
    changed_by      uuid NOT NULL,
    request_id      uuid NOT NULL
);

-- What stays true beyond one visit. It is never edited: a correction is a new record that names the one it replaces.
CREATE TABLE medical_record (
    id             uuid PRIMARY KEY,
    patient_id     uuid NOT NULL REFERENCES patient,
    kind           text NOT NULL CHECK (kind IN ('note', 'allergy', 'condition', 'medication', 'immunization', 'result', 'document')),
    title          text CHECK (title <> ''),  -- NULL: erased
    body           text,
    recorded_on    date NOT NULL,
    appointment_id uuid REFERENCES appointment,
    replaces       uuid REFERENCES medical_record,
    created_at     timestamptz NOT NULL DEFAULT now(),
    changed_by     uuid NOT NULL,
    request_id     uuid NOT NULL,
    CONSTRAINT medical_record_replaced_once UNIQUE (replaces)
);
CREATE INDEX medical_record_of ON medical_record (patient_id, id);

-- A look behind the glass: somebody outside of a patient's care may read, for a time and for a reason that the patient sees.
CREATE TABLE break_glass (
    id         uuid PRIMARY KEY,
    patient_id uuid NOT NULL REFERENCES patient,
    user_id    uuid NOT NULL REFERENCES user_account,
    reason     text CHECK (length(reason) >= 10),  -- NULL: erased
    opened_at  timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    changed_by uuid NOT NULL,
    request_id uuid NOT NULL,
    CONSTRAINT break_glass_ends CHECK (expires_at > opened_at)
);
CREATE INDEX break_glass_of ON break_glass (patient_id, user_id, expires_at);

CREATE FUNCTION has_glass(of_user uuid, who uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM break_glass g WHERE g.patient_id = who AND g.user_id = of_user AND g.expires_at > now());
END
$$;

-- Whose visit an appointment is, and how far it has come, for whoever asks to write it down.
CREATE FUNCTION clinical_place(of_appointment uuid, to_write boolean) RETURNS TABLE (patient_id uuid, status text)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF to_write THEN  -- until commit nobody cancels the visit that is being written down
        PERFORM FROM appointment a WHERE a.id = of_appointment FOR SHARE;
    END IF;
    RETURN QUERY SELECT a.patient_id, a.status FROM appointment a WHERE a.id = of_appointment AND a.patient_id IS NOT NULL;
END
$$;

-- Who broke a glass, in words for the patient.
CREATE FUNCTION broken_by(of_user uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    RETURN (SELECT coalesce(nullif(concat_ws(' ', p.title, p.first_name, p.last_name), ''), 'administration')
            FROM user_account u LEFT JOIN provider p ON p.id = u.provider_id WHERE u.id = of_user);
