-- name: handle
-- The handler takes this event; no row when it has done so before.
INSERT INTO handled_event (handler, event_id) VALUES (%(handler)s, %(event_id)s) ON CONFLICT DO NOTHING
RETURNING event_id;

-- name: bury
-- Lay aside what a handler cannot take.
INSERT INTO dead_event (handler, event_id, envelope, reason, attempts)
VALUES (%(handler)s, %(event_id)s, %(envelope)s::jsonb, %(reason)s, %(attempts)s)
ON CONFLICT (handler, event_id) DO UPDATE
    SET reason = excluded.reason, attempts = dead_event.attempts + excluded.attempts, died_at = now();

-- name: dead
-- What was laid aside, the oldest first.
SELECT d.handler, d.event_id, d.envelope ->> 'type' AS topic, d.envelope ->> 'partitionkey' AS key, d.reason, d.attempts, d.died_at
FROM dead_event d
ORDER BY d.died_at, d.event_id;

-- name: laid_aside
-- For admins: what was laid aside, the oldest first, up to `most`.
SELECT handler, event_id, topic, reason, attempts, died_at, asked_at FROM laid_aside(%(most)s);

-- name: ask_again
-- For admins: have one event handled again, or all of a handler.
SELECT ask_again(%(handler)s, %(event_id)s::uuid) AS count;

-- name: asked_again
-- What admins have asked for, the oldest first.
SELECT handler, event_id, asked_by FROM dead_event WHERE asked_at IS NOT NULL ORDER BY died_at, event_id LIMIT %(most)s;

-- name: stays
-- It was tried once more, in vain; or there is nobody to try.
UPDATE dead_event
SET reason = %(reason)s, attempts = attempts + %(attempts)s, died_at = now(), asked_at = NULL, asked_by = NULL
WHERE handler = %(handler)s AND event_id = %(event_id)s;

-- name: dead_of
-- One that was laid aside, kept from others who replay.
SELECT envelope::text AS envelope FROM dead_event
WHERE handler = %(handler)s AND event_id = %(event_id)s FOR UPDATE;

-- name: unbury
-- It has been taken after all.
DELETE FROM dead_event WHERE handler = %(handler)s AND event_id = %(event_id)s;
