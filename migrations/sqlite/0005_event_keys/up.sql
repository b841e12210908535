-- Keys of events that are text: then event_id is NULL. No row is rewritten.
ALTER TABLE notifications ADD COLUMN event_key TEXT;
CREATE INDEX notifications_by_event_key ON notifications (event_key, kind) WHERE event_key IS NOT NULL;
