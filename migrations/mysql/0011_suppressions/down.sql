-- Each statement is safe to run again, as those of up.sql are.
SET @fanmail = (SELECT IF(COUNT(*) = 0, 'DO 0', "ALTER TABLE installation DROP COLUMN address_key")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'installation' AND column_name = 'address_key');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;

DROP TABLE IF EXISTS suppressions;
