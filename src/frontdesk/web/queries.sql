-- name: take_key
-- Claim the key for this transaction; no row when it is taken. Waits for a rival that has it and has not committed.
INSERT INTO idempotency_key (caller, key, request_hash, changed_by, request_id)
VALUES (%(caller)s, %(key)s, %(request_hash)s, %(changed_by)s, %(request_id)s)
ON CONFLICT DO NOTHING
RETURNING key;

-- name: find_key
-- The request and answer that first used the key.
SELECT request_hash, answer FROM idempotency_key WHERE caller = %(caller)s AND key = %(key)s;

-- name: keep_answer
-- Remember the answer, in the transaction of the change it speaks of.
UPDATE idempotency_key SET status = %(status)s, answer = %(answer)s WHERE caller = %(caller)s AND key = %(key)s;

-- name: say_who
-- Who deletes, for the audit trail: a deleted row has no column to say it in.
SELECT set_config('frontdesk.actor', %(actor)s, true), set_config('frontdesk.request_id', %(request_id)s, true);

-- name: purge_keys
-- Keys whose time is over, at most a thousand at once.
DELETE FROM idempotency_key WHERE (caller, key) IN (
    SELECT caller, key FROM idempotency_key WHERE created_at < now() - %(older_than)s::interval
    ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED);
