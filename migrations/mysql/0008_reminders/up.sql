-- Until when the start of events was looked at for reminders; NULL: never. What was due later and is too late now was missed.
--
-- Each statement is safe to run again, as those of 0003 are.
SET @fanmail = (SELECT IF(COUNT(*) > 0, 'DO 0', "ALTER TABLE installation ADD COLUMN reminders_looked_at DATETIME(3) NULL")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'installation' AND column_name = 'reminders_looked_at');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;
