-- name: waiting
-- How long the door stays closed, in seconds; no row, NULL or less than nothing when it is open.
SELECT extract(epoch FROM refused_until - clock_timestamp())::float8 AS wait_s FROM wrong_guess
WHERE subject = %(subject)s;

-- name: count_failure
-- One failure more, or no row when the door is closed. A rival waits for the row and looks again.
INSERT INTO wrong_guess AS w (subject, failures, last_at, refused_until)
VALUES (%(subject)s, 1, clock_timestamp(), clock_timestamp())
ON CONFLICT (subject) DO UPDATE
SET failures = CASE WHEN w.last_at < clock_timestamp() - %(forget_after)s::interval THEN 1 ELSE w.failures + 1 END,
    last_at = clock_timestamp(),
    refused_until = clock_timestamp() + CASE
        WHEN w.last_at < clock_timestamp() - %(forget_after)s::interval OR w.failures + 1 < %(free)s THEN interval '0'
        ELSE least(%(longest_wait)s::interval, %(first_wait)s::interval * 2 ^ least(w.failures + 1 - %(free)s, 20)) END
WHERE w.refused_until <= clock_timestamp()
RETURNING w.failures;

-- name: forgive
-- Forget the failures unless the door is closed; how long it still is. FOR UPDATE waits for a rival who is closing it.
WITH door AS (SELECT refused_until FROM wrong_guess WHERE subject = %(subject)s FOR UPDATE),
forgiven AS (DELETE FROM wrong_guess WHERE subject = %(subject)s AND refused_until <= clock_timestamp())
SELECT extract(epoch FROM refused_until - clock_timestamp())::float8 AS wait_s FROM door;

-- name: forget
-- Forget the failures of one subject, whatever their number.
DELETE FROM wrong_guess WHERE subject = %(subject)s;

-- name: take_back
-- One failure less. The door opens when fewer are left than are free.
UPDATE wrong_guess
SET failures = greatest(failures - 1, 0),
    refused_until = CASE WHEN failures - 1 < %(free)s THEN clock_timestamp() ELSE refused_until END
WHERE subject = %(subject)s;

-- name: purge_failures
-- Failures that count no more; a door that is still closed is younger than that.
DELETE FROM wrong_guess WHERE last_at < now() - %(forget_after)s::interval;
