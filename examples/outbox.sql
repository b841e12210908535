-- The outbox: your application writes the message in the transaction of its own change. The notification is sent if and only if that
-- transaction is committed, and no broker is needed. fanmail migrate creates the table; a worker with OUTBOX=True, or
-- fanmail worker --outbox-only, takes the rows.
--
-- The columns that you write:
--   message_id   a new one for every notification, such as a UUID. The same id is the same notification. Without one, each row is one
--   body         the message, as you would publish it: {"type":"UPDATED","event_id":123}, also in an envelope
--   routing_key  optional; kept for you
--   priority     optional; larger ones are taken first (0 by default). More than 0 is high priority, less than 0 is low
--   not_before   optional; not sent before this time, by the clock of the database
-- The others are fanmail's: taken_by and taken_at say which worker has opened the notification, problem says why it could not.


-- ── PostgreSQL ──────────────────────────────────────────────────────────────────────────────────────────────────

BEGIN;
UPDATE events SET location = 'Room 5', updated_at = now() WHERE id = 123;
INSERT INTO outbox (message_id, body)
    VALUES (gen_random_uuid()::text, json_build_object('type', 'UPDATED', 'event_id', 123)::text);
COMMIT;

-- Not before tomorrow morning. Any time zone will do.
INSERT INTO outbox (message_id, body, not_before)
    VALUES ('event-123-tomorrow', '{"type":"UPDATED","event_id":123}', '2026-11-27 08:00+01:00');

-- The user of your application needs no more than:
GRANT INSERT ON outbox TO application;


-- ── MariaDB, MySQL ──────────────────────────────────────────────────────────────────────────────────────────────

START TRANSACTION;
UPDATE events SET location = 'Room 5', updated_at = UTC_TIMESTAMP(3) WHERE id = 123;
INSERT INTO outbox (message_id, body) VALUES (UUID(), JSON_OBJECT('type', 'UPDATED', 'event_id', 123));
COMMIT;

-- not_before is in the time zone of your session.
INSERT INTO outbox (message_id, body, not_before)
    VALUES ('event-123-later', '{"type":"UPDATED","event_id":123}', NOW() + INTERVAL 1 HOUR);

GRANT INSERT ON shop.outbox TO 'application'@'%';


-- ── SQLite ──────────────────────────────────────────────────────────────────────────────────────────────────────

BEGIN IMMEDIATE;
UPDATE events SET location = 'Room 5', updated_at = datetime('now') WHERE id = 123;
INSERT INTO outbox (message_id, body)
    VALUES (lower(hex(randomblob(16))), json_object('type', 'UPDATED', 'event_id', 123));
COMMIT;

-- not_before is UTC, in the form that datetime() writes.
INSERT INTO outbox (message_id, body, not_before)
    VALUES ('event-123-later', '{"type":"UPDATED","event_id":123}', datetime('now', '+1 hour'));

-- SQLite knows no users: the application needs the right to write the file and its directory.
