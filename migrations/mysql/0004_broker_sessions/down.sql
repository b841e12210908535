-- Each statement is safe to run again, as those of up.sql are.
-- The code before this migration knows two states. What waited is running for it, and what was abandoned has ended.
UPDATE notifications SET state = 'running' WHERE state = 'waiting';
UPDATE notifications SET state = 'completed' WHERE state = 'abandoned';

DROP TABLE IF EXISTS broker_sessions;

SET @fanmail = (SELECT IF(COUNT(*) = 0, 'DO 0', "ALTER TABLE notifications
        DROP COLUMN reason, DROP COLUMN delivered_at, DROP COLUMN delivery_tag, DROP COLUMN broker_session")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'notifications' AND column_name = 'broker_session');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;
