-- Admins see which events were laid aside, and have them handled again. /metrics counts the offers of a sick day apart.

ALTER TABLE dead_event
    ADD COLUMN asked_at timestamptz,
    ADD COLUMN asked_by uuid,
    ADD CONSTRAINT dead_event_asked_by_somebody CHECK ((asked_at IS NULL) = (asked_by IS NULL));

CREATE FUNCTION laid_aside(most integer)
    RETURNS TABLE (handler text, event_id uuid, topic text, reason text, attempts integer, died_at timestamptz, asked_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        SELECT d.handler, d.event_id, d.envelope ->> 'type', d.reason, d.attempts, d.died_at, d.asked_at
        FROM dead_event d WHERE viewer_role() = 'admin' ORDER BY d.died_at, d.event_id LIMIT most;
    END;

CREATE FUNCTION ask_again(of_handler text, of_event uuid) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        WITH asked AS (
            UPDATE dead_event SET asked_at = now(), asked_by = viewer_user()
            WHERE viewer_role() = 'admin' AND handler = of_handler AND (of_event IS NULL OR event_id = of_event)
            RETURNING 1)
        SELECT count(*) FROM asked;
    END;

CREATE OR REPLACE FUNCTION message_figures() RETURNS TABLE (figure text, labels jsonb, value double precision)
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
        SELECT 'events_laid_aside', '{}', count(*) FROM dead_event
        UNION ALL
        SELECT 'waitlist_waiting', '{}', count(*) FROM waitlist_entry WHERE status = 'waiting'
        UNION ALL
        SELECT CASE WHEN e.exception_id IS NULL THEN 'waitlist_offers_day' ELSE 'sick_day_offers_day' END,
               jsonb_build_object('status', o.status), count(*)
        FROM waitlist_offer o JOIN waitlist_entry e ON e.id = o.entry_id
        WHERE o.created_at > now() - interval '1 day' GROUP BY 1, o.status
        UNION ALL
        SELECT 'waitlist_time_to_offer_seconds_day', '{}', avg(extract(epoch FROM o.created_at - o.freed_at))
        FROM waitlist_offer o JOIN waitlist_entry e ON e.id = o.entry_id
        WHERE o.created_at > now() - interval '1 day' AND e.exception_id IS NULL HAVING count(*) > 0;
    END;
