-- name: record_event
-- One line of the outbox.
INSERT INTO outbox (event_id, topic, key, payload, changed_by, request_id)
VALUES (%(event_id)s, %(topic)s, %(key)s, %(payload)s::jsonb, %(changed_by)s, %(request_id)s);

-- name: record_events
-- Several lines of the outbox, in their order.
INSERT INTO outbox (event_id, topic, key, payload, changed_by, request_id)
SELECT event_id, topic, key, payload, changed_by, request_id
FROM jsonb_to_recordset(%(lines)s::jsonb)
    AS line (event_id uuid, topic text, key text, payload jsonb, changed_by uuid, request_id uuid);
