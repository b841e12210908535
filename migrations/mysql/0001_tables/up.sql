-- Statements like these cannot be taken back here, and a migration that was interrupted is run again: so each of
-- them has to do nothing when it was done before.

-- The application's tables. A team may have put views with these names over its own tables before: then
-- IF NOT EXISTS does nothing. Nothing refers to them with a foreign key.
CREATE TABLE IF NOT EXISTS events (
    id BIGINT PRIMARY KEY AUTO_INCREMENT,
    title TEXT NOT NULL,
    description TEXT,
    location TEXT,
    starts_at DATETIME(6) NULL, -- UTC, as every time here
    ends_at DATETIME(6) NULL,
    timezone VARCHAR(255) NOT NULL DEFAULT 'UTC',
    url TEXT,
    updated_at DATETIME(6) NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- AUTO_INCREMENT: since MySQL 8.0 and MariaDB 10.2.4 it does not go back when the server restarts, so that the key of
-- somebody who left is never given to somebody new, whom the ledger would then take for decided.
CREATE TABLE IF NOT EXISTS participants (
    id BIGINT PRIMARY KEY AUTO_INCREMENT,
    event_id BIGINT NOT NULL,
    email TEXT,
    name TEXT NOT NULL DEFAULT (''),
    locale TEXT,
    timezone TEXT, -- a table of 0.2.0 lacks it, and may
    created_at DATETIME(3) NOT NULL DEFAULT (UTC_TIMESTAMP(3)),
    UNIQUE (event_id, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- The ledger. The lease columns are for several workers on one database. VARBINARY, because two keys that differ in
-- case or in blanks at the end are two keys, and MySQL and MariaDB share no collation that tells them apart.
CREATE TABLE IF NOT EXISTS notifications (
    id BIGINT PRIMARY KEY AUTO_INCREMENT,
    message_key VARBINARY(1020) UNIQUE,
    kind VARCHAR(16) NOT NULL CHECK (kind IN ('CREATED', 'UPDATED', 'CANCELLED')),
    event_id BIGINT NOT NULL,
    max_participant_id BIGINT NOT NULL,
    state VARCHAR(16) NOT NULL CHECK (state IN ('running', 'completed')),
    received_at DATETIME(3) NOT NULL,
    completed_at DATETIME(3) NULL,
    acked_at DATETIME(3) NULL,
    lease_owner VARCHAR(255),
    lease_until DATETIME(3) NULL,
    epoch BIGINT NOT NULL DEFAULT 0,
    INDEX notifications_by_event (event_id, kind)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS deliveries (
    notification_id BIGINT NOT NULL,
    participant_id BIGINT NOT NULL,
    status VARCHAR(16) NOT NULL CHECK (status IN ('sent', 'failed', 'skipped')),
    attempts INTEGER NOT NULL,
    permanent BOOLEAN NOT NULL,
    smtp_code INTEGER,
    detail TEXT,
    decided_at DATETIME(3) NOT NULL,
    PRIMARY KEY (notification_id, participant_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
