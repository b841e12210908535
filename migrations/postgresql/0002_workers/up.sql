-- Who is at work on this database, for `fanmail status`. A worker writes its row every few seconds and takes it
-- away when it stops.
CREATE TABLE workers (
    name TEXT PRIMARY KEY,
    started_at TIMESTAMP NOT NULL,
    seen_at TIMESTAMP NOT NULL,
    troubles TEXT NOT NULL -- a line each, empty when all is well
);
