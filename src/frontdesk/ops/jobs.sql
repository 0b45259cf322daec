-- name: failing
-- Jobs that did not succeed when they last ran.
SELECT name FROM failing_job;

-- name: failed
INSERT INTO failing_job (name, error) VALUES (%(name)s, %(error)s)
ON CONFLICT (name) DO UPDATE SET failed_at = now(), failures = failing_job.failures + 1, error = excluded.error;

-- name: succeeded
DELETE FROM failing_job WHERE name = %(name)s;

-- name: told
-- The same for admins, with since when, how often and why; nothing for others.
SELECT name, since, failed_at, failures, error FROM failing_jobs();
