-- Each value that was replaced by a token, once for each domain: found by its keyed hash, and sealed.
-- `session` is empty for a token that all sessions on the dataset share.
CREATE TABLE tokens (
    name     BLOB PRIMARY KEY CHECK (typeof(name) = 'blob'),
    token    BLOB NOT NULL UNIQUE,
    dataset  TEXT NOT NULL,
    session  TEXT,
    sealed   BLOB NOT NULL CHECK (typeof(sealed) = 'blob')
) WITHOUT ROWID;
