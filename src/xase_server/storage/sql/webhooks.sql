-- Messages of webhooks: statements that SQLite and PostgreSQL understand alike.

-- name: hold_webhook
INSERT INTO webhook_cursors (webhook, idx, holder, held_until_ms) VALUES (:webhook, :start, :holder, :until_ms)
ON CONFLICT (webhook) DO UPDATE SET holder = excluded.holder, held_until_ms = excluded.held_until_ms,
    idx = CASE WHEN webhook_cursors.idx < excluded.idx THEN excluded.idx ELSE webhook_cursors.idx END
WHERE webhook_cursors.holder = excluded.holder OR webhook_cursors.held_until_ms <= :now_ms

-- name: webhook_cursor
SELECT idx FROM webhook_cursors WHERE webhook = :webhook AND holder = :holder

-- name: let_webhooks_go
UPDATE webhook_cursors SET held_until_ms = 0 WHERE holder = :holder

-- name: advance_webhook
UPDATE webhook_cursors SET idx = :following WHERE webhook = :webhook AND holder = :holder

-- name: put_message
INSERT INTO webhook_messages
    (webhook, idx, id, entry, type, created_ms, due_ms, status, attempts, tried_ms, ended_ms, answer, failure)
VALUES (:webhook, :index, :id, :entry, :type, :created_ms, :due_ms, :status, :attempts, :tried_ms, :ended_ms, :answer, :failure)
ON CONFLICT (webhook, idx) DO NOTHING

-- name: send_message_again
UPDATE webhook_messages SET status = 'PENDING', attempts = 0, due_ms = :due_ms, ended_ms = NULL
WHERE webhook = :webhook AND id = :id

-- name: note_message
UPDATE webhook_messages SET due_ms = :due_ms, status = :status, attempts = :attempts, tried_ms = :tried_ms,
    ended_ms = :ended_ms, answer = :answer, failure = :failure
WHERE webhook = :webhook AND idx = :index AND EXISTS (
    SELECT 1 FROM webhook_cursors c WHERE c.webhook = :webhook AND c.holder = :holder)

-- name: message_columns
webhook, idx, id, entry, type, created_ms, due_ms, status, attempts, tried_ms, ended_ms, answer, failure

-- name: next_message
SELECT {message_columns} FROM webhook_messages
WHERE webhook = :webhook AND status = 'PENDING' AND (due_ms <= :now_ms OR attempts <= :held_back)
ORDER BY idx LIMIT 1

-- name: read_message
SELECT {message_columns} FROM webhook_messages WHERE webhook = :webhook AND id = :id

-- name: wanted_messages
webhook = :webhook AND (CAST(:status AS text) IS NULL OR status = :status)

-- name: messages_upward
SELECT {message_columns} FROM webhook_messages WHERE {wanted_messages} AND idx > :after
ORDER BY idx LIMIT :limit OFFSET :offset

-- name: messages_downward
SELECT {message_columns} FROM webhook_messages WHERE {wanted_messages} AND idx < :after
ORDER BY idx DESC LIMIT :limit OFFSET :offset

-- name: count_messages
SELECT count(*) FROM webhook_messages WHERE {wanted_messages}

-- name: forget_messages
DELETE FROM webhook_messages WHERE (webhook, idx) IN (
    SELECT webhook, idx FROM webhook_messages WHERE ended_ms < :before_ms ORDER BY ended_ms LIMIT :limit)
