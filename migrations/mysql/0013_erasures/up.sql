-- That people were erased (`fanmail person erase`), each by the hash of their address as in `suppressions`, with how many rows were changed.
--
-- Safe to run again, as the statements of 0003 are.
CREATE TABLE IF NOT EXISTS erasures (
    address_hash BINARY(16) NOT NULL,
    begun_at DATETIME(3) NOT NULL,
    ended_at DATETIME(3) NULL, -- NULL: it was interrupted, or something was left, and the next one continues it
    run_by VARCHAR(255) NULL, -- who has said so
    outcomes BIGINT NOT NULL,
    recipients BIGINT NOT NULL,
    notifications BIGINT NOT NULL,
    suppressions BIGINT NOT NULL,
    outbox_rows BIGINT NOT NULL,
    PRIMARY KEY (address_hash, begun_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
