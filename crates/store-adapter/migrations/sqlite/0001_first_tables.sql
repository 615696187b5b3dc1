-- Times are microseconds since 1970 UTC, so that they compare and round-trip exactly on every engine. UUIDs are 16 bytes. Words are
-- those of the domain. JSON is TEXT, and never queried. A generation counts changes, so that a plan made on an older state is refused.

-- What belongs to the installation as a whole: one row.
CREATE TABLE installation (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    roster_generation INTEGER NOT NULL,
    pool_generation INTEGER NOT NULL,
    -- The fence of the newest run; each claim takes the next one, so fences also tell the order of runs.
    last_fence INTEGER NOT NULL,
    seats TEXT NOT NULL,
    -- NULL until a person sets one.
    policy TEXT
) STRICT;

INSERT INTO installation (id, roster_generation, pool_generation, last_fence, seats, policy)
VALUES (1, 0, 0, 0, 'unlimited', NULL);

CREATE TABLE organizations (
    id BLOB NOT NULL PRIMARY KEY,
    -- The generation of the roster that it came with: the order of creation.
    position INTEGER NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- The name in the form that is compared; NULL once the organization is removed, which frees its name.
    unique_name TEXT UNIQUE,
    service TEXT NOT NULL,
    host TEXT NOT NULL,
    account_id INTEGER NOT NULL,
    account_login TEXT NOT NULL,
    account_kind TEXT NOT NULL,
    auth TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    settings TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    followed_since INTEGER,
    expiry_notice INTEGER,
    version INTEGER NOT NULL,
    inventory_generation INTEGER NOT NULL,
    -- Whether its status lets a schedule start a sync.
    scheduled INTEGER NOT NULL,
    next_run INTEGER,
    -- Since when a sync is asked for that nobody started yet.
    requested_at INTEGER,
    -- The run that somebody is at, and until when nobody else may take it over.
    lease_sync BLOB,
    lease_until INTEGER,
    -- Since when, or from when on, a sync is wanted.
    wanted_at INTEGER GENERATED ALWAYS AS (
        CASE WHEN scheduled THEN coalesce(min(next_run, requested_at), next_run, requested_at) END
    ) STORED,
    -- When a wanted sync may start.
    ready_at INTEGER GENERATED ALWAYS AS (max(wanted_at, coalesce(lease_until, wanted_at))) STORED
) STRICT;

CREATE INDEX organizations_by_ready ON organizations (ready_at);

CREATE TABLE attempts (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    service TEXT NOT NULL,
    host TEXT NOT NULL,
    login TEXT NOT NULL,
    secret BLOB,
    settings TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- The order in which they were saved first.
    position INTEGER NOT NULL UNIQUE
) STRICT;

CREATE INDEX attempts_by_age ON attempts (created_at, position);

CREATE TABLE repositories (
    organization BLOB NOT NULL REFERENCES organizations (id),
    id INTEGER NOT NULL,
    group_id INTEGER,
    full_path TEXT NOT NULL,
    -- The path in lower case: what pages are sorted by and searched in.
    path_key TEXT NOT NULL,
    name TEXT NOT NULL,
    visibility TEXT NOT NULL,
    lifecycle TEXT NOT NULL,
    ownership TEXT NOT NULL,
    fork INTEGER,
    default_branch TEXT,
    topics TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_activity_at INTEGER,
    first_seen INTEGER NOT NULL,
    -- NULL while it is there.
    gone_since INTEGER,
    license_state TEXT NOT NULL,
    license_reason TEXT NOT NULL,
    license_since INTEGER NOT NULL,
    PRIMARY KEY (organization, id)
) STRICT, WITHOUT ROWID;

-- Pages read these in order. The columns that filters ask for stand behind the key, so that a rare match is found without reading rows.
CREATE INDEX repositories_by_path ON repositories
    (path_key, organization, id, gone_since, license_state, lifecycle, visibility);
CREATE INDEX repositories_by_organization ON repositories
    (organization, path_key, id, gone_since, license_state, lifecycle, visibility);
-- The queue for seats, and the counts of the pool.
CREATE INDEX repositories_by_license ON repositories (license_state, created_at, id, organization);

CREATE TABLE groups (
    organization BLOB NOT NULL REFERENCES organizations (id),
    id INTEGER NOT NULL,
    parent INTEGER,
    full_path TEXT NOT NULL,
    path_key TEXT NOT NULL,
    name TEXT NOT NULL,
    visibility TEXT NOT NULL,
    lifecycle TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    gone_since INTEGER,
    gone INTEGER NOT NULL GENERATED ALWAYS AS (gone_since IS NOT NULL) STORED,
    PRIMARY KEY (organization, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX groups_by_path ON groups (organization, gone, path_key, id);

CREATE TABLE syncs (
    id BLOB NOT NULL PRIMARY KEY,
    organization BLOB NOT NULL REFERENCES organizations (id),
    fence INTEGER NOT NULL UNIQUE,
    cause TEXT NOT NULL,
    holder BLOB NOT NULL,
    started_at INTEGER NOT NULL,
    -- NULL while somebody is at it.
    ended_at INTEGER,
    outcome TEXT,
    -- How it was ended: `applied` with a plan, `ended` without one; NULL while somebody is at it, and when nobody came back to it.
    ending TEXT,
    -- Of a partial run.
    missing TEXT,
    -- Of a failed run.
    reason TEXT,
    -- Of a held run.
    decision TEXT,
    vanishing INTEGER,
    known INTEGER,
    counts TEXT NOT NULL,
    requests INTEGER NOT NULL
) STRICT;

CREATE INDEX syncs_by_age ON syncs (started_at, fence);
CREATE INDEX syncs_by_organization ON syncs (organization, started_at, fence);
CREATE INDEX syncs_by_decision ON syncs (organization, decision, fence);

-- The known repositories that a held run would let vanish.
CREATE TABLE held_repositories (
    sync BLOB NOT NULL REFERENCES syncs (id),
    repository INTEGER NOT NULL,
    PRIMARY KEY (sync, repository)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    sequence INTEGER NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    organization BLOB,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    changes TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;

CREATE INDEX events_by_organization ON events (organization, sequence);
CREATE INDEX events_by_subject ON events (subject, sequence, organization);
CREATE INDEX events_by_kind ON events (kind, sequence, organization);
