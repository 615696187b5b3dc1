-- Who read which secret: a row for each secret, reader and hour, so that the table stays small however often a secret is read.
CREATE TABLE secret_accesses (
    secret BLOB NOT NULL,
    -- The hour of the clock, counted from 1970 UTC.
    hour INTEGER NOT NULL,
    reader TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (secret, hour, reader)
) STRICT;

CREATE INDEX secret_accesses_by_time ON secret_accesses (last_at);
