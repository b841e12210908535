-- Mails that came back, or that their recipient called spam: then `status` is 'bounced' or 'complained'. No row is rewritten.
--
-- Safe to run again, as the statements of 0003 are.
SET @fanmail = (SELECT IF(COUNT(*) > 0, 'DO 0', "ALTER TABLE deliveries
        ADD COLUMN reported_code VARCHAR(64) NULL, -- the enhanced status code, or the type of the complaint
        ADD COLUMN reported_at DATETIME(3) NULL")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'deliveries' AND column_name = 'reported_code');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;

-- Soft bounces of the last 30 days, of which the third suppresses the address. The hash is that of suppressions.
CREATE TABLE IF NOT EXISTS soft_bounces (
    address_hash BINARY(16) NOT NULL,
    notification_id BIGINT NOT NULL,
    participant_id BIGINT NOT NULL,
    reported_at DATETIME(3) NOT NULL,
    PRIMARY KEY (address_hash, notification_id, participant_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- How many mails came to the bounce address, by what became of them.
CREATE TABLE IF NOT EXISTS bounce_counts (
    result VARCHAR(32) PRIMARY KEY,
    number BIGINT NOT NULL,
    last_at DATETIME(3) NOT NULL,
    last_detail TEXT
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
