-- The number of a row is never given out twice, so that (id, revision) names one state of one
-- profile for ever: a writer that still holds the version of a deleted profile does not find it
-- again. Collation "C": ids are compared byte by byte, whatever the database's locale is.
CREATE TABLE profiles (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id  TEXT   COLLATE "C" NOT NULL UNIQUE,
    revision BIGINT NOT NULL DEFAULT 1,
    body     JSONB  NOT NULL
);
