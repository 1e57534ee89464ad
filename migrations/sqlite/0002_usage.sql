-- How often plans and keys were changed: one row, so that whoever has seen a number knows whether there is
-- anything new.
CREATE TABLE control (
    only     INTEGER PRIMARY KEY CHECK (only = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO control (only, revision) VALUES (1, 0);

-- A plan as JSON, in the shapes of API Gateway.
CREATE TABLE usage_plans (
    id   TEXT NOT NULL PRIMARY KEY COLLATE BINARY,
    body TEXT NOT NULL
) STRICT;

-- Of a key only SHA-256 is kept. Instants are nanoseconds since 1970.
CREATE TABLE api_keys (
    id             TEXT    NOT NULL PRIMARY KEY COLLATE BINARY,
    hash           BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    previous_hash  BLOB    UNIQUE CHECK (length(previous_hash) = 32),
    previous_until INTEGER,
    name           TEXT    NOT NULL,
    description    TEXT    NOT NULL,
    enabled        INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    created_at     INTEGER,
    CHECK ((previous_hash IS NULL) = (previous_until IS NULL))
) STRICT;

CREATE TABLE api_key_plans (
    key_id   TEXT    NOT NULL COLLATE BINARY REFERENCES api_keys (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    plan_id  TEXT    NOT NULL COLLATE BINARY REFERENCES usage_plans (id),
    PRIMARY KEY (key_id, position)
) STRICT;
CREATE INDEX api_key_plans_by_plan ON api_key_plans (plan_id, key_id);

-- What an entry of an imported file was when it was last applied, kept when plan or key are deleted.
CREATE TABLE imports (
    kind   TEXT NOT NULL CHECK (kind IN ('plan', 'key')),
    id     TEXT NOT NULL COLLATE BINARY,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (kind, id)
) STRICT;

-- One row for each account: a plan, and who spends it (key:… or principal:…). full_at is when its bucket is full
-- again, in nanoseconds since 1970; used counts the calls of the quota's period that starts at window_start, in the
-- two's complement of a 64-bit number.
CREATE TABLE usage_accounts (
    plan_id      TEXT NOT NULL COLLATE BINARY,
    holder       TEXT NOT NULL COLLATE BINARY,
    full_at      INTEGER,
    window_start INTEGER,
    used         INTEGER,
    PRIMARY KEY (plan_id, holder),
    CHECK ((window_start IS NULL) = (used IS NULL))
) STRICT;
