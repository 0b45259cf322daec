-- The sick day: a time off that displaces visits offers each of them other times (docs/sick-day.md).

ALTER TABLE waitlist_entry ADD COLUMN exception_id uuid REFERENCES schedule_exception;
ALTER TABLE waitlist_entry
    ADD CONSTRAINT waitlist_entry_displaced_has_visit CHECK (exception_id IS NULL OR appointment_id IS NOT NULL);
DROP INDEX waitlist_entry_once;
CREATE UNIQUE INDEX waitlist_entry_once ON waitlist_entry (patient_id, visit_type_id, coalesce(provider_id, specialty_id))
    WHERE (status IN ('waiting', 'offered') AND exception_id IS NULL);
CREATE UNIQUE INDEX waitlist_entry_displaced_once ON waitlist_entry (appointment_id)
    WHERE (status IN ('waiting', 'offered') AND exception_id IS NOT NULL);
CREATE INDEX waitlist_entry_displaced_by ON waitlist_entry (exception_id) WHERE (exception_id IS NOT NULL);

ALTER TABLE waitlist_offer ADD COLUMN choice smallint NOT NULL DEFAULT 1 CHECK (choice BETWEEN 1 AND 3);
DROP INDEX waitlist_offer_one;
CREATE UNIQUE INDEX waitlist_offer_one ON waitlist_offer (entry_id, choice) WHERE (status = 'standing');

-- What becomes of an entry: waiting and offered take turns until it is booked, removed or over. One that was displaced does
-- not wait: without an offer it is over.
CREATE OR REPLACE FUNCTION waitlist_entry_guard() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
        ('waiting', 'offered'), ('waiting', 'removed'), ('waiting', 'expired'), ('offered', 'waiting'), ('offered', 'booked'))
       AND NOT (NEW.exception_id IS NOT NULL AND (OLD.status, NEW.status) = ('offered', 'expired')) THEN
        RAISE EXCEPTION 'no step from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'waitlist_entry_step';
    END IF;
    RETURN NEW;
END
$$;

-- An entry is offered as long as an offer of it stands. Where there was a choice, one accepted time ends the others.
CREATE OR REPLACE FUNCTION waitlist_entry_follows() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE waitlist_entry e
    SET status = CASE WHEN NEW.status = 'accepted' THEN 'booked'
                      WHEN EXISTS (SELECT FROM waitlist_offer o WHERE o.entry_id = e.id AND o.status = 'standing') THEN 'offered'
                      WHEN e.exception_id IS NULL THEN 'waiting'
                      ELSE 'expired' END,
        missed = CASE NEW.status WHEN 'standing' THEN e.missed WHEN 'expired' THEN e.missed + 1 ELSE 0 END,
        changed_by = NEW.changed_by, request_id = NEW.request_id
    WHERE e.id = NEW.entry_id AND e.status IN ('waiting', 'offered');
    RETURN NULL;
END
$$;

DROP FUNCTION offer_time(uuid, uuid, uuid, uuid, uuid, tstzrange, tstzrange, text, text[], uuid, uuid[], timestamptz,
                         timestamptz, timestamptz, uuid, uuid);
-- Keep a time for the first of `entries` who still waits. Whoever keeps another time for them waits here until this
-- transaction ends, and finds them offered. A row without a hold when they are busy then, or nobody waits; none when provider
-- or room is taken, as with any claim (ADR-0003).
CREATE FUNCTION offer_time(hold_id uuid, of_provider uuid, at_clinic uuid, in_room uuid, of_visit_type uuid, span tstzrange,
                           claimed tstzrange, in_mode text, breaks text[], offer_id uuid, entries uuid[], until timestamptz,
                           overdue_at timestamptz, freed timestamptz, by_user uuid, in_request uuid, which smallint)
    RETURNS TABLE (entry_id uuid, hold appointment)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    who uuid;
BEGIN
    SELECT e.id, e.patient_id INTO entry_id, who
    FROM waitlist_entry e
    WHERE e.id = ANY (entries) AND (e.status = 'waiting' OR (which > 1 AND e.status = 'offered'))
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
        INSERT INTO waitlist_offer (id, entry_id, appointment_id, freed_at, expires_at, created_at, changed_by, request_id, choice)
        VALUES (offer_id, offer_time.entry_id, hold_id, freed, until, clock_timestamp(), by_user, in_request, which);
        RETURN NEXT;
    END IF;
END
$$;

-- What became of the visits that a time off displaced: `was` and `was_at`, where each stood; `state` is 'accepted' for one
-- that has another time, or was begun all the same. Ids and times of whatever clinic: the desk that calls has to know them.
CREATE FUNCTION displaced(of_exception uuid, at timestamptz)
    RETURNS TABLE (entry_id uuid, appointment_id uuid, patient_id uuid, visit_type_id uuid, was_at uuid, was tstzrange, state text,
                   provider_id uuid, clinic_id uuid, during tstzrange, offers jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT e.id, a.id, e.patient_id, a.visit_type_id, stood.clinic_id, stood.during,
               CASE WHEN a.status IN ('cancelled', 'no_show') THEN 'cancelled'
                    WHEN a.status NOT IN ('scheduled', 'confirmed')
                         OR (a.provider_id, a.clinic_id, a.during) <> (stood.provider_id, stood.clinic_id, stood.during) THEN 'accepted'
                    WHEN chosen.offers IS NOT NULL THEN 'offered'
                    ELSE 'needs_call' END,
               a.provider_id, a.clinic_id, a.during, coalesce(chosen.offers, '[]')
        FROM waitlist_entry e
        JOIN appointment a ON a.id = e.appointment_id
        JOIN schedule_exception x ON x.id = e.exception_id
        CROSS JOIN LATERAL (
            -- Where it last stood within the time off. One whose time off was changed since is told as it stands.
            SELECT s.provider_id, s.clinic_id, s.during
            FROM (SELECT h.provider_id, h.clinic_id, h.during, h.version FROM appointment_history h
                  WHERE h.appointment_id = a.id AND h.provider_id = x.provider_id AND h.during && x.during
                  UNION ALL SELECT a.provider_id, a.clinic_id, a.during, 0) AS s
            ORDER BY s.version DESC LIMIT 1
        ) AS stood
        CROSS JOIN LATERAL (
            SELECT jsonb_agg(jsonb_build_object(
                       'id', o.id, 'provider_id', h.provider_id, 'clinic_id', h.clinic_id, 'time_zone', c.time_zone,
                       'start', lower(h.during), 'end', upper(h.during), 'expires_at', o.expires_at) ORDER BY o.choice) AS offers
            FROM waitlist_offer o JOIN appointment h ON h.id = o.appointment_id JOIN clinic c ON c.id = h.clinic_id
            WHERE o.entry_id = e.id AND o.status = 'standing' AND o.expires_at > at
        ) AS chosen
        WHERE e.exception_id = of_exception
          -- Whom the time off leaves alone, since it was declined or changed, nobody calls.
          AND (x.status = 'approved' AND stood.during && x.during OR a.status NOT IN ('scheduled', 'confirmed')
               OR (a.provider_id, a.clinic_id, a.during) <> (stood.provider_id, stood.clinic_id, stood.during));
    END;

-- The offers among which those choose whose displaced visit this is.
CREATE FUNCTION choices_of(of_appointment uuid) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT o.id
        FROM waitlist_entry e JOIN waitlist_offer o ON o.entry_id = e.id AND o.status = 'standing'
        WHERE e.appointment_id = of_appointment AND e.exception_id IS NOT NULL
        ORDER BY o.id;
    END;
