-- What 0002 has no room for goes, and so does the tag of this database. Applied again, 0003 makes another tag, and counts
-- all notifications as opened before there was one. Those that were opened in between lose their tag: a mail of theirs that
-- is sent again gets another Message-ID.
--
-- Both tables are dropped: `PRAGMA foreign_keys = OFF` comes first, before the transaction. Else SQLite deletes rows of your
-- own that refer to them.
PRAGMA legacy_alter_table = ON;

DROP TABLE installation;
DROP TABLE deferrals;
DROP TABLE recipients;

CREATE TABLE fanmail_new_notifications (
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

INSERT INTO fanmail_new_notifications
    SELECT id, message_key, kind, event_id, max_participant_id, state, received_at, completed_at, acked_at, lease_owner,
        lease_until, epoch
    FROM notifications
    WHERE event_id IS NOT NULL AND channel = 'email' AND kind IN ('CREATED', 'UPDATED', 'CANCELLED')
        AND state IN ('running', 'completed')
    ORDER BY id;

DELETE FROM sqlite_sequence WHERE name = 'fanmail_new_notifications';
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'fanmail_new_notifications', seq FROM sqlite_sequence WHERE name = 'notifications';

DROP TABLE notifications;
ALTER TABLE fanmail_new_notifications RENAME TO notifications;
CREATE INDEX notifications_by_event ON notifications (event_id, kind);

CREATE TABLE fanmail_new_deliveries (
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

INSERT INTO fanmail_new_deliveries
    SELECT notification_id, participant_id, status, attempts, permanent, smtp_code, detail, decided_at
    FROM deliveries
    WHERE status IN ('sent', 'failed', 'skipped') AND notification_id IN (SELECT id FROM notifications)
    ORDER BY notification_id, participant_id;

DROP TABLE deliveries;
ALTER TABLE fanmail_new_deliveries RENAME TO deliveries;

PRAGMA legacy_alter_table = OFF;
