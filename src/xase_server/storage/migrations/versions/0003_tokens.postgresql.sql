-- Each value that was replaced by a token, once for each domain: found by its keyed hash, and sealed.
-- `session` is empty for a token that all sessions on the dataset share.
CREATE TABLE tokens (
    name     bytea PRIMARY KEY,
    token    bytea NOT NULL UNIQUE,
    dataset  text COLLATE "C" NOT NULL,
    session  text COLLATE "C",
    sealed   bytea NOT NULL
);

-- What is sealed does not compress: do not try.
ALTER TABLE tokens ALTER COLUMN sealed SET STORAGE EXTERNAL;
