-- Who has heard which event (ADR-0022). The worker alone reads and writes these.

-- How far somebody has read the outbox: the relay to a broker, or a handler that reads from PostgreSQL itself. The line of
-- `outbox` is the last number given; who holds it numbers alone.
CREATE TABLE event_cursor (
    reader   text PRIMARY KEY,
    position bigint NOT NULL  -- up to and including
);
INSERT INTO event_cursor (reader, position) VALUES ('outbox', 0);

-- What a handler has done, in the transaction in which it did it: an event that comes again finds its line here.
CREATE TABLE handled_event (
    handler    text NOT NULL,
    event_id   uuid NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (handler, event_id)
);
CREATE INDEX handled_event_age ON handled_event (handled_at);

-- Events that a handler could not take, however often it tried. They wait until somebody asks for them to be handled again.
CREATE TABLE dead_event (
    handler     text NOT NULL,
    event_id    uuid NOT NULL,
    envelope    jsonb NOT NULL,  -- the whole event as it came: nothing of it may be known here
    reason      text NOT NULL,   -- which error, and where in the code; never its text, which may quote a value
    attempts    integer NOT NULL,
    died_at     timestamptz NOT NULL DEFAULT now(),
    asked_at    timestamptz,     -- an admin wants it handled again, by the worker's next round
    asked_by    uuid,
    PRIMARY KEY (handler, event_id),
    CONSTRAINT dead_event_asked_by_somebody CHECK ((asked_at IS NULL) = (asked_by IS NULL))
);

-- The live updates' way to the events: the service may not read the outbox, and hears here what was numbered since. Ids,
-- instants and words of the book, never a name.
CREATE FUNCTION events_after(after bigint, most integer)
    RETURNS TABLE ("position" bigint, event_id uuid, topic text, key text, occurred_at timestamptz, payload jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT o.position, o.event_id, o.topic, o.key, o.occurred_at, o.payload
        FROM outbox o WHERE o.position > after ORDER BY o.position LIMIT most;
    END;

-- A job of the background worker that did not succeed when it last ran; the row goes when it does.
CREATE TABLE failing_job (
    name      text PRIMARY KEY,
    since     timestamptz NOT NULL DEFAULT now(),
    failed_at timestamptz NOT NULL DEFAULT now(),
    failures  bigint NOT NULL DEFAULT 1,
    error     text NOT NULL  -- its type and SQLSTATE; what it says may quote somebody
);
