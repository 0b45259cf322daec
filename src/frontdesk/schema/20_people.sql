-- Providers, patients and users (people who log in).

CREATE TABLE provider (
    id                     uuid PRIMARY KEY,
    first_name             text NOT NULL CHECK (first_name <> ''),
    last_name              text NOT NULL CHECK (last_name <> ''),
    title                  text,
    credentials            text[] NOT NULL DEFAULT '{}',
    license_number         text NOT NULL CHECK (license_number <> ''),
    bio                    text,
    languages              text[] NOT NULL DEFAULT '{}',  -- BCP 47
    accepting_new_patients boolean NOT NULL DEFAULT true, -- false: patients without an earlier visit are refused
    active                 boolean NOT NULL DEFAULT true,
    gender                 text,
    date_of_birth          date,
    email                  text,
    phone                  text,
    address                text,
    photo_url              text,
    version                integer NOT NULL DEFAULT 1,
    created_at             timestamptz NOT NULL DEFAULT now(),
    changed_at             timestamptz NOT NULL DEFAULT now(),
    changed_by             uuid NOT NULL,
    request_id             uuid NOT NULL,
    CONSTRAINT provider_license_once UNIQUE (license_number)
);
CREATE INDEX provider_name ON provider USING gin (fold(first_name || ' ' || last_name) gin_trgm_ops);

CREATE TABLE provider_specialty (
    provider_id  uuid NOT NULL REFERENCES provider,
    specialty_id uuid NOT NULL REFERENCES specialty,
    changed_by   uuid NOT NULL,
    request_id   uuid NOT NULL,
    PRIMARY KEY (provider_id, specialty_id)
);
CREATE INDEX provider_specialty_of ON provider_specialty (specialty_id, provider_id);

CREATE TABLE provider_clinic (
    provider_id uuid NOT NULL REFERENCES provider,
    clinic_id   uuid NOT NULL REFERENCES clinic,
    changed_by  uuid NOT NULL,
    request_id  uuid NOT NULL,
    PRIMARY KEY (provider_id, clinic_id)
);
CREATE INDEX provider_clinic_of ON provider_clinic (clinic_id, provider_id);

-- What a provider can be booked for. A provider without any row here can be booked for every visit type.
CREATE TABLE provider_visit_type (
    provider_id   uuid NOT NULL REFERENCES provider,
    visit_type_id uuid NOT NULL REFERENCES visit_type,
    changed_by    uuid NOT NULL,
    request_id    uuid NOT NULL,
    PRIMARY KEY (provider_id, visit_type_id)
);

CREATE TABLE patient (
    id                  uuid PRIMARY KEY,
    first_name          text NOT NULL CHECK (first_name <> ''),
    last_name           text NOT NULL CHECK (last_name <> ''),
    date_of_birth       date NOT NULL,
    gender              text,
    email               text,
    phone               text,
    language            text,
    address             text,
    national_id         text,           -- encrypted, as insurance_member_id is (fields.py)
    insurance_provider  text,
    insurance_member_id text,
    emergency_contact   jsonb,  -- {name, phone, relation}
    preferences         jsonb NOT NULL DEFAULT '{}',  -- {channels, clinics, weekdays, time_of_day}
    external_ref        text,
    active              boolean NOT NULL DEFAULT true,
    version             integer NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL DEFAULT now(),
    changed_at          timestamptz NOT NULL DEFAULT now(),
    changed_by          uuid NOT NULL,
    request_id          uuid NOT NULL,
    national_id_index   bytea,          -- keyed digest: equal ids are found, none is told (fields.py)
    link_generation     integer NOT NULL DEFAULT 0,  -- how often the links to the patient's appointments were ended (74_links.sql)
    CONSTRAINT patient_external_ref_once UNIQUE (external_ref)
);
CREATE INDEX patient_name ON patient USING gin (fold(first_name || ' ' || last_name) gin_trgm_ops);
CREATE INDEX patient_born ON patient (date_of_birth);
CREATE INDEX patient_phone ON patient USING gin (regexp_replace(phone, '\D', '', 'g') gin_trgm_ops);
CREATE INDEX patient_email ON patient (lower(email));
CREATE INDEX patient_national_id ON patient (national_id_index);

-- Whoever answers to one of these descriptions, as ids alone: names are compared by operators that are not leakproof, and
-- would find no index under row-level security (ADR-0021). What a search text cannot be is NULL. Planned for its values:
-- a plan for any would look for a name in every row (3 s, not 5 ms, of 200,000 patients).
CREATE FUNCTION find_patients(name_like text, name_like_too text, words text[], like_name text, of_email text,
                              reference text, born_on date, phone_digits text) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT p.id FROM patient p
    WHERE (fold(p.first_name || ' ' || p.last_name) LIKE fold(name_like)
           OR fold(p.first_name || ' ' || p.last_name) LIKE fold(name_like_too))
      AND fold(p.first_name || ' ' || p.last_name) LIKE ALL (SELECT fold(word) FROM unnest(words) AS word)
    UNION
    SELECT p.id FROM patient p WHERE fold(p.first_name || ' ' || p.last_name) %> fold(like_name)
    UNION
    SELECT p.id FROM patient p WHERE lower(p.email) = lower(of_email)
    UNION
    SELECT p.id FROM patient p WHERE p.external_ref = reference
    UNION
    SELECT p.id FROM patient p WHERE p.date_of_birth = born_on
    UNION
    SELECT p.id FROM patient p WHERE regexp_replace(p.phone, '\D', '', 'g') LIKE '%' || phone_digits || '%';
END
$$;

-- Who may be the same person: born the same day with a similar name, or the same e-mail, phone or national id. Those born
-- the same day come first: a care home has one number, and not all who share it are looked at.
CREATE FUNCTION alike_patients(first_name text, last_name text, born_on date, of_email text, of_national_id bytea,
                               phone_digits text) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT p.id FROM patient p
    WHERE (p.date_of_birth = born_on
           AND similarity(fold(p.first_name || ' ' || p.last_name),
                          fold(alike_patients.first_name || ' ' || alike_patients.last_name)) >= 0.4)
       OR lower(p.email) = lower(of_email)
       OR p.national_id_index = of_national_id
       OR (length(phone_digits) >= 7 AND regexp_replace(p.phone, '\D', '', 'g') = phone_digits)
    ORDER BY p.date_of_birth <> born_on, p.id LIMIT 100;
END
$$;

-- Where a patient is registered: staff of these clinics may see them, besides those of clinics where they booked.
CREATE TABLE patient_clinic (
    patient_id uuid NOT NULL REFERENCES patient,
    clinic_id  uuid NOT NULL REFERENCES clinic,
    changed_by uuid NOT NULL,
    request_id uuid NOT NULL,
    PRIMARY KEY (patient_id, clinic_id)
);
CREATE INDEX patient_clinic_of ON patient_clinic (clinic_id, patient_id);

CREATE TABLE user_account (
    id            uuid PRIMARY KEY,
    email         text NOT NULL,
    password_hash text NOT NULL,  -- argon2id, PHC string
    role          text NOT NULL CHECK (role IN ('patient', 'provider', 'staff', 'admin')),
    patient_id    uuid REFERENCES patient,
    provider_id   uuid REFERENCES provider,
    may_report    boolean NOT NULL DEFAULT false,  -- a manager: staff who may read the reports
    active        boolean NOT NULL DEFAULT true,
    version       integer NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now(),
    changed_at    timestamptz NOT NULL DEFAULT now(),
    changed_by    uuid NOT NULL,
    request_id    uuid NOT NULL,
    email_verified_at timestamptz,  -- when its owner showed that they read what is sent there
    phone_verified_at timestamptz,  -- the same of the phone of the patient or provider
    CONSTRAINT user_account_patient_linked CHECK (role <> 'patient' OR patient_id IS NOT NULL),
    CONSTRAINT user_account_provider_linked CHECK (role <> 'provider' OR provider_id IS NOT NULL)
);
CREATE UNIQUE INDEX user_account_email_once ON user_account (lower(email));

-- The clinics whose front desk a member of staff works at.
CREATE TABLE user_clinic (
    user_id    uuid NOT NULL REFERENCES user_account,
    clinic_id  uuid NOT NULL REFERENCES clinic,
    changed_by uuid NOT NULL,
    request_id uuid NOT NULL,
    PRIMARY KEY (user_id, clinic_id)
);

-- One log-in on one device. Each refresh replaces `refresh_hash` (SHA-256); a token that is not the newest was
-- stolen or replayed, and ends the session.
CREATE TABLE login_session (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES user_account,
    refresh_hash bytea NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    changed_by   uuid NOT NULL,
    request_id   uuid NOT NULL,
    refreshed_at timestamptz,
    acts_for     uuid REFERENCES patient,  -- whom a guardian acts for in it (28_family.sql); NULL: for themself
    meant_until  timestamptz, -- when it would have ended, had another not taken its place: until expires_at it has grace
    began_as     uuid  -- the session that the log-in opened, where this one has taken its place; it may be forgotten by now
);
CREATE INDEX login_session_of ON login_session (user_id);
CREATE INDEX login_session_over ON login_session (expires_at);
CREATE INDEX login_session_acting ON login_session (acts_for) WHERE (acts_for IS NOT NULL);
