-- Notifications of events with keys that are text stay, without their event: the code before this migration has no such events.
DROP INDEX notifications_by_event_key;
ALTER TABLE notifications DROP COLUMN event_key;
