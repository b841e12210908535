-- Each statement is safe to run again, as those of up.sql are.
DROP TABLE IF EXISTS broker_sessions;

SET @fanmail = (SELECT IF(COUNT(*) = 0, 'DO 0', "ALTER TABLE notifications
        DROP COLUMN reason, DROP COLUMN delivery_tag, DROP COLUMN broker_session")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'notifications' AND column_name = 'broker_session');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;
