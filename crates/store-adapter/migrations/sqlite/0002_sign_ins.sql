-- Signing in at a host: attempts whose login is found out, sign-ins that wait for their answer, and who renews which credential.

-- A sign-in finds out its login, so that may be NULL now; SQLite changes a column only by making the table anew.
CREATE TABLE attempts_anew (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    service TEXT NOT NULL,
    host TEXT NOT NULL,
    -- NULL for a sign-in that has not ended.
    login TEXT,
    secret BLOB,
    settings TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- The order in which they were saved first.
    position INTEGER NOT NULL UNIQUE
) STRICT;

INSERT INTO attempts_anew (id, name, service, host, login, secret, settings, state, created_at, expires_at, position)
SELECT id, name, service, host, login, secret, settings, state, created_at, expires_at, position FROM attempts;

DROP TABLE attempts;

ALTER TABLE attempts_anew RENAME TO attempts;

CREATE INDEX attempts_by_age ON attempts (created_at, position);

CREATE TABLE sign_ins (
    -- The SHA-256 of the state, and of what only the one has who began; neither can be answered with.
    state BLOB NOT NULL PRIMARY KEY,
    initiator BLOB NOT NULL,
    purpose TEXT NOT NULL,
    host TEXT NOT NULL,
    redirect TEXT NOT NULL,
    access TEXT NOT NULL,
    verifier BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX sign_ins_by_end ON sign_ins (expires_at);

CREATE TABLE renewals (
    secret BLOB NOT NULL PRIMARY KEY,
    -- Counts the claims; who comes with an older one writes nothing.
    fence INTEGER NOT NULL,
    -- The newest program that claimed it, and until when nobody else may; NULL once it was given back.
    holder BLOB,
    lease_until INTEGER,
    -- The version of the secret that somebody was about to spend at the host, and the one that the host said is spent for good.
    spending INTEGER,
    dead INTEGER
) STRICT;
