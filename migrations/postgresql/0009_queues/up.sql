-- The queue that a session takes messages from. NULL: it began before this migration, and may be of any queue.
ALTER TABLE broker_sessions ADD COLUMN queue TEXT;
