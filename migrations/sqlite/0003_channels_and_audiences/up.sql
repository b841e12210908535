-- Room for channels, audiences, deferred deliveries, and a tag for Message-IDs. Existing rows keep their meaning: they
-- are mails to the participants of an event. The words of `kind`, `state`, `status` and `channel` are held by the code
-- (decision 0008).
--
-- SQLite cannot drop a CHECK, so both tables are copied. All of this is one transaction: a process that is killed in the
-- middle leaves the old tables, and the next one begins again.
-- Foreign keys are not enforced meanwhile: else SQLite would delete rows of your own that refer to a table that is dropped.

-- Else a view of your own over one of the two tables would refuse the renaming.
PRAGMA legacy_alter_table = ON;

CREATE TABLE fanmail_new_notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_key TEXT,
    channel TEXT NOT NULL DEFAULT 'email',
    kind TEXT NOT NULL,
    event_id BIGINT,
    audience TEXT NOT NULL, -- 'event': the participants of event_id. No default: 0.1.0 must open nothing here
    max_participant_id BIGINT NOT NULL,
    sequence INTEGER NOT NULL DEFAULT 0, -- for iCalendar; 0 is "not counted"
    priority INTEGER NOT NULL DEFAULT 0,
    content TEXT, -- JSON
    event_snapshot TEXT, -- JSON
    not_before TIMESTAMP,
    superseded_by BIGINT,
    state TEXT NOT NULL,
    received_at TIMESTAMP NOT NULL,
    completed_at TIMESTAMP,
    acked_at TIMESTAMP,
    lease_owner TEXT,
    lease_until TIMESTAMP,
    epoch BIGINT NOT NULL DEFAULT 0,
    UNIQUE (message_key, channel)
);

INSERT INTO fanmail_new_notifications (id, message_key, kind, event_id, audience, max_participant_id, state, received_at,
        completed_at, acked_at, lease_owner, lease_until, epoch)
    SELECT id, message_key, kind, event_id, 'event', max_participant_id, state, received_at, completed_at, acked_at,
        lease_owner, lease_until, epoch
    FROM notifications ORDER BY id;

-- Where AUTOINCREMENT goes on: a key that was purged must not be given again.
DELETE FROM sqlite_sequence WHERE name = 'fanmail_new_notifications';
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'fanmail_new_notifications', seq FROM sqlite_sequence WHERE name = 'notifications';

DROP TABLE notifications;
ALTER TABLE fanmail_new_notifications RENAME TO notifications;
CREATE INDEX notifications_by_event ON notifications (event_id, kind);

CREATE TABLE fanmail_new_deliveries (
    notification_id BIGINT NOT NULL,
    participant_id BIGINT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    permanent BOOLEAN NOT NULL,
    smtp_code INTEGER,
    detail TEXT,
    decided_at TIMESTAMP NOT NULL,
    PRIMARY KEY (notification_id, participant_id)
) WITHOUT ROWID;

-- In the order of the key, so that pages are filled one after another.
INSERT INTO fanmail_new_deliveries
    SELECT notification_id, participant_id, status, attempts, permanent, smtp_code, detail, decided_at
    FROM deliveries ORDER BY notification_id, participant_id;

DROP TABLE deliveries;
ALTER TABLE fanmail_new_deliveries RENAME TO deliveries;

PRAGMA legacy_alter_table = OFF;

-- For audiences that are given as a list.
CREATE TABLE recipients (
    notification_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    user_key TEXT, -- how the application knows them
    email TEXT,
    name TEXT,
    locale TEXT,
    data TEXT, -- JSON
    PRIMARY KEY (notification_id, id)
) WITHOUT ROWID;

-- Who was refused for a temporary reason, and when they are tried again.
CREATE TABLE deferrals (
    notification_id BIGINT NOT NULL,
    participant_id BIGINT NOT NULL,
    tries INTEGER NOT NULL,
    next_try_at TIMESTAMP NOT NULL,
    smtp_code INTEGER,
    detail TEXT,
    PRIMARY KEY (notification_id, participant_id)
) WITHOUT ROWID;

CREATE INDEX deferrals_by_time ON deferrals (next_try_at);

-- One row: a random tag that tells the Message-IDs of this database from those of others at the same domain.
-- Notifications up to `untagged_up_to` were opened before there was one, and keep the Message-IDs that they have.
CREATE TABLE installation (
    id TEXT PRIMARY KEY,
    untagged_up_to BIGINT NOT NULL
) WITHOUT ROWID;

INSERT INTO installation (id, untagged_up_to)
    SELECT lower(hex(randomblob(5))), coalesce(max(id), 0) FROM notifications;
