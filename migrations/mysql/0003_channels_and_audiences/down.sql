-- What 0002 has no room for goes, and so does the tag of this database. Applied again, 0003 makes another tag, and counts
-- all notifications as opened before there was one. Those that were opened in between lose their tag: a mail of theirs that
-- is sent again gets another Message-ID.
--
-- Each statement is safe to run again, as those of up.sql are.
DROP TABLE IF EXISTS installation;
DROP TABLE IF EXISTS deferrals;
DROP TABLE IF EXISTS recipients;

SET @fanmail = (SELECT IF(COUNT(*) = 0, 'DO 0', "DELETE FROM deliveries
        WHERE status NOT IN ('sent', 'failed', 'skipped') OR notification_id IN (
            SELECT id FROM notifications
            WHERE event_id IS NULL OR channel <> 'email' OR kind NOT IN ('CREATED', 'UPDATED', 'CANCELLED')
                OR state NOT IN ('running', 'completed'))")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'notifications' AND column_name = 'channel');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;

SET @fanmail = (SELECT IF(COUNT(*) = 0, 'DO 0', "DELETE FROM notifications
        WHERE event_id IS NULL OR channel <> 'email' OR kind NOT IN ('CREATED', 'UPDATED', 'CANCELLED')
            OR state NOT IN ('running', 'completed')")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'notifications' AND column_name = 'channel');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;

ALTER TABLE deliveries MODIFY status VARCHAR(16) NOT NULL CHECK (status IN ('sent', 'failed', 'skipped'));

SET @fanmail = (SELECT IF(COUNT(*) = 0, 'DO 0', "ALTER TABLE notifications
        MODIFY kind VARCHAR(16) NOT NULL CHECK (kind IN ('CREATED', 'UPDATED', 'CANCELLED')),
        MODIFY state VARCHAR(16) NOT NULL CHECK (state IN ('running', 'completed')),
        MODIFY event_id BIGINT NOT NULL,
        DROP INDEX notifications_message_key_channel,
        ADD UNIQUE INDEX message_key (message_key),
        DROP COLUMN channel,
        DROP COLUMN audience,
        DROP COLUMN sequence,
        DROP COLUMN priority,
        DROP COLUMN content,
        DROP COLUMN event_snapshot,
        DROP COLUMN not_before,
        DROP COLUMN superseded_by")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'notifications' AND column_name = 'channel');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;
