-- Notices, which are about no event: how one whose message had no id is found when its message comes again. No row is rewritten.
ALTER TABLE notifications ADD COLUMN content_digest TEXT;
CREATE INDEX notifications_by_content_digest ON notifications (content_digest) WHERE content_digest IS NOT NULL;
