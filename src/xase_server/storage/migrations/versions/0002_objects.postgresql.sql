-- Datasets, versions, policies, sessions: each as it stands now. `idx` is the entry that it began with.
CREATE TABLE objects (
    kind          text NOT NULL,
    id            text NOT NULL,
    organisation  bigint NOT NULL,
    partner       bigint,
    parent        text,
    name          bytea,
    status        text NOT NULL,
    revision      bigint NOT NULL,
    idx           bigint NOT NULL,
    created_ms    bigint NOT NULL,
    ends_ms       bigint,
    document      bytea NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE UNIQUE INDEX objects_by_name ON objects (kind, name, organisation) WHERE name IS NOT NULL;
CREATE INDEX objects_by_owner ON objects (organisation, kind, idx);
CREATE INDEX objects_by_partner ON objects (partner, kind, idx) WHERE partner IS NOT NULL;
CREATE INDEX objects_by_parent ON objects (parent, kind, idx) WHERE parent IS NOT NULL;
CREATE INDEX objects_by_end ON objects (kind, status, ends_ms) WHERE ends_ms IS NOT NULL;

CREATE TABLE usage (
    session     text PRIMARY KEY,
    records     bigint NOT NULL,
    bytes       bigint NOT NULL,
    queries     bigint NOT NULL,
    operations  bigint NOT NULL,
    last_ms     bigint NOT NULL
);

-- Block → releases that touch it; block -1 holds those that touch very many.
CREATE TABLE deliveries (
    dataset  text NOT NULL,
    version  bigint NOT NULL,
    block    bigint NOT NULL,
    idx      bigint NOT NULL,
    PRIMARY KEY (dataset, version, block, idx)
);

-- What each model has had of each session, by type of operation.
CREATE TABLE model_uses (
    organisation  bigint NOT NULL,
    model         bytea NOT NULL,
    session       text NOT NULL,
    type          text NOT NULL,
    dataset       text NOT NULL,
    version       bigint NOT NULL,
    operations    bigint NOT NULL,
    records       bigint NOT NULL,
    first_ms      bigint NOT NULL,
    last_ms       bigint NOT NULL,
    PRIMARY KEY (organisation, model, session, type)
);

CREATE INDEX model_uses_by_dataset ON model_uses (dataset);
CREATE INDEX model_uses_by_session ON model_uses (session);
