-- The repositories of an organization in other orders than that of their paths. As in the first one, the columns that filters ask for stand behind
-- the key. A host that does not tell when a repository was last active leaves it the oldest.
CREATE INDEX repositories_by_activity ON repositories
    (organization, coalesce(last_activity_at, 0), id, gone_since, license_state, lifecycle, visibility, path_key);
CREATE INDEX repositories_by_first_seen ON repositories
    (organization, first_seen, id, gone_since, license_state, lifecycle, visibility, path_key);
