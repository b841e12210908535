-- Keys of events that are text: then event_id is NULL. No row is rewritten. Bytes, so that no two keys are equal but those that
-- are the same byte by byte: utf8mb4_bin takes no notice of blanks at the end.
--
-- Each statement is safe to run again, as those of 0003 are.
SET @fanmail = (SELECT IF(COUNT(*) > 0, 'DO 0', "ALTER TABLE notifications
        ADD COLUMN event_key VARBINARY(200) NULL,
        ADD INDEX notifications_by_event_key (event_key, kind)")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'notifications' AND column_name = 'event_key');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;
