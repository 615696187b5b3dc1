-- The repositories of an organization in other orders than that of their paths. As in the first ones, the columns that filters ask for stand behind
-- the key. What the host does not tell the last activity of is the oldest; the column itself stands at the end, because SQLite computes the key from
-- it and would otherwise read every row for that.
CREATE INDEX repositories_by_activity ON repositories
    (organization, coalesce(last_activity_at, 0), id, gone_since, license_state, lifecycle, visibility, path_key, last_activity_at);
CREATE INDEX repositories_by_first_seen ON repositories
    (organization, first_seen, id, gone_since, license_state, lifecycle, visibility, path_key);
