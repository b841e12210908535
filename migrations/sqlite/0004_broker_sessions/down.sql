-- The code before this migration knows two states. What waited is running for it, and what was abandoned has ended.
UPDATE notifications SET state = 'running' WHERE state = 'waiting';
UPDATE notifications SET state = 'completed' WHERE state = 'abandoned';

DROP TABLE broker_sessions;
ALTER TABLE notifications DROP COLUMN reason;
ALTER TABLE notifications DROP COLUMN delivered_at;
ALTER TABLE notifications DROP COLUMN delivery_tag;
ALTER TABLE notifications DROP COLUMN broker_session;
