-- Addresses that get no mail, or none of some kinds or events. Each by the hash of its address, so that a row may stay when the address
-- itself is deleted. The words of `scope`, `reason` and `source` are held by the code (decision 0028).
CREATE TABLE suppressions (
    address_hash BYTEA NOT NULL, -- 16 bytes
    scope TEXT NOT NULL, -- 'everything', 'all', 'kind:UPDATED', 'event:123'
    address TEXT,
    reason TEXT NOT NULL,
    source TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (address_hash, scope)
);

-- The key of those hashes: 32 random bytes in hexadecimal digits, which fanmail makes when it needs them first. With another one, no row
-- of `suppressions` is found any more.
ALTER TABLE installation ADD COLUMN address_key TEXT;
