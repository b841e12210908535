ALTER TABLE installation DROP COLUMN reminders_looked_at;
