-- Messages that the application writes in its own transactions, in place of publishing them to the broker. A row that a worker
-- has taken stays until a purge deletes it. TIMESTAMP: the application may have any time zone.
--
-- Each statement is safe to run again, as those of 0003 are.
CREATE TABLE IF NOT EXISTS outbox (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    message_id VARCHAR(255),
    body MEDIUMTEXT NOT NULL, -- JSON, as a message of the broker has it
    routing_key VARCHAR(255),
    priority INTEGER NOT NULL DEFAULT 0, -- larger ones are taken first
    not_before TIMESTAMP(3) NULL DEFAULT NULL,
    created_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    taken_by VARCHAR(255), -- a worker
    taken_at TIMESTAMP(3) NULL DEFAULT NULL,
    problem TEXT, -- why it cannot be decoded
    INDEX outbox_waiting (taken_at, not_before, priority DESC, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Those that have not ended. Every worker looks for the ones whose worker has died.
SET @fanmail = (SELECT IF(COUNT(*) > 0, 'DO 0', 'ALTER TABLE notifications ADD INDEX notifications_by_end (completed_at)')
    FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'notifications' AND index_name = 'notifications_by_end');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;
