-- name: record_event
-- One line of the outbox.
INSERT INTO outbox (event_id, topic, key, payload, changed_by, request_id)
VALUES (%(event_id)s, %(topic)s, %(key)s, %(payload)s::jsonb, %(changed_by)s, %(request_id)s);
