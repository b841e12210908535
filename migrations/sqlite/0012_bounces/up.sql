-- Mails that came back, or that their recipient called spam: then `status` is 'bounced' or 'complained'. No row is rewritten.
ALTER TABLE deliveries ADD COLUMN reported_code TEXT; -- the enhanced status code, or the type of the complaint
ALTER TABLE deliveries ADD COLUMN reported_at TIMESTAMP;

-- Soft bounces of the last 30 days, of which the third suppresses the address. The hash is that of suppressions.
CREATE TABLE soft_bounces (
    address_hash BLOB NOT NULL,
    notification_id BIGINT NOT NULL,
    participant_id BIGINT NOT NULL,
    reported_at TIMESTAMP NOT NULL,
    PRIMARY KEY (address_hash, notification_id, participant_id)
) WITHOUT ROWID;

-- How many mails came to the bounce address, by what became of them.
CREATE TABLE bounce_counts (
    result TEXT PRIMARY KEY,
    number BIGINT NOT NULL,
    last_at TIMESTAMP NOT NULL,
    last_detail TEXT
) WITHOUT ROWID;
