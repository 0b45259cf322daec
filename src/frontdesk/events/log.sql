-- name: waiting
-- Whether anything is committed that has no number yet.
SELECT EXISTS (SELECT FROM outbox WHERE position IS NULL) AS waiting;

-- name: head
-- The last number given; whoever holds this row gives the next ones, alone.
SELECT position FROM event_cursor WHERE reader = 'outbox' FOR UPDATE;

-- name: number
-- Give numbers to what is committed. In the order of ids: if one transaction saw what another had done, its ids are
-- higher. Who commits later comes in a later round, whatever its ids.
WITH next AS (
    SELECT id, %(head)s + row_number() OVER (ORDER BY id) AS position
    FROM (SELECT id FROM outbox WHERE position IS NULL ORDER BY id LIMIT %(most)s) AS first),
numbered AS (
    UPDATE outbox SET position = next.position FROM next WHERE outbox.id = next.id
    RETURNING outbox.position)
SELECT count(*) AS count FROM numbered;

-- name: new_head
-- Keep the last number given, and wake those who wait for events; the NOTIFY goes out with the commit of the relay.
UPDATE event_cursor SET position = %(head)s WHERE reader = 'outbox'
RETURNING pg_notify('frontdesk_events', position::text);

-- name: only_reader
-- One process reads for this reader, for as long as its connection lives.
SELECT pg_try_advisory_lock(hashtextextended('events ' || %(reader)s, 0)) AS mine;

-- name: begin_reading
-- A reader who comes for the first time begins with the oldest event there is.
INSERT INTO event_cursor (reader, position) VALUES (%(reader)s, 0) ON CONFLICT DO NOTHING;

-- name: unread
-- What comes after the reader's place, in its order.
SELECT o.position, o.event_id, o.topic, o.key, o.occurred_at, o.payload
FROM outbox o
WHERE o.position > (SELECT c.position FROM event_cursor c WHERE c.reader = %(reader)s)
ORDER BY o.position
LIMIT %(most)s;

-- name: read_up_to
-- All up to this one has been taken.
UPDATE event_cursor SET position = %(position)s WHERE reader = %(reader)s AND position < %(position)s;

-- name: go_back
-- Have the reader take again what comes after this position.
UPDATE event_cursor SET position = %(position)s WHERE reader = %(reader)s AND position > %(position)s;

-- name: places
-- Who has read how far.
SELECT reader, position FROM event_cursor ORDER BY reader <> 'outbox', reader;

-- name: backlog
-- What has no number yet, and since when the oldest of it waits.
SELECT count(*) AS waiting, min(occurred_at) AS oldest FROM outbox WHERE position IS NULL;

-- name: forget
-- Old events that everybody has read. The lowest ids are the oldest events, more or less: only those are looked at.
DELETE FROM outbox
WHERE id = ANY (ARRAY(
    SELECT id
    FROM (SELECT id, occurred_at, position FROM outbox ORDER BY id LIMIT %(most)s) AS first
    WHERE occurred_at < now() - %(age)s AND position <= (SELECT min(position) FROM event_cursor)));

-- name: forget_handled
-- Nobody delivers an event again after so long.
DELETE FROM handled_event
WHERE ctid = ANY (ARRAY(SELECT ctid FROM handled_event WHERE handled_at < now() - %(age)s LIMIT %(most)s));
