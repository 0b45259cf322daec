-- name: only_sealer
-- Whether nobody else seals or erases just now; true keeps them out until the end of the transaction.
SELECT pg_try_advisory_xact_lock(hashtextextended('audit chain', 0)) AS mine;

-- name: head
-- Where the chain ends. A last entry from a transaction that this server has not reached came with a backup of another.
SELECT seq, audit_id, tx::text AS tx, digest, tx >= pg_snapshot_xmax(pg_current_snapshot()) AS restored
FROM audit_seal ORDER BY seq DESC LIMIT 1;

-- name: seal
-- Seal the next entries, in the order of their transactions' numbers and their ids, and answer where the chain ends then.
-- Only transactions older than every one under way: all that they wrote is there to be seen, so no entry can turn up
-- before one that is sealed. Whether an entry has its seal is asked entry by entry, for a join would read them all.
WITH entry AS MATERIALIZED (
    SELECT e.id, e.tx, uuid_send(gen_random_uuid()) AS salt,
           convert_to(concat(e.old::text, E'\n', e.new::text), 'UTF8') AS row_values,
           convert_to(jsonb_build_array(e.id, e.at AT TIME ZONE 'UTC', e.tx::text, e.table_name, e.row_id, e.action,
                                        e.actor, e.request_id, e.db_user)::text, 'UTF8') AS facts
    FROM audit_entry e
    WHERE (e.tx, e.id) > (%(tx)s::xid8, %(audit_id)s::bigint)
      AND (e.tx < pg_snapshot_xmin(pg_current_snapshot())
           OR (%(restored)s AND e.tx >= pg_snapshot_xmax(pg_current_snapshot())))
      AND (SELECT s.seq FROM audit_seal s WHERE s.audit_id = e.id) IS NULL
    ORDER BY e.tx, e.id LIMIT %(most)s
), digested AS (
    SELECT id, tx, salt, facts, sha256(salt || row_values) AS values_digest FROM entry
), sealed AS (
    INSERT INTO audit_seal (seq, audit_id, tx, salt, values_digest, digest)
    SELECT %(seq)s + row_number() OVER so_far, id, tx, salt, values_digest,
           audit_chain(%(digest)s::bytea, values_digest || facts) OVER so_far
    FROM digested
    WINDOW so_far AS (ORDER BY tx, id ROWS UNBOUNDED PRECEDING)
    RETURNING seq, digest
)
SELECT seq, digest FROM sealed ORDER BY seq DESC LIMIT 1;

-- name: sealed
-- Every seal in order, with its entry as it is now; `facts` and `row_values` are what `seal` takes the digests of.
SELECT s.seq, s.audit_id, s.salt, s.values_digest, s.digest, e.table_name, e.row_id, s.tx = e.tx AS same_tx,
       concat(e.old::text, E'\n', e.new::text) AS row_values, x.id IS NOT NULL AS erased,
       CASE WHEN e.id IS NOT NULL THEN
           jsonb_build_array(e.id, e.at AT TIME ZONE 'UTC', e.tx::text, e.table_name, e.row_id, e.action, e.actor,
                             e.request_id, e.db_user)::text END AS facts
FROM audit_seal s
LEFT JOIN audit_entry e ON e.id = s.audit_id
LEFT JOIN (SELECT DISTINCT jsonb_array_elements_text(
               CASE jsonb_typeof(new -> 'entries') WHEN 'array' THEN new -> 'entries' ELSE '[]' END) AS id
           FROM audit_entry WHERE action = 'ERASE') x ON x.id = s.audit_id::text
ORDER BY s.seq;

-- name: unsealed
-- Entries without a seal. One that stands before the last seal, or claims a transaction that this server has not reached,
-- was never written by the service; in a restored backup that cannot be told until the next seal.
SELECT e.id, e.table_name, e.row_id, e.at::text AS at,
       coalesce(last.tx < pg_snapshot_xmax(pg_current_snapshot())
                AND ((e.tx, e.id) < (last.tx, last.audit_id) OR e.tx >= pg_snapshot_xmax(pg_current_snapshot())),
                false) AS forged
FROM audit_entry e
LEFT JOIN (SELECT tx, audit_id FROM audit_seal ORDER BY seq DESC LIMIT 1) AS last ON true
WHERE NOT EXISTS (SELECT FROM audit_seal s WHERE s.audit_id = e.id)
ORDER BY e.id;
