-- That people were erased (`fanmail person erase`), each by the hash of their address as in `suppressions`, with how many rows were changed.
CREATE TABLE erasures (
    address_hash BLOB NOT NULL, -- 16 bytes
    begun_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP, -- NULL: it was interrupted, or something was left, and the next one continues it
    run_by TEXT, -- who has said so
    outcomes BIGINT NOT NULL,
    recipients BIGINT NOT NULL,
    notifications BIGINT NOT NULL,
    suppressions BIGINT NOT NULL,
    outbox_rows BIGINT NOT NULL,
    PRIMARY KEY (address_hash, begun_at)
) WITHOUT ROWID;
