-- Room for channels, audiences, deferred deliveries, and a tag for Message-IDs. Existing rows keep their meaning: they
-- are mails to the participants of an event. The words of `kind`, `state`, `status` and `channel` are held by the code
-- (decision 0008).
--
-- All of this is one transaction, and no table is rewritten.
ALTER TABLE notifications
    ALTER COLUMN event_id DROP NOT NULL,
    ADD COLUMN channel TEXT NOT NULL DEFAULT 'email',
    ADD COLUMN audience TEXT NOT NULL DEFAULT 'event', -- the participants of event_id
    ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0, -- for iCalendar; 0 is "not counted"
    ADD COLUMN priority INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN content TEXT, -- JSON
    ADD COLUMN event_snapshot TEXT, -- JSON
    ADD COLUMN not_before TIMESTAMP,
    ADD COLUMN superseded_by BIGINT,
    DROP CONSTRAINT IF EXISTS notifications_kind_check,
    DROP CONSTRAINT IF EXISTS notifications_state_check,
    DROP CONSTRAINT IF EXISTS notifications_message_key_key,
    ADD CONSTRAINT notifications_message_key_channel_key UNIQUE (message_key, channel);

-- Without a default, 0.1.0 can open nothing here.
ALTER TABLE notifications ALTER COLUMN audience DROP DEFAULT;

ALTER TABLE deliveries DROP CONSTRAINT IF EXISTS deliveries_status_check;

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
);

-- Who was refused for a temporary reason, and when they are tried again.
CREATE TABLE deferrals (
    notification_id BIGINT NOT NULL,
    participant_id BIGINT NOT NULL,
    tries INTEGER NOT NULL,
    next_try_at TIMESTAMP NOT NULL,
    smtp_code INTEGER,
    detail TEXT,
    PRIMARY KEY (notification_id, participant_id)
);

CREATE INDEX deferrals_by_time ON deferrals (next_try_at);

-- One row: a random tag that tells the Message-IDs of this database from those of others at the same domain.
-- Notifications up to `untagged_up_to` were opened before there was one, and keep the Message-IDs that they have.
CREATE TABLE installation (
    id TEXT PRIMARY KEY,
    untagged_up_to BIGINT NOT NULL
);

-- Not md5(), which a server in FIPS mode refuses.
INSERT INTO installation (id, untagged_up_to)
    SELECT left(encode(sha256(convert_to(concat_ws(' ', random(), clock_timestamp(), pg_backend_pid()), 'UTF8')), 'hex'), 10),
        coalesce(max(id), 0)
    FROM notifications;
