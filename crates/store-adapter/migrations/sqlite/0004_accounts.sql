-- Who may use the installation. Of passwords there is the hash, of sessions and API tokens the digest: whoever reads this signs in as nobody.

ALTER TABLE installation ADD COLUMN accounts_generation INTEGER NOT NULL DEFAULT 0;

CREATE TABLE users (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    password TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- NULL while the account is open.
    disabled_since INTEGER,
    last_sign_in INTEGER
) STRICT;

CREATE TABLE sessions (
    digest BLOB NOT NULL PRIMARY KEY,
    -- The owner: `user` is a word that other engines keep for themselves.
    owner BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_owner ON sessions (owner, created_at);

CREATE TABLE api_tokens (
    id BLOB NOT NULL PRIMARY KEY,
    owner BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER
) STRICT;

CREATE INDEX api_tokens_by_owner ON api_tokens (owner, created_at);

-- Answers to requests that carry a key of their own, so that a repeated one is answered and not done again.
CREATE TABLE answered_requests (
    -- Who asked, and the key that they chose.
    owner BLOB NOT NULL,
    request_key TEXT NOT NULL,
    -- What was asked, as a digest.
    fingerprint BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    -- NULL while it is being done.
    status INTEGER,
    headers TEXT,
    body BLOB,
    PRIMARY KEY (owner, request_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX answered_requests_by_age ON answered_requests (expires_at);
