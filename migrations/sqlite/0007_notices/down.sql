-- Notices stay, and the code before this migration does not know their audience.
DROP INDEX notifications_by_content_digest;
ALTER TABLE notifications DROP COLUMN content_digest;
