-- PostgreSQL's own: sets of rows come as one array for each column.

-- name: lock_head
SELECT log, size, compact, checkpoint, time_ms, epoch FROM log_head FOR UPDATE

-- name: add_organisations
INSERT INTO organisations (name) SELECT * FROM unnest(CAST(? AS text[]))

-- name: find_organisations
SELECT name, id FROM organisations WHERE name = ANY(CAST(? AS text[]))

-- name: add_lists
INSERT INTO lists (organisation, kind, value)
SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bytea[]))

-- name: find_lists
SELECT organisation, kind, value, id
FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bytea[])) AS k (organisation, kind, value)
JOIN lists USING (organisation, kind, value)

-- name: find_streams
SELECT name, id, length, hash FROM streams WHERE name = ANY(CAST(? AS text[]))

-- name: add_streams
INSERT INTO streams (name, length, hash) SELECT name, 0, '' FROM unnest(CAST(? AS text[])) AS k (name)

-- name: extend_streams
UPDATE streams SET length = k.length, hash = k.hash
FROM unnest(CAST(? AS bigint[]), CAST(? AS text[]), CAST(? AS bigint[])) AS k (length, hash, id)
WHERE streams.id = k.id

-- name: find_claims
SELECT name, request, answer FROM claims WHERE name = ANY(CAST(? AS bytea[]))

-- name: add_claims
INSERT INTO claims (name, request, answer, expires_ms)
SELECT * FROM unnest(CAST(? AS bytea[]), CAST(? AS bytea[]), CAST(? AS bytea[]), CAST(? AS bigint[]))

-- name: add_entries
INSERT INTO entries (idx, raw) SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bytea[]))

-- name: add_payloads
INSERT INTO payloads (idx, packed) SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bytea[]))

-- name: add_entry_ids
INSERT INTO entry_ids (organisation, id, idx, number)
SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS text[]), CAST(? AS bigint[]), CAST(? AS bigint[]))

-- name: add_stream_entries
INSERT INTO stream_entries (stream, sequence, idx)
SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]))

-- name: put_tiles
INSERT INTO tiles (level, number, hashes)
SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bytea[]))
ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes

-- name: add_checkpoints
INSERT INTO checkpoints (size, note) SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS text[]))

-- name: find_entry_ids
SELECT organisation, id, number
FROM unnest(CAST(? AS bigint[]), CAST(? AS text[])) AS k (organisation, id) JOIN entry_ids USING (organisation, id)

-- name: find_next_numbers
SELECT k.organisation, d.number + 1 FROM unnest(CAST(? AS bigint[])) AS k (organisation), LATERAL (
    SELECT number FROM decisions WHERE organisation = k.organisation ORDER BY number DESC LIMIT 1) AS d

-- name: add_decisions
INSERT INTO decisions (organisation, number, idx, created_ms, model, policy, confidence)
SELECT * FROM unnest(
    CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]),
    CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS double precision[]))

-- name: add_transactions
INSERT INTO transactions (organisation, name, number)
SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bytea[]), CAST(? AS bigint[]))

-- name: find_next_ranks
SELECT k.list, p.rank + 1 FROM unnest(CAST(? AS bigint[])) AS k (list), LATERAL (
    SELECT rank FROM postings WHERE list = k.list ORDER BY number DESC LIMIT 1) AS p

-- name: add_postings
INSERT INTO postings (list, number, rank, confidence)
SELECT * FROM unnest(
    CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS double precision[]))

-- name: widen_lists
UPDATE lists SET low = least(lists.low, k.low), high = greatest(lists.high, k.high)
FROM unnest(CAST(? AS double precision[]), CAST(? AS double precision[]), CAST(? AS bigint[])) AS k (low, high, id)
WHERE lists.id = k.id AND (lists.low IS NULL OR lists.low > k.low OR lists.high < k.high)

-- name: find_decisions
SELECT organisation, number, idx, intervened, model, policy
FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[])) AS k (organisation, number)
JOIN decisions USING (organisation, number)

-- name: add_interventions
INSERT INTO interventions (organisation, number, idx)
SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]))

-- name: mark_intervened
UPDATE decisions SET intervened = 1
FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[])) AS k (organisation, number)
WHERE decisions.organisation = k.organisation AND decisions.number = k.number

-- name: add_intervened
INSERT INTO intervened (list, level, block, count)
SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]))
ON CONFLICT (list, level, block) DO UPDATE SET count = intervened.count + excluded.count

-- name: mark_erased
UPDATE decisions SET erased_idx = coalesce(erased_idx, k.idx)
FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[])) AS k (idx, organisation, number)
WHERE decisions.organisation = k.organisation AND decisions.number = k.number

-- name: find_payloads
SELECT idx, packed FROM payloads WHERE idx = ANY(CAST(? AS bigint[]))

-- name: replace_payloads
UPDATE payloads SET packed = k.packed
FROM unnest(CAST(? AS bytea[]), CAST(? AS bigint[])) AS k (packed, idx) WHERE payloads.idx = k.idx

-- name: forget_transactions
DELETE FROM transactions USING unnest(CAST(? AS bigint[]), CAST(? AS bytea[]), CAST(? AS bigint[]))
    AS k (organisation, name, number)
WHERE transactions.organisation = k.organisation AND transactions.name = k.name AND transactions.number = k.number

-- name: add_api_keys
INSERT INTO api_keys (id, organisation, idx, digest, created_ms, expires_ms, detail)
SELECT * FROM unnest(
    CAST(? AS text[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bytea[]),
    CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bytea[]))

-- name: touch_api_keys
UPDATE api_keys SET last_used_ms = greatest(last_used_ms, k.used_ms)
FROM unnest(CAST(? AS bigint[]), CAST(? AS text[])) AS k (used_ms, id) WHERE api_keys.id = k.id

-- name: add_bundles
INSERT INTO bundles (organisation, idx, id, detail)
SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS text[]), CAST(? AS bytea[]))

-- name: add_bundle_chunks
INSERT INTO bundle_chunks (bundle, number, content)
SELECT * FROM unnest(CAST(? AS text[]), CAST(? AS bigint[]), CAST(? AS bytea[]))
