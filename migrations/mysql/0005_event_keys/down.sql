-- Notifications of events with keys that are text stay, without their event: the code before this migration has no such events.
-- Each statement is safe to run again, as those of up.sql are.
SET @fanmail = (SELECT IF(COUNT(*) = 0, 'DO 0', "ALTER TABLE notifications
        DROP INDEX notifications_by_event_key, DROP COLUMN event_key")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'notifications' AND column_name = 'event_key');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;
