-- The number of a row is never given out twice (AUTOINCREMENT), so that (id, revision) names one
-- state of one profile for ever: a writer that still holds the version of a deleted profile does
-- not find it again. A rowid table on purpose: WITHOUT ROWID is slow for rows of this size.
CREATE TABLE profiles (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id  TEXT    NOT NULL UNIQUE COLLATE BINARY,
    revision INTEGER NOT NULL DEFAULT 1,
    body     TEXT    NOT NULL
) STRICT;
