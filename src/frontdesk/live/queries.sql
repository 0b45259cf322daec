-- name: head
-- The number of the newest event, 0 if there is none: bit by bit from the highest, for the service may ask what comes after a
-- number and nothing else. 63 looks into an index, 1 ms.
WITH RECURSIVE bits AS (
    SELECT 62 AS bit, 0::bigint AS found
    UNION ALL
    SELECT b.bit - 1,
           CASE WHEN EXISTS (SELECT FROM events_after(b.found + (1::bigint << b.bit) - 1, 1))
                THEN b.found + (1::bigint << b.bit) ELSE b.found END
    FROM bits b WHERE b.bit >= 0)
SELECT found AS position FROM bits ORDER BY bit LIMIT 1;

-- name: after
-- What was numbered after a position, in order.
SELECT position, topic, occurred_at, payload FROM events_after(%(position)s, %(most)s);
