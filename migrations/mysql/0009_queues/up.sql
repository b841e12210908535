-- The queue that a session takes messages from. NULL: it began before this migration, and may be of any queue.
--
-- Safe to run again, as the statements of 0003 are.
SET @fanmail = (SELECT IF(COUNT(*) > 0, 'DO 0', "ALTER TABLE broker_sessions ADD COLUMN queue VARCHAR(255) NULL")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'broker_sessions' AND column_name = 'queue');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;
