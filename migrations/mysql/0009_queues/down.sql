-- Safe to run again, as up.sql is.
SET @fanmail = (SELECT IF(COUNT(*) = 0, 'DO 0', "ALTER TABLE broker_sessions DROP COLUMN queue")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'broker_sessions' AND column_name = 'queue');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;
