-- Messages about visits: who was told what about which version of a visit, and what is still to be told (ADR-0024).
-- No address and no text is kept: both are read when a message leaves, and so are the time and the place it speaks of.

CREATE TABLE notification (
    id             uuid PRIMARY KEY,  -- the Message-ID is made of it: however often it is tried, it is the same message
    appointment_id uuid NOT NULL REFERENCES appointment,
    patient_id     uuid NOT NULL REFERENCES patient,
    clinic_id      uuid NOT NULL REFERENCES clinic,
    version        integer NOT NULL,  -- of the appointment: the one that the message is about
    kind           text NOT NULL CHECK (kind IN ('confirmation', 'change', 'cancellation', 'reminder_day', 'reminder_hours',
                                                 'status', 'waitlist_offer', 'running_late')),
    channel        text NOT NULL CHECK (channel IN ('email', 'sms', 'push')),
    copy           smallint NOT NULL DEFAULT 0 CHECK (copy >= 0),  -- above 0: sent again by hand
    status         text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sending', 'sent', 'failed', 'skipped')),
    due_at         timestamptz NOT NULL DEFAULT now(),
    next_at        timestamptz NOT NULL DEFAULT now(),  -- not tried before; being sent: when its sender is given up for dead; failed: since
    attempts       integer NOT NULL DEFAULT 0,          -- also the sender's proof that the message is still theirs
    sent_at        timestamptz,
    reason         text,  -- why it was not sent: a word of ours, or the type of an error; never its text, which may quote an address
    created_at     timestamptz NOT NULL DEFAULT now(),
    changed_by     uuid NOT NULL,
    request_id     uuid NOT NULL,
    -- Invariant 9: about one version of a visit a person hears each thing once, by each channel.
    CONSTRAINT notification_once UNIQUE (appointment_id, version, kind, channel, copy),
    CONSTRAINT notification_sent_when CHECK ((status = 'sent') = (sent_at IS NOT NULL))
);
CREATE INDEX notification_due ON notification (next_at) WHERE (status IN ('pending', 'sending'));
CREATE INDEX notification_of_clinic ON notification (clinic_id, status, id);
CREATE INDEX notification_of_patient ON notification (patient_id, id);

-- What was sent, given up or left out stays so; and what a message is about never changes.
CREATE FUNCTION notification_guard() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status IN ('sent', 'failed', 'skipped')
       OR (NEW.id, NEW.appointment_id, NEW.version, NEW.kind, NEW.channel, NEW.copy)
          IS DISTINCT FROM (OLD.id, OLD.appointment_id, OLD.version, OLD.kind, OLD.channel, OLD.copy) THEN
        RAISE EXCEPTION 'a notification that is % stays as it is', OLD.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'notification_final';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER notification_guard BEFORE UPDATE ON notification
    FOR EACH ROW EXECUTE FUNCTION notification_guard();

-- By which channels a patient agrees to hear of their visits, and when not. Without a row: by those channels that their
-- record prefers, or else by e-mail, at any hour.
CREATE TABLE notification_preference (
    patient_id  uuid PRIMARY KEY REFERENCES patient,
    channels    text[] NOT NULL CHECK (channels <@ '{email,sms,push}'),
    reminders   text[] NOT NULL CHECK (reminders <@ '{email,sms,push}'),  -- of these channels: those that remind, too
    quiet_from  time,  -- local time of the clinic of the visit; after `quiet_until`: over midnight
    quiet_until time,
    version     integer NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    changed_by  uuid NOT NULL,
    request_id  uuid NOT NULL,
    CONSTRAINT notification_preference_quiet CHECK (
        (quiet_from IS NULL) = (quiet_until IS NULL) AND (quiet_from IS NULL OR quiet_from <> quiet_until))
);

-- What a patient agreed to; one row, whoever asks and whether they said anything or not.
CREATE FUNCTION notification_wishes(who uuid)
    RETURNS TABLE (channels text[], reminders text[], quiet_from time, quiet_until time, version integer)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
        SELECT coalesce(n.channels, preferred.channels), coalesce(n.reminders, preferred.channels), n.quiet_from, n.quiet_until,
               coalesce(n.version, 0)
        FROM patient p
        CROSS JOIN LATERAL (
            SELECT CASE WHEN jsonb_typeof(p.preferences -> 'channels') = 'array'
                        THEN ARRAY(SELECT c FROM unnest('{email,sms,push}'::text[]) AS c WHERE p.preferences -> 'channels' ? c)
                        ELSE '{email}'::text[] END AS channels) AS preferred
        LEFT JOIN notification_preference n ON n.patient_id = p.id
        WHERE p.id = who;
    END;

-- The first instant from `at` on that lies outside of quiet hours, which begin and end at local edges of `zone`.
CREATE FUNCTION after_quiet(at timestamptz, zone text, quiet_from time, quiet_until time) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT coalesce(max(night.over), at)
        FROM generate_series(-1, 0) AS n
        CROSS JOIN LATERAL (SELECT (at AT TIME ZONE zone)::date + n AS on_day) AS d
        CROSS JOIN LATERAL (
            SELECT local_instant(d.on_day + quiet_from, zone) AS begins,
                   local_instant(d.on_day + (quiet_until < quiet_from)::integer + quiet_until, zone) AS over) AS night
        WHERE night.begins <= at AND night.over > at
    );

-- The version in which a visit got the start, the provider and the clinic that it has now, and since when it has them. What a
-- message tells is true of this version and of the later ones, in which only length, room, reason or status changed.
CREATE FUNCTION visit_version(of_appointment uuid) RETURNS TABLE (version integer, since timestamptz)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
        SELECT h.version, h.at
        FROM (SELECT l.version, l.at, l.from_status,
                     lower(l.during) = lag(lower(l.during)) OVER w AND l.provider_id = lag(l.provider_id) OVER w
                         AND l.clinic_id = lag(l.clinic_id) OVER w AS stayed
              FROM appointment_history l WHERE l.appointment_id = of_appointment
              WINDOW w AS (ORDER BY l.version)) AS h
        WHERE h.stayed IS NOT TRUE OR h.from_status = 'held'
        ORDER BY h.version DESC LIMIT 1;
    END;

-- What one message tells of: the visit itself, or all parts of a visit of several to which one request did the same thing.
-- Booked or cancelled together, they are told together; a change is told of its own part.
CREATE FUNCTION parts_told(of_appointment uuid, of_version integer, kind text) RETURNS TABLE (appointment_id uuid, version integer)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
        SELECT a.id, of_version FROM appointment a
        WHERE a.id = of_appointment AND (a.group_id IS NULL OR kind NOT IN ('confirmation', 'cancellation', 'status'))
        UNION ALL
        (SELECT DISTINCT ON (p.id) p.id, o.version
         FROM appointment a
         JOIN appointment_history h ON h.appointment_id = a.id AND h.version = of_version
         JOIN appointment p ON p.group_id = a.group_id
         JOIN appointment_history o ON o.appointment_id = p.id AND o.request_id = h.request_id
                                   AND o.to_status = h.to_status AND o.from_status IS DISTINCT FROM o.to_status
         WHERE a.id = of_appointment AND kind IN ('confirmation', 'cancellation', 'status')
         ORDER BY p.id, o.version DESC);
    END;

-- Devices that a patient allowed to show messages (Web Push): where to, and the keys that only the device can read with.
CREATE TABLE push_subscription (
    id          uuid PRIMARY KEY,
    patient_id  uuid NOT NULL REFERENCES patient,
    endpoint    bytea NOT NULL,  -- keyed digest: the same device again is found, no address is told
    sealed      bytea NOT NULL,  -- address and keys (AES-256-GCM)
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_by  uuid NOT NULL,
    request_id  uuid NOT NULL,
    CONSTRAINT push_subscription_once UNIQUE (patient_id, endpoint)
);

-- One click in a message: no more reminders by this channel. Whoever calls has checked the signature of the link.
CREATE FUNCTION unsubscribe(who uuid, from_channel text, by_user uuid, in_request uuid) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        INSERT INTO notification_preference AS n (patient_id, channels, reminders, changed_by, request_id)
        SELECT who, w.channels, array_remove(w.reminders, from_channel), by_user, in_request FROM notification_wishes(who) AS w
        ON CONFLICT (patient_id) DO UPDATE
        SET reminders = array_remove(n.reminders, from_channel), changed_by = by_user, request_id = in_request
        WHERE from_channel = ANY (n.reminders)
        RETURNING true;
    END;

-- How many messages came to which end, those about log-ins too: a row for each is read at once, and nobody is named. The
-- sender counts in the statement that ends a message.
CREATE TABLE message_tally (
    kind    text NOT NULL,
    channel text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('sent', 'failed', 'skipped')),
    count   bigint NOT NULL,
    PRIMARY KEY (kind, channel, outcome)
);

-- The figures of /metrics about messages and events: the worker that sends them answers no requests, and the service may not
-- read these tables. Whatever waits is counted, the rest was counted before. Quiet hours are no delay.
CREATE FUNCTION message_figures() RETURNS TABLE (figure text, labels jsonb, value double precision)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        WITH waiting AS (
            SELECT n.kind, n.channel, CASE WHEN n.reason IS DISTINCT FROM 'quiet-hours' THEN n.due_at END AS since
            FROM notification n WHERE n.status IN ('pending', 'sending')
            UNION ALL
            SELECT m.kind, CASE m.channel WHEN 'phone' THEN 'sms' ELSE m.channel END,
                   to_timestamp(('x' || translate(left(m.id::text, 13), '-', ''))::bit(48)::bigint / 1000.0)  -- UUIDv7
            FROM outgoing_message m WHERE m.expires_at > now())
        SELECT 'notifications_' || t.outcome || '_total', jsonb_build_object('kind', t.kind, 'channel', t.channel), t.count
        FROM message_tally t
        UNION ALL
        SELECT 'notifications_waiting', jsonb_build_object('kind', w.kind, 'channel', w.channel), count(*)
        FROM waiting w GROUP BY w.kind, w.channel
        UNION ALL
        SELECT 'notifications_oldest_waiting_seconds', '{}', greatest(coalesce(extract(epoch FROM now() - min(w.since)), 0), 0)
        FROM waiting w
        UNION ALL
        SELECT 'outbox_waiting', '{}', count(*) FROM outbox WHERE position IS NULL
        UNION ALL
        SELECT 'outbox_behind', jsonb_build_object('reader', c.reader), head.position - c.position
        FROM event_cursor c JOIN event_cursor head ON head.reader = 'outbox' WHERE c.reader <> 'outbox'
        UNION ALL
        SELECT 'events_laid_aside', '{}', count(*) FROM dead_event
        UNION ALL
        SELECT 'waitlist_waiting', '{}', count(*) FROM waitlist_entry WHERE status = 'waiting'
        UNION ALL
        SELECT CASE WHEN e.exception_id IS NULL THEN 'waitlist_offers_day' ELSE 'sick_day_offers_day' END,
               jsonb_build_object('status', o.status), count(*)
        FROM waitlist_offer o JOIN waitlist_entry e ON e.id = o.entry_id
        WHERE o.created_at > now() - interval '1 day' GROUP BY 1, o.status
        UNION ALL
        SELECT 'waitlist_time_to_offer_seconds_day', '{}', avg(extract(epoch FROM o.created_at - o.freed_at))
        FROM waitlist_offer o JOIN waitlist_entry e ON e.id = o.entry_id
        WHERE o.created_at > now() - interval '1 day' AND e.exception_id IS NULL HAVING count(*) > 0;
    END;
