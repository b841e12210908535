-- The code before this migration resumes those that no message carries.
UPDATE notifications SET acked_at = received_at
WHERE coalescing_since IS NOT NULL AND completed_at IS NULL AND acked_at IS NULL;
ALTER TABLE notifications DROP COLUMN coalescing_since;
