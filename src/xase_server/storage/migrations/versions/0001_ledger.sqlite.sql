-- The log ---------------------------------------------------------------------------------------

CREATE TABLE log_head (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    log         TEXT NOT NULL,
    size        INTEGER NOT NULL,
    compact     BLOB NOT NULL,
    checkpoint  TEXT NOT NULL,
    time_ms     INTEGER NOT NULL,
    epoch       INTEGER NOT NULL
);

-- Canonical bytes by place. No secondary index here: it would slow every append.
CREATE TABLE entries (
    idx  INTEGER PRIMARY KEY,
    raw  BLOB NOT NULL CHECK (typeof(raw) = 'blob')
);

-- Payload parts, packed: the only table from which content is ever erased.
CREATE TABLE payloads (
    idx     INTEGER PRIMARY KEY,
    packed  BLOB NOT NULL CHECK (typeof(packed) = 'blob')
);

CREATE TABLE organisations (
    id    INTEGER PRIMARY KEY,
    name  TEXT NOT NULL UNIQUE
);

-- Ids as numbers (see `xase_server.storage.identifiers`); `number` is a decision record's.
CREATE TABLE entry_ids (
    id            INTEGER PRIMARY KEY,
    organisation  INTEGER NOT NULL,
    idx           INTEGER NOT NULL,
    number        INTEGER
);

-- The newest entries' ids, still to be moved to the others, many at once and in order.
CREATE TABLE newest_ids (
    id            INTEGER PRIMARY KEY,
    organisation  INTEGER NOT NULL,
    idx           INTEGER NOT NULL,
    number        INTEGER
);

CREATE TABLE streams (
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL UNIQUE,
    length  INTEGER NOT NULL,
    hash    TEXT NOT NULL
);

-- Entries that follow each other in a chain and in the log alike: `sequence` and `idx` are of the first of `count`.
-- A run begins where its chain ended before the commit, so two commits on the same end meet in the key.
CREATE TABLE stream_runs (
    stream    INTEGER NOT NULL,
    sequence  INTEGER NOT NULL,
    idx       INTEGER NOT NULL,
    count     INTEGER NOT NULL,
    PRIMARY KEY (stream, sequence)
) WITHOUT ROWID;

CREATE TABLE tiles (
    level   INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    hashes  BLOB NOT NULL CHECK (typeof(hashes) = 'blob'),
    PRIMARY KEY (level, number)
);

CREATE TABLE checkpoints (
    size  INTEGER PRIMARY KEY,
    note  TEXT NOT NULL
);

-- Numbered in order of time, so that what has expired is swept from the front.
CREATE TABLE claims (
    number      INTEGER PRIMARY KEY,
    name        BLOB NOT NULL UNIQUE,
    request     BLOB NOT NULL,
    answer      BLOB NOT NULL,
    expires_ms  INTEGER NOT NULL
);

-- What is derived from the entries, in the same transaction ----------------------------------------

-- A model with a policy (empty for none). Bytes, because PostgreSQL's text has no NUL.
CREATE TABLE labels (
    id            INTEGER PRIMARY KEY,
    organisation  INTEGER NOT NULL,
    model         BLOB NOT NULL,
    policy        BLOB NOT NULL,
    UNIQUE (organisation, model, policy)
);

-- An organisation's decision records, numbered without gaps in the order of the log.
CREATE TABLE decisions (
    organisation  INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    idx           INTEGER NOT NULL,
    label         INTEGER NOT NULL,
    bucket        INTEGER,
    confidence    REAL,
    intervened    INTEGER NOT NULL DEFAULT 0,
    erased_idx    INTEGER, -- of the entry that erased its payload
    PRIMARY KEY (organisation, number)
) WITHOUT ROWID;

-- The first decision of each millisecond: times never fall along the numbers.
CREATE TABLE decision_times (
    organisation  INTEGER NOT NULL,
    created_ms    INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    PRIMARY KEY (organisation, created_ms)
) WITHOUT ROWID;

CREATE TABLE transactions (
    organisation  INTEGER NOT NULL,
    name          BLOB NOT NULL,
    number        INTEGER NOT NULL,
    PRIMARY KEY (organisation, name, number)
) WITHOUT ROWID;

-- The decisions of each list; `rank` counts those before it, so that no total is ever counted out.
CREATE TABLE postings (
    organisation  INTEGER NOT NULL,
    kind          INTEGER NOT NULL,
    value         INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    rank          INTEGER NOT NULL,
    confidence    REAL,
    PRIMARY KEY (organisation, kind, value, number)
) WITHOUT ROWID;

-- How far the lists of each kind reach: decisions from `number` on are still looked at one by one.
CREATE TABLE merged (
    organisation  INTEGER NOT NULL,
    kind          INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    PRIMARY KEY (organisation, kind)
) WITHOUT ROWID;

-- The confidences in each bucket lie between these.
CREATE TABLE buckets (
    organisation  INTEGER NOT NULL,
    bucket        INTEGER NOT NULL,
    low           REAL NOT NULL,
    high          REAL NOT NULL,
    PRIMARY KEY (organisation, bucket)
) WITHOUT ROWID;

-- How many decisions have an intervention, by blocks of 64^level numbers: of each label, and of all (label 0).
CREATE TABLE intervened (
    organisation  INTEGER NOT NULL,
    label         INTEGER NOT NULL,
    level         INTEGER NOT NULL,
    block         INTEGER NOT NULL,
    count         INTEGER NOT NULL,
    PRIMARY KEY (organisation, label, level, block)
) WITHOUT ROWID;

CREATE TABLE interventions (
    organisation  INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    idx           INTEGER NOT NULL,
    PRIMARY KEY (organisation, number, idx)
) WITHOUT ROWID;

CREATE TABLE api_keys (
    id            TEXT PRIMARY KEY,
    organisation  INTEGER NOT NULL,
    idx           INTEGER NOT NULL,
    digest        BLOB NOT NULL UNIQUE,
    created_ms    INTEGER NOT NULL,
    expires_ms    INTEGER,
    revoked_ms    INTEGER,
    last_used_ms  INTEGER,
    rotated_to    TEXT,
    detail        BLOB NOT NULL
) WITHOUT ROWID;

CREATE INDEX api_keys_by_organisation ON api_keys (organisation, idx);

CREATE TABLE bundles (
    organisation  INTEGER NOT NULL,
    idx           INTEGER NOT NULL,
    id            TEXT NOT NULL UNIQUE,
    detail        BLOB NOT NULL,
    PRIMARY KEY (organisation, idx)
) WITHOUT ROWID;

CREATE TABLE bundle_chunks (
    bundle   TEXT NOT NULL,
    number   INTEGER NOT NULL,
    content  BLOB NOT NULL,
    PRIMARY KEY (bundle, number)
);

-- Append-only by the database too ------------------------------------------------------------------

CREATE TRIGGER entries_are_never_changed BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TRIGGER entries_are_never_deleted BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TRIGGER checkpoints_are_never_changed BEFORE UPDATE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TRIGGER checkpoints_are_never_deleted BEFORE DELETE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
