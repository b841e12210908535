DROP TABLE broker_sessions;
ALTER TABLE notifications DROP COLUMN reason;
ALTER TABLE notifications DROP COLUMN delivery_tag;
ALTER TABLE notifications DROP COLUMN broker_session;
