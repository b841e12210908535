-- What 0002 has no room for goes.
DROP TABLE IF EXISTS installation;
DROP TABLE IF EXISTS deferrals;
DROP TABLE IF EXISTS recipients;
DELETE FROM deliveries WHERE status NOT IN ('sent', 'failed', 'skipped') OR notification_id IN (
    SELECT id FROM notifications
    WHERE event_id IS NULL OR channel <> 'email' OR kind NOT IN ('CREATED', 'UPDATED', 'CANCELLED')
        OR state NOT IN ('running', 'completed'));
DELETE FROM notifications
    WHERE event_id IS NULL OR channel <> 'email' OR kind NOT IN ('CREATED', 'UPDATED', 'CANCELLED')
        OR state NOT IN ('running', 'completed');
ALTER TABLE deliveries MODIFY status VARCHAR(16) NOT NULL CHECK (status IN ('sent', 'failed', 'skipped'));
ALTER TABLE notifications
    MODIFY kind VARCHAR(16) NOT NULL CHECK (kind IN ('CREATED', 'UPDATED', 'CANCELLED')),
    MODIFY state VARCHAR(16) NOT NULL CHECK (state IN ('running', 'completed')),
    MODIFY event_id BIGINT NOT NULL,
    DROP INDEX notifications_message_key_channel,
    ADD UNIQUE INDEX message_key (message_key),
    DROP COLUMN channel,
    DROP COLUMN audience,
    DROP COLUMN sequence,
    DROP COLUMN priority,
    DROP COLUMN content,
    DROP COLUMN event_snapshot,
    DROP COLUMN not_before,
    DROP COLUMN superseded_by;
