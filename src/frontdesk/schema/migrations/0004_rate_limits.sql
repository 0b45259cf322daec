-- How often somebody has called in the present window, where there is no Redis (ADR-0017).
-- Not logged: no flush to disk a hit, and after a crash all windows begin anew.
CREATE UNLOGGED TABLE rate_limit (
    name      text PRIMARY KEY,
    taken     integer NOT NULL,
    granted   integer NOT NULL,
    resets_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- A database that had row-level security (0009) before this table gave the service nothing on it.
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_limit TO frontdesk_service;
