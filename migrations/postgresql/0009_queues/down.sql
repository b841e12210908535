ALTER TABLE broker_sessions DROP COLUMN queue;
