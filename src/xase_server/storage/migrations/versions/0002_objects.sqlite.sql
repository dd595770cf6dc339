-- Datasets, versions, policies, sessions: each as it stands now. `idx` is the entry that it began with.
CREATE TABLE objects (
    kind          TEXT NOT NULL,
    id            TEXT NOT NULL,
    organisation  INTEGER NOT NULL,
    partner       INTEGER,
    parent        TEXT,
    name          BLOB,
    status        TEXT NOT NULL,
    revision      INTEGER NOT NULL,
    idx           INTEGER NOT NULL,
    created_ms    INTEGER NOT NULL,
    ends_ms       INTEGER,
    document      BLOB NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;

CREATE UNIQUE INDEX objects_by_name ON objects (kind, name, organisation) WHERE name IS NOT NULL;
CREATE INDEX objects_by_owner ON objects (organisation, kind, idx);
CREATE INDEX objects_by_partner ON objects (partner, kind, idx) WHERE partner IS NOT NULL;
CREATE INDEX objects_by_parent ON objects (parent, kind, idx) WHERE parent IS NOT NULL;
CREATE INDEX objects_by_end ON objects (kind, status, ends_ms) WHERE ends_ms IS NOT NULL;

CREATE TABLE usage (
    session     TEXT PRIMARY KEY,
    records     INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    queries     INTEGER NOT NULL,
    operations  INTEGER NOT NULL,
    last_ms     INTEGER NOT NULL
) WITHOUT ROWID;

-- Block → releases that touch it; block -1 holds those that touch very many.
CREATE TABLE deliveries (
    dataset  TEXT NOT NULL,
    version  INTEGER NOT NULL,
    block    INTEGER NOT NULL,
    idx      INTEGER NOT NULL,
    PRIMARY KEY (dataset, version, block, idx)
) WITHOUT ROWID;

-- What each model has had of each session, by type of operation.
CREATE TABLE model_uses (
    organisation  INTEGER NOT NULL,
    model         BLOB NOT NULL,
    session       TEXT NOT NULL,
    type          TEXT NOT NULL,
    dataset       TEXT NOT NULL,
    version       INTEGER NOT NULL,
    operations    INTEGER NOT NULL,
    records       INTEGER NOT NULL,
    first_ms      INTEGER NOT NULL,
    last_ms       INTEGER NOT NULL,
    PRIMARY KEY (organisation, model, session, type)
) WITHOUT ROWID;

CREATE INDEX model_uses_by_dataset ON model_uses (dataset);
CREATE INDEX model_uses_by_session ON model_uses (session);
