-- name: take
-- Take `hits` from the window of a name, or what is left of it; begin a new window when the last is over.
-- Rivals for one name queue at its row. One clock for the whole statement: two readings could straddle the window's end.
INSERT INTO rate_limit AS kept (name, taken, granted, resets_at)
VALUES (
    %(name)s,
    least(%(hits)s::integer, %(limit)s::integer),
    least(%(hits)s::integer, %(limit)s::integer),
    statement_timestamp() + make_interval(secs => %(window_s)s::double precision)
)
ON CONFLICT (name) DO UPDATE SET
    taken = CASE
        WHEN kept.resets_at <= statement_timestamp() THEN EXCLUDED.taken
        ELSE greatest(kept.taken, least(kept.taken + EXCLUDED.taken, %(limit)s::integer))
    END,
    granted = CASE
        WHEN kept.resets_at <= statement_timestamp() THEN EXCLUDED.taken
        ELSE greatest(0, least(EXCLUDED.taken, %(limit)s::integer - kept.taken))
    END,
    resets_at = CASE
        WHEN kept.resets_at <= statement_timestamp() THEN EXCLUDED.resets_at
        ELSE kept.resets_at
    END
RETURNING
    granted,
    greatest(0, %(limit)s::integer - taken) AS left,
    greatest(0, extract(epoch FROM resets_at - statement_timestamp()))::double precision AS resets_in_s;

-- name: purge
-- Names whose window is over: to forget them is to begin anew, which the next hit would do anyway.
DELETE FROM rate_limit WHERE resets_at < statement_timestamp();
