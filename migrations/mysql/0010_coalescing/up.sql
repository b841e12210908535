-- Notifications that wait until no further UPDATED of their event has come for a while (COALESCE): since when the first of those waits
-- whose place it takes. From then on the ledger has its work, and no message is expected. `not_before` has the time of its begin.
--
-- Safe to run again, as the statements of 0003 are.
SET @fanmail = (SELECT IF(COUNT(*) > 0, 'DO 0', "ALTER TABLE notifications ADD COLUMN coalescing_since DATETIME(3) NULL")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'notifications' AND column_name = 'coalescing_since');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;
