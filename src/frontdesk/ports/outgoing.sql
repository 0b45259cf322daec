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
-- Nothing of a message is kept once it was sent, or cannot be; only how many there were.
WITH done AS (DELETE FROM outgoing_message WHERE id = %(id)s RETURNING kind, channel)
INSERT INTO message_tally AS t (kind, channel, outcome, count)
SELECT kind, CASE channel WHEN 'phone' THEN 'sms' ELSE channel END, %(outcome)s, 1 FROM done
ON CONFLICT (kind, channel, outcome) DO UPDATE SET count = t.count + 1;

-- name: drop_expired
-- Messages that are of no use any more: they have failed.
WITH late AS (DELETE FROM outgoing_message WHERE expires_at < now() RETURNING kind, channel)
INSERT INTO message_tally AS t (kind, channel, outcome, count)
SELECT kind, CASE channel WHEN 'phone' THEN 'sms' ELSE channel END, 'failed', count(*) FROM late GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (kind, channel, outcome) DO UPDATE SET count = t.count + excluded.count;
