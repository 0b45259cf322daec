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

-- name: take_keys
-- The same for several requests, in order. Until commit only its own transaction sees a key without an answer.
INSERT INTO idempotency_key (caller, key, request_hash, changed_by, request_id)
SELECT caller, key, decode(request_hash, 'hex'), changed_by, request_id
FROM jsonb_to_recordset(%(lines)s::jsonb)
    AS line (caller text, key text, request_hash text, changed_by uuid, request_id uuid)
ORDER BY caller, key
ON CONFLICT DO NOTHING;

-- name: keep_answers
-- Remember several answers.
UPDATE idempotency_key k
SET status = line.status, answer = decode(line.answer, 'hex')
FROM jsonb_to_recordset(%(lines)s::jsonb) AS line (caller text, key text, status smallint, answer text)
WHERE k.caller = line.caller AND k.key = line.key;

-- name: drop_keys
-- Give back the keys of requests that were not carried out.
DELETE FROM idempotency_key k
USING jsonb_to_recordset(%(lines)s::jsonb) AS line (caller text, key text)
WHERE k.caller = line.caller AND k.key = line.key AND k.answer IS NULL;

-- name: say_who
-- Who deletes, for the audit trail: a deleted row has no column to say it in.
SELECT set_config('frontdesk.actor', %(actor)s, true), set_config('frontdesk.request_id', %(request_id)s, true);

-- name: purge_keys
-- Keys whose time is over, at most a thousand at once.
DELETE FROM idempotency_key WHERE (caller, key) IN (
    SELECT caller, key FROM idempotency_key WHERE created_at < now() - %(older_than)s::interval
    ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED);
