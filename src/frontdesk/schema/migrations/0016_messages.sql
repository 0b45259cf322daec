-- What messages say more, and how many there are: what to bring to a visit of a type, all parts of a visit, and figures for
-- /metrics.

ALTER TABLE visit_type ADD COLUMN what_to_bring jsonb CHECK (jsonb_typeof(what_to_bring) = 'object');

CREATE TABLE message_tally (
    kind    text NOT NULL,
    channel text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('sent', 'failed', 'skipped')),
    count   bigint NOT NULL,
    PRIMARY KEY (kind, channel, outcome)
);
REVOKE ALL ON message_tally FROM frontdesk_service;

CREATE FUNCTION message_figures() RETURNS TABLE (figure text, labels jsonb, value double precision)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        WITH waiting AS (
            SELECT n.kind, n.channel, CASE WHEN n.reason IS DISTINCT FROM 'quiet-hours' THEN n.due_at END AS since
            FROM notification n WHERE n.status IN ('pending', 'sending')
            UNION ALL
            SELECT m.kind, CASE m.channel WHEN 'phone' THEN 'sms' ELSE m.channel END,
                   to_timestamp(('x' || translate(left(m.id::text, 13), '-', ''))::bit(48)::bigint / 1000.0)  -- UUIDv7
            FROM outgoing_message m WHERE m.expires_at > now())
        SELECT 'notifications_' || t.outcome || '_total', jsonb_build_object('kind', t.kind, 'channel', t.channel), t.count
        FROM message_tally t
        UNION ALL
        SELECT 'notifications_waiting', jsonb_build_object('kind', w.kind, 'channel', w.channel), count(*)
        FROM waiting w GROUP BY w.kind, w.channel
        UNION ALL
        SELECT 'notifications_oldest_waiting_seconds', '{}', greatest(coalesce(extract(epoch FROM now() - min(w.since)), 0), 0)
        FROM waiting w
        UNION ALL
        SELECT 'outbox_waiting', '{}', count(*) FROM outbox WHERE position IS NULL
        UNION ALL
        SELECT 'outbox_behind', jsonb_build_object('reader', c.reader), head.position - c.position
        FROM event_cursor c JOIN event_cursor head ON head.reader = 'outbox' WHERE c.reader <> 'outbox'
        UNION ALL
        SELECT 'events_laid_aside', '{}', count(*) FROM dead_event;
    END;

CREATE FUNCTION parts_told(of_appointment uuid, of_version integer, kind text) RETURNS TABLE (appointment_id uuid, version integer)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
        SELECT a.id, of_version FROM appointment a
        WHERE a.id = of_appointment AND (a.group_id IS NULL OR kind NOT IN ('confirmation', 'cancellation', 'status'))
        UNION ALL
        (SELECT DISTINCT ON (p.id) p.id, o.version
         FROM appointment a
         JOIN appointment_history h ON h.appointment_id = a.id AND h.version = of_version
         JOIN appointment p ON p.group_id = a.group_id
         JOIN appointment_history o ON o.appointment_id = p.id AND o.request_id = h.request_id
                                   AND o.to_status = h.to_status AND o.from_status IS DISTINCT FROM o.to_status
         WHERE a.id = of_appointment AND kind IN ('confirmation', 'cancellation', 'status')
         ORDER BY p.id, o.version DESC);
    END;
