-- Notices, which are about no event: how one whose message had no id is found when its message comes again. No row is rewritten.
--
-- Each statement is safe to run again, as those of 0003 are.
SET @fanmail = (SELECT IF(COUNT(*) > 0, 'DO 0', "ALTER TABLE notifications
        ADD COLUMN content_digest VARBINARY(32) NULL,
        ADD INDEX notifications_by_content_digest (content_digest)")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'notifications' AND column_name = 'content_digest');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;
