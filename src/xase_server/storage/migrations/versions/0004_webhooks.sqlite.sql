-- How far the log has been turned into each webhook's messages, and which server does that now.
CREATE TABLE webhook_cursors (
    webhook        TEXT PRIMARY KEY,
    idx            INTEGER NOT NULL,
    holder         TEXT NOT NULL,
    held_until_ms  INTEGER NOT NULL
) WITHOUT ROWID;

-- Messages of webhooks; `idx` and `entry` name the ledger entry that each is about.
CREATE TABLE webhook_messages (
    webhook     TEXT NOT NULL,
    idx         INTEGER NOT NULL,
    id          TEXT NOT NULL,
    entry       TEXT NOT NULL,
    type        TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    due_ms      INTEGER NOT NULL,
    status      TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    tried_ms    INTEGER,
    ended_ms    INTEGER,
    answer      INTEGER,
    failure     TEXT,
    PRIMARY KEY (webhook, idx)
) WITHOUT ROWID;

CREATE UNIQUE INDEX webhook_messages_by_id ON webhook_messages (id);
CREATE INDEX webhook_messages_by_status ON webhook_messages (webhook, status, idx);
CREATE INDEX webhook_messages_by_end ON webhook_messages (ended_ms) WHERE ended_ms IS NOT NULL;
