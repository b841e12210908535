-- Room for channels, audiences, deferred deliveries, and a tag for Message-IDs. Existing rows keep their meaning: they
-- are mails to the participants of an event. The words of `kind`, `state`, `status` and `channel` are held by the code
-- (decision 0008).
--
-- Each statement is safe to run again, as those of 0001 are. MySQL has no ADD COLUMN IF NOT EXISTS, so what may be done
-- only once is prepared from a text that is 'DO 0' when it was done before.

-- A single statement, which is done as a whole or not at all. MariaDB drops the CHECK of a column that is defined anew
-- without one.
SET @fanmail = (SELECT IF(COUNT(*) > 0, 'DO 0', "ALTER TABLE notifications
        MODIFY kind VARCHAR(16) NOT NULL,
        MODIFY state VARCHAR(16) NOT NULL,
        MODIFY event_id BIGINT NULL,
        ADD COLUMN channel VARCHAR(16) NOT NULL DEFAULT 'email',
        ADD COLUMN audience VARCHAR(16) NOT NULL DEFAULT 'event', -- the participants of event_id
        ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0, -- for iCalendar; 0 is 'not counted'
        ADD COLUMN priority INTEGER NOT NULL DEFAULT 0,
        ADD COLUMN content MEDIUMTEXT, -- JSON
        ADD COLUMN event_snapshot MEDIUMTEXT, -- JSON
        ADD COLUMN not_before DATETIME(3) NULL,
        ADD COLUMN superseded_by BIGINT NULL,
        DROP INDEX message_key,
        ADD UNIQUE INDEX notifications_message_key_channel (message_key, channel)")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'notifications' AND column_name = 'channel');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;

-- Without a default, 0.1.0 can open nothing here.
ALTER TABLE notifications ALTER COLUMN audience DROP DEFAULT;

ALTER TABLE deliveries MODIFY status VARCHAR(16) NOT NULL;

-- MySQL (since 8.0.16) has made constraints of the CHECKs, and given them names; DROP CONSTRAINT came with 8.0.19. MariaDB
-- has none left here but those of your own, and no DROP CHECK.
SET @fanmail = (SELECT IF(COUNT(*) = 0, 'DO 0', CONCAT('ALTER TABLE notifications ',
        GROUP_CONCAT(IF(VERSION() LIKE '%MariaDB%', 'DROP CONSTRAINT `', 'DROP CHECK `'), constraint_name, '`' SEPARATOR ', ')))
    FROM information_schema.table_constraints
    WHERE table_schema = DATABASE() AND table_name = 'notifications' AND constraint_type = 'CHECK');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;

SET @fanmail = (SELECT IF(COUNT(*) = 0, 'DO 0', CONCAT('ALTER TABLE deliveries ',
        GROUP_CONCAT(IF(VERSION() LIKE '%MariaDB%', 'DROP CONSTRAINT `', 'DROP CHECK `'), constraint_name, '`' SEPARATOR ', ')))
    FROM information_schema.table_constraints
    WHERE table_schema = DATABASE() AND table_name = 'deliveries' AND constraint_type = 'CHECK');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;

-- For audiences that are given as a list.
CREATE TABLE IF NOT EXISTS recipients (
    notification_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    user_key VARCHAR(255), -- how the application knows them
    email TEXT,
    name TEXT,
    locale TEXT,
    data MEDIUMTEXT, -- JSON
    PRIMARY KEY (notification_id, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Who was refused for a temporary reason, and when they are tried again.
CREATE TABLE IF NOT EXISTS deferrals (
    notification_id BIGINT NOT NULL,
    participant_id BIGINT NOT NULL,
    tries INTEGER NOT NULL,
    next_try_at DATETIME(3) NOT NULL,
    smtp_code INTEGER,
    detail TEXT,
    PRIMARY KEY (notification_id, participant_id),
    INDEX deferrals_by_time (next_try_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row: a random tag that tells the Message-IDs of this database from those of others at the same domain.
-- Notifications up to `untagged_up_to` were opened before there was one, and keep the Message-IDs that they have.
CREATE TABLE IF NOT EXISTS installation (
    id VARCHAR(16) PRIMARY KEY,
    untagged_up_to BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- A variable: a replica that repeats statements has to get the same tag.
SET @fanmail = LEFT(MD5(CONCAT(UUID(), RAND())), 10);
INSERT INTO installation (id, untagged_up_to)
    SELECT @fanmail, newest.id FROM (SELECT COALESCE(MAX(id), 0) AS id FROM notifications) AS newest
    WHERE NOT EXISTS (SELECT 1 FROM installation);
