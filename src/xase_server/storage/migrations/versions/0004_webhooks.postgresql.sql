-- How far the log has been turned into each webhook's messages, and which server does that now.
CREATE TABLE webhook_cursors (
    webhook        text PRIMARY KEY,
    idx            bigint NOT NULL,
    holder         text NOT NULL,
    held_until_ms  bigint NOT NULL
);

-- Messages of webhooks; `idx` and `entry` name the ledger entry that each is about.
CREATE TABLE webhook_messages (
    webhook     text NOT NULL,
    idx         bigint NOT NULL,
    id          text NOT NULL,
    entry       text NOT NULL,
    type        text NOT NULL,
    created_ms  bigint NOT NULL,
    due_ms      bigint NOT NULL,
    status      text NOT NULL,
    attempts    bigint NOT NULL,
    tried_ms    bigint,
    ended_ms    bigint,
    answer      bigint,
    failure     text,
    PRIMARY KEY (webhook, idx)
);

CREATE UNIQUE INDEX webhook_messages_by_id ON webhook_messages (id);
CREATE INDEX webhook_messages_by_status ON webhook_messages (webhook, status, idx);
CREATE INDEX webhook_messages_by_end ON webhook_messages (ended_ms) WHERE ended_ms IS NOT NULL;
