-- The code before this migration does not know the two words. The relay had taken these mails.
UPDATE deliveries SET status = 'sent' WHERE status IN ('bounced', 'complained');
ALTER TABLE deliveries DROP COLUMN reported_code;
ALTER TABLE deliveries DROP COLUMN reported_at;
DROP TABLE soft_bounces;
DROP TABLE bounce_counts;
