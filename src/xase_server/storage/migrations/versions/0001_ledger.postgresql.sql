-- The log ---------------------------------------------------------------------------------------

CREATE TABLE log_head (
    id          integer PRIMARY KEY CHECK (id = 1),
    log         text COLLATE "C" NOT NULL,
    size        bigint NOT NULL,
    compact     bytea NOT NULL,
    checkpoint  text COLLATE "C" NOT NULL,
    time_ms     bigint NOT NULL,
    epoch       bigint NOT NULL
);

-- Canonical bytes by place. No secondary index here: it would slow every append.
CREATE TABLE entries (
    idx  bigint PRIMARY KEY,
    raw  bytea NOT NULL
);

-- Payload parts, packed: the only table from which content is ever erased.
CREATE TABLE payloads (
    idx     bigint PRIMARY KEY,
    packed  bytea NOT NULL
);

CREATE TABLE organisations (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name  text COLLATE "C" NOT NULL UNIQUE
);

-- Ids as numbers (see `xase_server.storage.identifiers`); `number` is a decision record's.
CREATE TABLE entry_ids (
    id            bigint PRIMARY KEY,
    organisation  bigint NOT NULL,
    idx           bigint NOT NULL,
    number        bigint
);

-- The newest entries' ids, still to be moved to the others, many at once and in order.
CREATE TABLE newest_ids (
    id            bigint PRIMARY KEY,
    organisation  bigint NOT NULL,
    idx           bigint NOT NULL,
    number        bigint
);

CREATE TABLE streams (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name    text COLLATE "C" NOT NULL UNIQUE,
    length  bigint NOT NULL,
    hash    text COLLATE "C" NOT NULL
);

-- Entries that follow each other in a chain and in the log alike: `sequence` and `idx` are of the first of `count`.
-- A run begins where its chain ended before the commit, so two commits on the same end meet in the key.
CREATE TABLE stream_runs (
    stream    bigint NOT NULL,
    sequence  bigint NOT NULL,
    idx       bigint NOT NULL,
    count     bigint NOT NULL,
    PRIMARY KEY (stream, sequence)
);

CREATE TABLE tiles (
    level   bigint NOT NULL,
    number  bigint NOT NULL,
    hashes  bytea NOT NULL,
    PRIMARY KEY (level, number)
);

CREATE TABLE checkpoints (
    size  bigint PRIMARY KEY,
    note  text COLLATE "C" NOT NULL
);

-- Numbered in order of time, so that what has expired is swept from the front.
CREATE TABLE claims (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        bytea NOT NULL UNIQUE,
    request     bytea NOT NULL,
    answer      bytea NOT NULL,
    expires_ms  bigint NOT NULL
);

-- What is derived from the entries, in the same transaction ----------------------------------------

-- A model with a policy (empty for none). Bytes, because PostgreSQL's text has no NUL.
CREATE TABLE labels (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation  bigint NOT NULL,
    model         bytea NOT NULL,
    policy        bytea NOT NULL,
    UNIQUE (organisation, model, policy)
);

-- An organisation's decision records, numbered without gaps in the order of the log.
CREATE TABLE decisions (
    organisation  bigint NOT NULL,
    number        bigint NOT NULL,
    idx           bigint NOT NULL,
    label         bigint NOT NULL,
    bucket        bigint,
    confidence    double precision,
    intervened    bigint NOT NULL DEFAULT 0,
    erased_idx    bigint, -- of the entry that erased its payload
    PRIMARY KEY (organisation, number)
);

-- The first decision of each millisecond: times never fall along the numbers.
CREATE TABLE decision_times (
    organisation  bigint NOT NULL,
    created_ms    bigint NOT NULL,
    number        bigint NOT NULL,
    PRIMARY KEY (organisation, created_ms)
);

CREATE TABLE transactions (
    organisation  bigint NOT NULL,
    name          bytea NOT NULL,
    number        bigint NOT NULL,
    PRIMARY KEY (organisation, name, number)
);

-- The decisions of each list; `rank` counts those before it, so that no total is ever counted out.
CREATE TABLE postings (
    organisation  bigint NOT NULL,
    kind          bigint NOT NULL,
    value         bigint NOT NULL,
    number        bigint NOT NULL,
    rank          bigint NOT NULL,
    confidence    double precision,
    PRIMARY KEY (organisation, kind, value, number) INCLUDE (rank)
);

-- How far the lists of each kind reach: decisions from `number` on are still looked at one by one.
CREATE TABLE merged (
    organisation  bigint NOT NULL,
    kind          bigint NOT NULL,
    number        bigint NOT NULL,
    PRIMARY KEY (organisation, kind)
);

-- The confidences in each bucket lie between these.
CREATE TABLE buckets (
    organisation  bigint NOT NULL,
    bucket        bigint NOT NULL,
    low           double precision NOT NULL,
    high          double precision NOT NULL,
    PRIMARY KEY (organisation, bucket)
);

-- How many decisions have an intervention, by blocks of 64^level numbers: of each label, and of all (label 0).
CREATE TABLE intervened (
    organisation  bigint NOT NULL,
    label         bigint NOT NULL,
    level         bigint NOT NULL,
    block         bigint NOT NULL,
    count         bigint NOT NULL,
    PRIMARY KEY (organisation, label, level, block)
);

CREATE TABLE interventions (
    organisation  bigint NOT NULL,
    number        bigint NOT NULL,
    idx           bigint NOT NULL,
    PRIMARY KEY (organisation, number, idx)
);

CREATE TABLE api_keys (
    id            text COLLATE "C" PRIMARY KEY,
    organisation  bigint NOT NULL,
    idx           bigint NOT NULL,
    digest        bytea NOT NULL UNIQUE,
    created_ms    bigint NOT NULL,
    expires_ms    bigint,
    revoked_ms    bigint,
    last_used_ms  bigint,
    rotated_to    text COLLATE "C",
    detail        bytea NOT NULL
);

CREATE INDEX api_keys_by_organisation ON api_keys (organisation, idx);

CREATE TABLE bundles (
    organisation  bigint NOT NULL,
    idx           bigint NOT NULL,
    id            text COLLATE "C" NOT NULL UNIQUE,
    detail        bytea NOT NULL,
    PRIMARY KEY (organisation, idx)
);

CREATE TABLE bundle_chunks (
    bundle   text COLLATE "C" NOT NULL,
    number   bigint NOT NULL,
    content  bytea NOT NULL,
    PRIMARY KEY (bundle, number)
);

-- Append-only by the database too ------------------------------------------------------------------

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql
AS 'BEGIN RAISE EXCEPTION ''the ledger is append-only''; END';

CREATE TRIGGER entries_are_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER checkpoints_are_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoints
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Hashes and zip files do not compress: do not try.
ALTER TABLE tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;
ALTER TABLE bundle_chunks ALTER COLUMN content SET STORAGE EXTERNAL;
-- Room beside a row that changes with every commit, so that no index needs to change with it.
ALTER TABLE log_head SET (fillfactor = 10);
ALTER TABLE streams SET (fillfactor = 50);
