-- Rows that no worker has taken are lost. Each statement is safe to run again, as those of up.sql are.
SET @fanmail = (SELECT IF(COUNT(*) = 0, 'DO 0', 'ALTER TABLE notifications DROP INDEX notifications_by_end')
    FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'notifications' AND index_name = 'notifications_by_end');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;
DROP TABLE IF EXISTS outbox;
