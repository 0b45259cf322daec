-- Events: numbered in the order in which they were committed, and who has heard them (ADR-0022).

ALTER TABLE outbox ADD COLUMN position bigint UNIQUE;
CREATE INDEX outbox_unnumbered ON outbox (id) WHERE position IS NULL;

CREATE TABLE event_cursor (
    reader   text PRIMARY KEY,
    position bigint NOT NULL
);

CREATE TABLE handled_event (
    handler    text NOT NULL,
    event_id   uuid NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (handler, event_id)
);
CREATE INDEX handled_event_age ON handled_event (handled_at);

CREATE TABLE dead_event (
    handler     text NOT NULL,
    event_id    uuid NOT NULL,
    envelope    jsonb NOT NULL,
    reason      text NOT NULL,
    attempts    integer NOT NULL,
    died_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (handler, event_id)
);

CREATE FUNCTION events_after(after bigint, most integer)
    RETURNS TABLE ("position" bigint, event_id uuid, topic text, key text, occurred_at timestamptz, payload jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT o.position, o.event_id, o.topic, o.key, o.occurred_at, o.payload
        FROM outbox o WHERE o.position > after ORDER BY o.position LIMIT most;
    END;

DROP TRIGGER audit ON outbox;
CREATE TRIGGER audit_update AFTER UPDATE ON outbox FOR EACH ROW
    WHEN (to_jsonb(NEW) - 'position' <> to_jsonb(OLD) - 'position' OR OLD.position <> NEW.position) EXECUTE FUNCTION audit('event_id');
CREATE TRIGGER audit_delete AFTER DELETE ON outbox FOR EACH ROW WHEN (OLD.position IS NULL) EXECUTE FUNCTION audit('event_id');

-- What was committed before there was a relay is history: it has numbers, and nobody hears of it any more.
INSERT INTO event_cursor (reader, position) VALUES ('outbox', 0);
UPDATE outbox SET position = old.position
FROM (SELECT id, row_number() OVER (ORDER BY id) AS position FROM outbox) AS old WHERE old.id = outbox.id;
UPDATE event_cursor SET position = (SELECT count(*) FROM outbox);
INSERT INTO event_cursor (reader, position)
SELECT r.name, c.position FROM event_cursor c, unnest(ARRAY['notifications', 'broker']) AS r (name) WHERE c.position > 0;

REVOKE ALL ON event_cursor, handled_event, dead_event FROM frontdesk_service;
