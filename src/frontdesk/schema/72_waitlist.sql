-- Who waits for a time, and the times that are kept for them (docs/waitlist.md).
-- An offer is a hold in the book, so the constraints of 60_booking.sql guard it like any other claim (invariant 10).

CREATE TABLE waitlist_entry (
    id             uuid PRIMARY KEY,
    patient_id     uuid NOT NULL REFERENCES patient,
    visit_type_id  uuid NOT NULL REFERENCES visit_type,
    provider_id    uuid REFERENCES provider,   -- this one, or
    specialty_id   uuid REFERENCES specialty,  -- any of this specialty
    clinic_ids     uuid[] CHECK (clinic_ids <> '{}'),  -- NULL: any clinic
    earliest       date,  -- local days of the clinic, both inclusive
    latest         date,
    weekdays       smallint[] CHECK (weekdays <> '{}' AND weekdays <@ '{1,2,3,4,5,6,7}'),  -- ISO: 1 = Monday
    times_of_day   text[] CHECK (times_of_day <> '{}' AND times_of_day <@ '{night,morning,afternoon,evening}'),
    urgency        text NOT NULL CHECK (urgency IN ('urgent', 'normal', 'flexible')),
    auto_book      boolean NOT NULL DEFAULT false,  -- take what comes, without asking
    appointment_id uuid REFERENCES appointment,     -- a visit they have: an accepted offer moves it to the earlier time
    reason         text,  -- why the patient comes
    status         text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'offered', 'booked', 'expired', 'removed')),
    missed         smallint NOT NULL DEFAULT 0 CHECK (missed >= 0),  -- offers in a row that nobody answered
    since          timestamptz NOT NULL DEFAULT now(),  -- the place among those of the same urgency
    version        integer NOT NULL DEFAULT 1,
    created_at     timestamptz NOT NULL DEFAULT now(),
    changed_at     timestamptz NOT NULL DEFAULT now(),
    changed_by     uuid NOT NULL,
    request_id     uuid NOT NULL,
    rank           smallint NOT NULL GENERATED ALWAYS AS (
        CASE urgency WHEN 'urgent' THEN 0 WHEN 'normal' THEN 1 ELSE 2 END) STORED,
    -- Set for those who never joined: this time off displaced their visit, and they choose among up to three other times.
    -- Without an answer they do not wait on; the desk calls (docs/sick-day.md).
    exception_id   uuid REFERENCES schedule_exception,
    CONSTRAINT waitlist_entry_for_one_or_any CHECK ((provider_id IS NULL) <> (specialty_id IS NULL)),
    CONSTRAINT waitlist_entry_dates_in_order CHECK (latest >= earliest),
    CONSTRAINT waitlist_entry_displaced_has_visit CHECK (exception_id IS NULL OR appointment_id IS NOT NULL)
);
CREATE UNIQUE INDEX waitlist_entry_once ON waitlist_entry (patient_id, visit_type_id, coalesce(provider_id, specialty_id))
    WHERE (status IN ('waiting', 'offered') AND exception_id IS NULL);
CREATE UNIQUE INDEX waitlist_entry_displaced_once ON waitlist_entry (appointment_id)
    WHERE (status IN ('waiting', 'offered') AND exception_id IS NOT NULL);
CREATE INDEX waitlist_entry_displaced_by ON waitlist_entry (exception_id) WHERE (exception_id IS NOT NULL);
CREATE INDEX waitlist_entry_for_provider ON waitlist_entry (provider_id, rank, since, id) WHERE (status = 'waiting');
CREATE INDEX waitlist_entry_for_specialty ON waitlist_entry (specialty_id, rank, since, id) WHERE (status = 'waiting');
CREATE INDEX waitlist_entry_of ON waitlist_entry (patient_id, id);
CREATE INDEX waitlist_entry_over ON waitlist_entry (latest) WHERE (status = 'waiting');

-- A time kept for somebody who waits, until they answer or `expires_at`.
CREATE TABLE waitlist_offer (
    id             uuid PRIMARY KEY,
    entry_id       uuid NOT NULL REFERENCES waitlist_entry,
    appointment_id uuid NOT NULL REFERENCES appointment,  -- the hold; once accepted, the visit, unless that was moved
    status         text NOT NULL DEFAULT 'standing' CHECK (status IN ('standing', 'accepted', 'declined', 'expired')),
    freed_at       timestamptz NOT NULL,  -- when the time became free, however many were asked before
    expires_at     timestamptz NOT NULL,
    answered_at    timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    changed_by     uuid NOT NULL,
    request_id     uuid NOT NULL,
    choice         smallint NOT NULL DEFAULT 1 CHECK (choice BETWEEN 1 AND 3),  -- above 1: of those displaced, best first
    CONSTRAINT waitlist_offer_of_one_hold UNIQUE (appointment_id),
    CONSTRAINT waitlist_offer_answered CHECK ((status = 'standing') = (answered_at IS NULL))
);
-- Nobody is offered two times at once, unless they are to choose.
CREATE UNIQUE INDEX waitlist_offer_one ON waitlist_offer (entry_id, choice) WHERE (status = 'standing');
CREATE INDEX waitlist_offer_of ON waitlist_offer (entry_id, id);
CREATE INDEX waitlist_offer_made ON waitlist_offer (created_at);
CREATE INDEX waitlist_offer_over ON waitlist_offer (expires_at) WHERE (status = 'standing');

-- What becomes of an entry: waiting and offered take turns until it is booked, removed or over. One that was displaced does
-- not wait: without an offer it is over.
CREATE FUNCTION waitlist_entry_guard() RETURNS trigger
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
CREATE TRIGGER waitlist_entry_guard BEFORE UPDATE ON waitlist_entry
    FOR EACH ROW EXECUTE FUNCTION waitlist_entry_guard();

-- An offer stands as long as its hold does, whoever ends the hold: the patient, the desk, the worker, or a stranger who
-- finds it overdue.
CREATE FUNCTION waitlist_offer_follows() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE waitlist_offer
    SET status = CASE NEW.status WHEN 'scheduled' THEN 'accepted' WHEN 'expired' THEN 'expired' ELSE 'declined' END,
        answered_at = clock_timestamp(), changed_by = NEW.changed_by, request_id = NEW.request_id
    WHERE appointment_id = NEW.id AND status = 'standing';
    RETURN NULL;
END
$$;
CREATE TRIGGER waitlist_offer_follows AFTER UPDATE ON appointment FOR EACH ROW
    WHEN (OLD.status = 'held' AND NEW.status <> 'held' AND OLD.hold_client = 'waitlist')
    EXECUTE FUNCTION waitlist_offer_follows();

-- An entry is offered as long as an offer of it stands. Where there was a choice, one accepted time ends the others.
CREATE FUNCTION waitlist_entry_follows() RETURNS trigger
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
CREATE TRIGGER waitlist_entry_follows_new AFTER INSERT ON waitlist_offer
    FOR EACH ROW EXECUTE FUNCTION waitlist_entry_follows();
CREATE TRIGGER waitlist_entry_follows AFTER UPDATE ON waitlist_offer FOR EACH ROW
    WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION waitlist_entry_follows();

-- Time off that is declined or changed leaves visits alone. Those that another approved one covers are displaced by that one
-- from then on, with the times that are kept for them; whom it displaced itself is on its list already.
CREATE FUNCTION still_displaced() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE waitlist_entry e
    SET exception_id = other.id, changed_by = NEW.changed_by, request_id = NEW.request_id
    FROM appointment a
    CROSS JOIN LATERAL (
        SELECT x.id FROM schedule_exception x
        WHERE x.provider_id = a.provider_id AND x.id <> NEW.id AND x.kind = 'time_off' AND x.status = 'approved'
          AND (x.clinic_id IS NULL OR x.clinic_id = a.clinic_id) AND x.during && a.during
          AND NOT EXISTS (SELECT FROM waitlist_entry d WHERE d.exception_id = x.id AND d.appointment_id = a.id)
        ORDER BY x.id LIMIT 1
    ) AS other
    WHERE e.exception_id = NEW.id AND e.status IN ('offered', 'expired') AND a.id = e.appointment_id
      AND a.provider_id = NEW.provider_id AND a.status IN ('scheduled', 'confirmed') AND a.start_at > now()
      AND NOT (NEW.status = 'approved' AND a.during && NEW.during);
    RETURN NULL;
END
$$;
CREATE TRIGGER still_displaced AFTER UPDATE ON schedule_exception FOR EACH ROW
    WHEN (OLD.kind = 'time_off' AND OLD.status = 'approved' AND (NEW.status <> 'approved' OR NEW.during <> OLD.during))
    EXECUTE FUNCTION still_displaced();

-- Minutes of the longest piece of free working time that touches `span`, from `at` on.
CREATE FUNCTION longest_free_min(of_provider uuid, at_clinic uuid, span tstzrange, at timestamptz) RETURNS integer
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    RETURN (
        SELECT coalesce(max(extract(epoch FROM upper(piece) - lower(piece)) / 60), 0)::integer
        FROM unnest((SELECT coalesce(range_agg(s.during), '{}')
                     FROM working_session(of_provider, (lower(span) AT TIME ZONE 'UTC')::date - 2,
                                          (upper(span) AT TIME ZONE 'UTC')::date + 1, at_clinic) AS s)
                    - closed_time(of_provider, at_clinic, tstzrange(lower(span) - interval '1 day', upper(span) + interval '1 day'))
                    - provider_busy(of_provider, tstzrange(lower(span) - interval '1 day', upper(span) + interval '1 day'), at)
                    - tstzmultirange(tstzrange(NULL, at))) AS piece
        WHERE piece && span
    );

-- Who might take a time within `span`, in the order of urgency and age; `most` of them, after the one of `after_…`. Whether
-- a start suits them is found out by whoever calls, who then locks the first. `longest`: no visit of more minutes fits.
-- `offered`: the starts with this provider that they were offered before; `before`: when the visit begins that they have;
-- `busy`: what they have about that time.
CREATE FUNCTION next_waiting(of_provider uuid, at_clinic uuid, span tstzrange, longest integer, at timestamptz,
                             after_rank smallint, after_since timestamptz, after_id uuid, most integer)
    RETURNS TABLE (entry waitlist_entry, offered timestamptz[], before timestamptz, busy tstzrange[])
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    zone   constant text := (SELECT c.time_zone FROM clinic c WHERE c.id = at_clinic);
    slack  constant integer := CASE WHEN zone IS NULL THEN 1 ELSE 0 END;  -- days, while the clinic is not known
    around constant tstzrange := tstzrange(lower(span) - interval '1 day', upper(span) + interval '1 day');
BEGIN
    RETURN QUERY
    SELECT e, ARRAY(SELECT a.start_at FROM waitlist_offer o JOIN appointment a ON a.id = o.appointment_id
                    WHERE o.entry_id = e.id AND a.provider_id = of_provider),
           (SELECT a.start_at FROM appointment a WHERE a.id = e.appointment_id),
           ARRAY(SELECT t.during FROM patient_taken(e.patient_id, around, at) AS t (during))
    FROM waitlist_entry e
    JOIN patient w ON w.id = e.patient_id AND w.active
    JOIN visit_type v ON v.id = e.visit_type_id AND v.active AND v.capacity = 1
    -- The first and the last moment at which a visit might begin whose claim touches the span.
    CROSS JOIN LATERAL (
        SELECT (lower(span) - make_interval(mins => v.duration_min + v.buffer_after_min)) AT TIME ZONE coalesce(zone, 'UTC') AS opens,
               (upper(span) + make_interval(mins => v.buffer_before_min)) AT TIME ZONE coalesce(zone, 'UTC') AS ends
    ) AS t
    WHERE e.status = 'waiting'
      AND (e.provider_id = of_provider
           OR e.specialty_id IN (SELECT s.specialty_id FROM provider_specialty s WHERE s.provider_id = of_provider))
      AND (after_id IS NULL OR (e.rank, e.since, e.id) > (after_rank, after_since, after_id))
      AND (at_clinic IS NULL OR e.clinic_ids IS NULL OR at_clinic = ANY (e.clinic_ids))
      AND (e.earliest IS NULL OR e.earliest <= t.ends::date + slack)
      AND (e.latest IS NULL OR e.latest >= t.opens::date - slack)
      AND (e.weekdays IS NULL OR zone IS NULL OR t.opens::date <> t.ends::date
           OR extract(isodow FROM t.opens)::smallint = ANY (e.weekdays))
      AND (e.times_of_day IS NULL OR zone IS NULL OR t.opens::date <> t.ends::date
           OR EXISTS (SELECT FROM (VALUES ('night', 0, 6), ('morning', 6, 12), ('afternoon', 12, 17), ('evening', 17, 24)) AS p
                      (part, first, last)
                      WHERE p.part = ANY (e.times_of_day) AND p.first <= extract(hour FROM t.ends)
                        AND p.last > extract(hour FROM t.opens)))
      AND v.duration_min <= longest
      AND ((SELECT p.accepting_new_patients FROM provider p WHERE p.id = of_provider) OR has_seen(of_provider, e.patient_id))
      AND (NOT EXISTS (SELECT FROM provider_visit_type t WHERE t.provider_id = of_provider)
           OR EXISTS (SELECT FROM provider_visit_type t WHERE t.provider_id = of_provider AND t.visit_type_id = v.id))
      AND (e.appointment_id IS NULL
           OR EXISTS (SELECT FROM appointment a WHERE a.id = e.appointment_id AND a.status IN ('scheduled', 'confirmed')
                      AND a.start_at > lower(span)))
    ORDER BY e.rank, e.since, e.id
    LIMIT most;
END
$$;

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

-- What an entry was offered so far, by whom and when, and when the visit begins that they have: whoever asks, all of it.
CREATE FUNCTION waitlist_so_far(of_entry waitlist_entry, OUT before timestamptz, OUT offered_by uuid[], OUT offered_at timestamptz[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT (SELECT v.start_at FROM appointment v WHERE v.id = (of_entry).appointment_id),
               coalesce(array_agg(a.provider_id ORDER BY a.id), '{}'), coalesce(array_agg(a.start_at ORDER BY a.id), '{}')
        FROM waitlist_offer o JOIN appointment a ON a.id = o.appointment_id
        WHERE o.entry_id = (of_entry).id;
    END;

-- How many wait before this entry for a time that might be theirs too, by what puts them first.
CREATE FUNCTION waitlist_ahead(of_entry uuid) RETURNS TABLE (more_urgent bigint, earlier bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT count(*) FILTER (WHERE o.rank < e.rank), count(*) FILTER (WHERE o.rank = e.rank)
        FROM waitlist_entry e
        JOIN waitlist_entry o ON o.status = 'waiting' AND (o.rank, o.since, o.id) < (e.rank, e.since, e.id)
        WHERE e.id = of_entry
          AND (o.provider_id = e.provider_id OR o.specialty_id = e.specialty_id
               OR EXISTS (SELECT FROM provider_specialty s
                          WHERE (s.provider_id, s.specialty_id) IN ((o.provider_id, e.specialty_id), (e.provider_id, o.specialty_id)))
               OR EXISTS (SELECT FROM provider_specialty s JOIN provider_specialty t ON t.provider_id = s.provider_id
                          WHERE s.specialty_id = o.specialty_id AND t.specialty_id = e.specialty_id))
          AND (o.clinic_ids IS NULL OR e.clinic_ids IS NULL OR o.clinic_ids && e.clinic_ids)
          AND (o.earliest IS NULL OR e.latest IS NULL OR o.earliest <= e.latest)
          AND (o.latest IS NULL OR e.earliest IS NULL OR o.latest >= e.earliest)
          AND (o.weekdays IS NULL OR e.weekdays IS NULL OR o.weekdays && e.weekdays)
          AND (o.times_of_day IS NULL OR e.times_of_day IS NULL OR o.times_of_day && e.times_of_day);
    END;

-- Whether anybody waits for this provider, as the minutes of the longest free piece that touches `span` (0: it is taken
-- again); NULL: nobody does. Asked whenever time becomes free, so the answer is mostly this quick no.
CREATE FUNCTION wanted_min(of_provider uuid, at_clinic uuid, span tstzrange, at timestamptz) RETURNS integer
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM waitlist_entry WHERE status = 'waiting' AND provider_id = of_provider)
       AND NOT EXISTS (SELECT FROM provider_specialty s JOIN waitlist_entry e ON e.specialty_id = s.specialty_id
                       WHERE s.provider_id = of_provider AND e.status = 'waiting') THEN
        RETURN NULL;
    END IF;
    RETURN longest_free_min(of_provider, at_clinic, span, at);
END
$$;

-- The offers among which those choose whose displaced visit this is.
CREATE FUNCTION choices_of(of_appointment uuid) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT o.id
        FROM waitlist_entry e JOIN waitlist_offer o ON o.entry_id = e.id AND o.status = 'standing'
        WHERE e.appointment_id = of_appointment AND e.exception_id IS NOT NULL
        ORDER BY o.id;
    END;
