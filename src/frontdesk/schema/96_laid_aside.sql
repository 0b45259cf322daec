-- What admins see of events that were laid aside, and how they have them handled again. The service reads none of the table.

-- What it was, for whom, since when and why, the oldest first; nothing of what it says.
CREATE FUNCTION laid_aside(most integer)
    RETURNS TABLE (handler text, event_id uuid, topic text, reason text, attempts integer, died_at timestamptz, asked_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT d.handler, d.event_id, d.envelope ->> 'type', d.reason, d.attempts, d.died_at, d.asked_at
        FROM dead_event d WHERE viewer_role() = 'admin' ORDER BY d.died_at, d.event_id LIMIT most;
    END;

-- Have the worker give a handler one event again, or all (NULL) that were laid aside for it; how many that are.
CREATE FUNCTION ask_again(of_handler text, of_event uuid) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        WITH asked AS (
            UPDATE dead_event SET asked_at = now(), asked_by = viewer_user()
            WHERE viewer_role() = 'admin' AND handler = of_handler AND (of_event IS NULL OR event_id = of_event)
            RETURNING 1)
        SELECT count(*) FROM asked;
    END;

-- Which jobs of the worker do not succeed, the longest first.
CREATE FUNCTION failing_jobs() RETURNS SETOF failing_job
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT j.name, j.since, j.failed_at, j.failures, j.error FROM failing_job j WHERE viewer_role() = 'admin'
        ORDER BY j.since, j.name;
    END;
