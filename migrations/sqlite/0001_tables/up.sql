-- The application's tables. A team may have put views with these names over its own tables before: then
-- IF NOT EXISTS does nothing. So that this holds for every line here, they get no CREATE INDEX, which fails on a
-- view, and nothing refers to them with a foreign key.
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    description TEXT,
    location TEXT,
    starts_at TIMESTAMP, -- UTC, as every time here
    ends_at TIMESTAMP,
    timezone TEXT NOT NULL DEFAULT 'UTC',
    url TEXT,
    updated_at TIMESTAMP
);

-- AUTOINCREMENT: the key of somebody who left is never given to somebody new, whom the ledger would then take
-- for decided.
CREATE TABLE IF NOT EXISTS participants (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id BIGINT NOT NULL,
    email TEXT,
    name TEXT NOT NULL DEFAULT '',
    locale TEXT,
    timezone TEXT, -- a table of 0.2.0 lacks it, and may
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (event_id, id)
);

-- The ledger. The lease columns are for several workers on one database.
CREATE TABLE IF NOT EXISTS notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_key TEXT UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('CREATED', 'UPDATED', 'CANCELLED')),
    event_id BIGINT NOT NULL,
    max_participant_id BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'completed')),
    received_at TIMESTAMP NOT NULL,
    completed_at TIMESTAMP,
    acked_at TIMESTAMP,
    lease_owner TEXT,
    lease_until TIMESTAMP,
    epoch BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX IF NOT EXISTS notifications_by_event ON notifications (event_id, kind);

CREATE TABLE IF NOT EXISTS deliveries (
    notification_id BIGINT NOT NULL,
    participant_id BIGINT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('sent', 'failed', 'skipped')),
    attempts INTEGER NOT NULL,
    permanent BOOLEAN NOT NULL,
    smtp_code INTEGER,
    detail TEXT,
    decided_at TIMESTAMP NOT NULL,
    PRIMARY KEY (notification_id, participant_id)
) WITHOUT ROWID;
