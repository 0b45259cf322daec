-- name: enqueue
-- A message, in the caller's transaction.
INSERT INTO outgoing_message (id, kind, channel, sealed, expires_at, changed_by, request_id)
VALUES (%(id)s, %(kind)s, %(channel)s, %(sealed)s, now() + %(ttl)s::interval, %(changed_by)s, %(request_id)s);

-- name: take_due
-- The next message, which is then not due again for a while: whoever sends it holds no lock meanwhile, and another worker
-- takes another. Should the sender die, it is due again.
UPDATE outgoing_message
SET attempts = attempts + 1, next_at = now() + interval '1 minute' * 2 ^ least(attempts, 6)
WHERE id = (SELECT id FROM outgoing_message WHERE next_at <= now() ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, kind, channel, sealed;

-- name: done
-- Nothing of a message is kept once it was sent.
DELETE FROM outgoing_message WHERE id = %(id)s;

-- name: drop_expired
-- Messages that are of no use any more.
DELETE FROM outgoing_message WHERE expires_at < now();
