-- Each statement is safe to run again, as that of up.sql is. The code before this migration does not know the two words. The relay had
-- taken these mails.
UPDATE deliveries SET status = 'sent' WHERE status IN ('bounced', 'complained');

SET @fanmail = (SELECT IF(COUNT(*) = 0, 'DO 0', "ALTER TABLE deliveries DROP COLUMN reported_code, DROP COLUMN reported_at")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'deliveries' AND column_name = 'reported_code');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;

DROP TABLE IF EXISTS soft_bounces;
DROP TABLE IF EXISTS bounce_counts;
