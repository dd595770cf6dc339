-- name: add_tokens
INSERT INTO tokens (name, token, dataset, session, sealed) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING

-- name: find_tokens
SELECT name, token FROM tokens WHERE name IN (VALUES (?))

-- name: find_token_rows
SELECT name, token, dataset, session, sealed FROM tokens WHERE token IN (VALUES (?))

-- name: erase_tokens
DELETE FROM tokens WHERE name IN (VALUES (?))
