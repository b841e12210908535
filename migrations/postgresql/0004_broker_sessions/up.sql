-- Which connection to the broker holds the message of a notification, and why a notification was abandoned. No row is
-- rewritten, and existing notifications are held by no connection.
ALTER TABLE notifications
    ADD COLUMN broker_session TEXT, -- a name in broker_sessions
    ADD COLUMN delivery_tag BIGINT,
    ADD COLUMN delivered_at TIMESTAMP, -- when it got that tag; NULL if another copy may have come before
    ADD COLUMN reason TEXT; -- of state 'abandoned'

-- A connection of a worker to the broker, while it lasts and for a day after its end.
CREATE TABLE broker_sessions (
    name TEXT PRIMARY KEY,
    worker TEXT NOT NULL,
    opened_at TIMESTAMP NOT NULL,
    seen_at TIMESTAMP NOT NULL, -- when the broker was last known to have it
    unwritten_since TIMESTAMP, -- later acks may not be on the disk of the broker, which has crashed
    caught_up_at TIMESTAMP, -- when it got a message that was never delivered before, after such a crash
    lost_at TIMESTAMP,
    closed_at TIMESTAMP -- when it ended in good order
);
