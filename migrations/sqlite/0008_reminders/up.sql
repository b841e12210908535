-- Until when the start of events was looked at for reminders; NULL: never. What was due later and is too late now was missed.
ALTER TABLE installation ADD COLUMN reminders_looked_at TIMESTAMP;
