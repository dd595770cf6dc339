-- SQLite's file of lists (`xase_server.storage.lists_file`), attached as `lists`. The anchor is the newest checkpoint of
-- the log at the time of the last listing: lists beside a log without it are of another history.

-- name: make_anchor
CREATE TABLE IF NOT EXISTS lists.anchor (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    size  INTEGER NOT NULL,
    note  TEXT NOT NULL
)

-- name: make_postings
CREATE TABLE IF NOT EXISTS lists.postings (
    organisation  INTEGER NOT NULL,
    kind          INTEGER NOT NULL,
    value         INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    rank          INTEGER NOT NULL,
    confidence    REAL,
    PRIMARY KEY (organisation, kind, value, number)
) WITHOUT ROWID

-- name: make_merged
CREATE TABLE IF NOT EXISTS lists.merged (
    organisation  INTEGER NOT NULL,
    kind          INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    PRIMARY KEY (organisation, kind)
) WITHOUT ROWID

-- name: make_buckets
CREATE TABLE IF NOT EXISTS lists.buckets (
    organisation  INTEGER NOT NULL,
    bucket        INTEGER NOT NULL,
    low           REAL NOT NULL,
    high          REAL NOT NULL,
    PRIMARY KEY (organisation, bucket)
) WITHOUT ROWID

-- name: begin_anchor
INSERT INTO lists.anchor (id, size, note) VALUES (1, 0, '') ON CONFLICT DO NOTHING

-- name: is_anchored
SELECT 1 FROM lists.anchor a WHERE a.size = 0 OR a.note = (SELECT note FROM main.checkpoints WHERE size = a.size)

-- name: move_anchor
UPDATE lists.anchor SET (size, note) = (SELECT size, note FROM main.checkpoints ORDER BY size DESC LIMIT 1)
WHERE size < (SELECT max(size) FROM main.checkpoints)

-- name: forget_anchor
UPDATE lists.anchor SET size = 0, note = ''

-- name: forget_postings
DELETE FROM lists.postings

-- name: forget_merged
DELETE FROM lists.merged

-- name: forget_buckets
DELETE FROM lists.buckets
