-- Notices stay, and the code before this migration does not know their audience.
-- Each statement is safe to run again, as those of up.sql are.
SET @fanmail = (SELECT IF(COUNT(*) = 0, 'DO 0', "ALTER TABLE notifications
        DROP INDEX notifications_by_content_digest, DROP COLUMN content_digest")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'notifications' AND column_name = 'content_digest');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;
