-- Messages that the application writes in its own transactions, in place of publishing them to the broker. A row that a worker
-- has taken stays until a purge deletes it. AUTOINCREMENT: the key of a row names its notification, if it has no message_id.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT,
    body TEXT NOT NULL, -- JSON, as a message of the broker has it
    routing_key TEXT,
    priority INTEGER NOT NULL DEFAULT 0, -- larger ones are taken first
    not_before TIMESTAMP -- UTC. Times are compared as texts, so that other forms would never be due
        CHECK (not_before GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9]*'),
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    taken_by TEXT, -- a worker
    taken_at TIMESTAMP,
    problem TEXT -- why it cannot be decoded
);

CREATE INDEX outbox_waiting ON outbox (not_before, priority DESC, id) WHERE taken_at IS NULL;
CREATE INDEX outbox_taken ON outbox (taken_at) WHERE taken_at IS NOT NULL;
CREATE INDEX outbox_problems ON outbox (id) WHERE problem IS NOT NULL;

-- Those that have not ended. Every worker looks for the ones whose worker has died.
CREATE INDEX notifications_not_ended ON notifications (id) WHERE completed_at IS NULL;
