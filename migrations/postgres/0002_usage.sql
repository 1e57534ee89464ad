-- How often plans and keys were changed: one row, so that whoever has seen a number knows whether there is
-- anything new. Whoever changes anything changes this first, and so they take turns.
CREATE TABLE control (
    single   BOOLEAN PRIMARY KEY CHECK (single),
    revision BIGINT  NOT NULL
);
INSERT INTO control (single, revision) VALUES (true, 0);

-- A plan as JSON, in the shapes of API Gateway.
CREATE TABLE usage_plans (
    id   TEXT COLLATE "C" PRIMARY KEY,
    body TEXT NOT NULL
);

-- Of a key only SHA-256 is kept. Instants are nanoseconds since 1970.
CREATE TABLE api_keys (
    id             TEXT    COLLATE "C" PRIMARY KEY,
    hash           BYTEA   NOT NULL UNIQUE CHECK (length(hash) = 32),
    previous_hash  BYTEA   UNIQUE CHECK (length(previous_hash) = 32),
    previous_until BIGINT,
    name           TEXT    NOT NULL,
    description    TEXT    NOT NULL,
    enabled        BOOLEAN NOT NULL,
    created_at     BIGINT,
    CHECK ((previous_hash IS NULL) = (previous_until IS NULL))
);

CREATE TABLE api_key_plans (
    key_id   TEXT   COLLATE "C" NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    plan_id  TEXT   COLLATE "C" NOT NULL REFERENCES usage_plans (id),
    PRIMARY KEY (key_id, position)
);
CREATE INDEX api_key_plans_by_plan ON api_key_plans (plan_id, key_id);

-- What an entry of an imported file was when it was last applied, kept when plan or key are deleted.
CREATE TABLE imports (
    kind   TEXT  NOT NULL CHECK (kind IN ('plan', 'key')),
    id     TEXT  COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (kind, id)
);

-- One row for each account: a plan, and who spends it (key:… or principal:…). full_at is when its bucket is full
-- again, in nanoseconds since 1970; used counts the calls of the quota's period that starts at window_start, and is
-- NUMERIC because a quota may be any 64-bit number without a sign. Room is left in each page, so that a change of a
-- row, which touches no index, stays where it is.
CREATE TABLE usage_accounts (
    plan_id      TEXT COLLATE "C" NOT NULL,
    holder       TEXT COLLATE "C" NOT NULL,
    full_at      BIGINT,
    window_start BIGINT,
    used         NUMERIC(20) CHECK (used >= 0),
    PRIMARY KEY (plan_id, holder),
    CHECK ((window_start IS NULL) = (used IS NULL))
) WITH (fillfactor = 70);
