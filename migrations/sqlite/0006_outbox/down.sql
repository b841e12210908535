-- Rows that no worker has taken are lost.
DROP INDEX notifications_not_ended;
DROP TABLE outbox;
