-- Addresses that get no mail, or none of some kinds or events. Each by the hash of its address, so that a row may stay when the address
-- itself is deleted. The words of `scope`, `reason` and `source` are held by the code (decision 0028). A scope is bytes, as keys of
-- events are.
--
-- Each statement is safe to run again, as those of 0003 are.
CREATE TABLE IF NOT EXISTS suppressions (
    address_hash BINARY(16) NOT NULL,
    scope VARBINARY(255) NOT NULL, -- 'everything', 'all', 'kind:UPDATED', 'event:123'
    address TEXT NULL,
    reason VARCHAR(255) NOT NULL,
    source VARCHAR(255) NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (address_hash, scope)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The key of those hashes: 32 random bytes in hexadecimal digits, which fanmail makes when it needs them first. With another one, no row
-- of `suppressions` is found any more.
SET @fanmail = (SELECT IF(COUNT(*) > 0, 'DO 0', "ALTER TABLE installation ADD COLUMN address_key VARCHAR(255) NULL")
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'installation' AND column_name = 'address_key');
PREPARE fanmail FROM @fanmail;
EXECUTE fanmail;
DEALLOCATE PREPARE fanmail;
