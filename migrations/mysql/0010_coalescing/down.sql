-- Each statement is safe to run again, as that of up.sql is. The code before this migration resumes those that no message carries.
SET @fanmail = (SELECT IF(COUNT(*) = 0, 'DO 0', "UPDATE notifications SET acked_at = received_at
        WHERE coalescing_since IS NOT NULL AND completed_at IS NULL AND acked_at IS NULL")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'notifications' AND column_name = 'coalescing_since');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;

SET @fanmail = (SELECT IF(COUNT(*) = 0, 'DO 0', "ALTER TABLE notifications DROP COLUMN coalescing_since")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'notifications' AND column_name = 'coalescing_since');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;
