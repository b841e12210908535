-- Which connection to the broker holds the message of a notification, and why a notification was abandoned. No row is
-- rewritten, and existing notifications are held by no connection.
--
-- Each statement is safe to run again, as those of 0003 are.
SET @fanmail = (SELECT IF(COUNT(*) > 0, 'DO 0', "ALTER TABLE notifications
        ADD COLUMN broker_session VARCHAR(255) NULL, -- a name in broker_sessions
        ADD COLUMN delivery_tag BIGINT NULL,
        ADD COLUMN delivered_at DATETIME(3) NULL, -- when it got that tag; NULL if another copy may have come before
        ADD COLUMN reason TEXT NULL -- of state 'abandoned'")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'notifications' AND column_name = 'broker_session');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;

-- A connection of a worker to the broker, while it lasts and for a day after its end.
CREATE TABLE IF NOT EXISTS broker_sessions (
    name VARCHAR(255) PRIMARY KEY,
    worker VARCHAR(255) NOT NULL,
    opened_at DATETIME(3) NOT NULL,
    seen_at DATETIME(3) NOT NULL, -- when the broker was last known to have it
    unwritten_since DATETIME(3) NULL, -- later acks may not be on the disk of the broker, which has crashed
    caught_up_at DATETIME(3) NULL, -- when it got a message that was never delivered before, after such a crash
    lost_at DATETIME(3) NULL,
    closed_at DATETIME(3) NULL -- when it ended in good order
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
