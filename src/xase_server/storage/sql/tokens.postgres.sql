-- name: add_tokens
INSERT INTO tokens (name, token, dataset, session, sealed)
SELECT * FROM unnest(
    CAST(? AS bytea[]), CAST(? AS bytea[]), CAST(? AS text[]), CAST(? AS text[]), CAST(? AS bytea[]))
ON CONFLICT DO NOTHING

-- name: find_tokens
SELECT name, token FROM tokens WHERE name = ANY(CAST(? AS bytea[]))

-- name: find_token_rows
SELECT name, token, dataset, session, sealed FROM tokens WHERE token = ANY(CAST(? AS bytea[]))

-- name: erase_tokens
DELETE FROM tokens WHERE name = ANY(CAST(? AS bytea[]))
