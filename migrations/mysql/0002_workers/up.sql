-- Who is at work on this database, for `fanmail status`. A worker writes its row every few seconds and takes it
-- away when it stops.
CREATE TABLE IF NOT EXISTS workers (
    name VARCHAR(255) PRIMARY KEY,
    started_at DATETIME(3) NOT NULL,
    seen_at DATETIME(3) NOT NULL,
    troubles TEXT NOT NULL -- a line each, empty when all is well
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
