-- What happened on the day. Clinical text: providers in charge write it, the patient reads it, nobody else does.

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
