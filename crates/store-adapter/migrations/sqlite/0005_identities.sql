-- Signing in at an identity provider: who is who there, and sign-ins that wait for their answer.

CREATE TABLE identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    owner BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX identities_by_owner ON identities (owner);

CREATE TABLE arrivals (
    -- The digests of the state, and of what only the browser has that began; neither can be answered with.
    state BLOB NOT NULL PRIMARY KEY,
    browser BLOB NOT NULL,
    redirect TEXT NOT NULL,
    -- The page that the person wanted.
    wanted TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    -- The order in which they came.
    position INTEGER NOT NULL UNIQUE
) STRICT;

CREATE INDEX arrivals_by_end ON arrivals (expires_at);
