-- Admins see which jobs of the background worker do not succeed.

CREATE TABLE failing_job (
    name      text PRIMARY KEY,
    since     timestamptz NOT NULL DEFAULT now(),
    failed_at timestamptz NOT NULL DEFAULT now(),
    failures  bigint NOT NULL DEFAULT 1,
    error     text NOT NULL  -- its type and SQLSTATE; what it says may quote somebody
);
REVOKE ALL ON failing_job FROM frontdesk_service;

CREATE FUNCTION failing_jobs() RETURNS SETOF failing_job
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT j.name, j.since, j.failed_at, j.failures, j.error FROM failing_job j WHERE viewer_role() = 'admin'
        ORDER BY j.since, j.name;
    END;
