-- Notifications that wait until no further UPDATED of their event has come for a while (COALESCE): since when the first of those waits
-- whose place it takes. From then on the ledger has its work, and no message is expected. `not_before` has the time of its begin.
ALTER TABLE notifications ADD COLUMN coalescing_since TIMESTAMP;
