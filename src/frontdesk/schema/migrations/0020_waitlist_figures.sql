-- /metrics tells how the waitlist does.

CREATE INDEX waitlist_offer_made ON waitlist_offer (created_at);

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
        SELECT 'waitlist_offers_day', jsonb_build_object('status', o.status), count(*)
        FROM waitlist_offer o WHERE o.created_at > now() - interval '1 day' GROUP BY o.status
        UNION ALL
        SELECT 'waitlist_time_to_offer_seconds_day', '{}', avg(extract(epoch FROM o.created_at - o.freed_at))
        FROM waitlist_offer o WHERE o.created_at > now() - interval '1 day' HAVING count(*) > 0;
    END;
