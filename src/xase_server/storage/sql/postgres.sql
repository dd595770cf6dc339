-- PostgreSQL's own: sets of rows come as one array for each column.

-- name: lock_head
SELECT log, size, compact, checkpoint, time_ms, epoch FROM log_head FOR UPDATE

-- name: advance_head
WITH moved AS (
    UPDATE log_head SET size = :size, compact = :compact, checkpoint = :checkpoint, time_ms = :time_ms
    WHERE size = :was AND epoch = :epoch RETURNING 1
) SELECT 1 / count(*) FROM moved -- an error when nothing moved

-- name: add_organisations
INSERT INTO organisations (name) SELECT * FROM unnest(CAST(? AS text[]))

-- name: find_organisations
SELECT name, id FROM organisations WHERE name = ANY(CAST(? AS text[]))

-- name: find_streams
SELECT name, id, length, hash FROM streams WHERE name = ANY(CAST(? AS text[]))

-- name: find_claims
SELECT name, request, answer FROM claims WHERE name = ANY(CAST(? AS bytea[]))

-- name: add_claims
INSERT INTO claims (name, request, answer, expires_ms)
SELECT * FROM unnest(CAST(? AS bytea[]), CAST(? AS bytea[]), CAST(? AS bytea[]), CAST(? AS bigint[]))

-- name: add_entries
INSERT INTO entries (idx, raw) SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bytea[]))

-- name: add_payloads
INSERT INTO payloads (idx, packed) SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bytea[]))

-- name: add_newest_ids
INSERT INTO newest_ids (id, organisation, idx, number)
SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]))

-- name: add_stream_runs
INSERT INTO stream_runs (stream, sequence, idx, count)
SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]))

-- name: put_tiles
INSERT INTO tiles (level, number, hashes)
SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bytea[]))
ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes

-- name: add_checkpoints
INSERT INTO checkpoints (size, note) SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS text[]))

-- name: find_entry_ids
WITH k AS (SELECT unnest(CAST(? AS bigint[])) AS id)
SELECT organisation, number FROM k JOIN newest_ids USING (id)
UNION ALL SELECT organisation, number FROM k JOIN entry_ids USING (id)

-- name: meet_older_ids
INSERT INTO newest_ids (id, organisation, idx, number) -- a second time, which the key refuses
SELECT id, organisation, idx, number FROM entry_ids WHERE id = ANY(CAST(? AS bigint[]))

-- name: add_transactions
INSERT INTO transactions (organisation, name, number)
SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bytea[]), CAST(? AS bigint[]))

-- name: add_interventions
INSERT INTO interventions (organisation, number, idx)
SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]))

-- name: mark_intervened
UPDATE decisions SET intervened = 1
FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[])) AS k (organisation, number)
WHERE decisions.organisation = k.organisation AND decisions.number = k.number

-- name: find_payloads
SELECT idx, packed FROM payloads WHERE idx = ANY(CAST(? AS bigint[]))

-- name: add_api_keys
INSERT INTO api_keys (id, organisation, idx, digest, created_ms, expires_ms, detail)
SELECT * FROM unnest(
    CAST(? AS text[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bytea[]),
    CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bytea[]))

-- name: add_bundles
INSERT INTO bundles (organisation, idx, id, detail)
SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS text[]), CAST(? AS bytea[]))

-- name: add_bundle_chunks
INSERT INTO bundle_chunks (bundle, number, content)
SELECT * FROM unnest(CAST(? AS text[]), CAST(? AS bigint[]), CAST(? AS bytea[]))

-- name: add_labels
INSERT INTO labels (organisation, model, policy)
SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bytea[]), CAST(? AS bytea[]))

-- name: find_labels
SELECT organisation, model, policy, id
FROM unnest(CAST(? AS bigint[]), CAST(? AS bytea[]), CAST(? AS bytea[])) AS k (organisation, model, policy)
JOIN labels USING (organisation, model, policy)

-- name: put_streams
INSERT INTO streams (name, length, hash)
SELECT * FROM unnest(CAST(? AS text[]), CAST(? AS bigint[]), CAST(? AS text[]))
ON CONFLICT (name) DO UPDATE SET length = excluded.length, hash = excluded.hash

-- name: find_lengths
SELECT k.organisation, d.number + 1 FROM unnest(CAST(? AS bigint[])) AS k (organisation), LATERAL (
    SELECT number FROM decisions WHERE organisation = k.organisation ORDER BY number DESC LIMIT 1) AS d

-- name: add_decisions
INSERT INTO decisions (organisation, number, idx, label, bucket, confidence)
SELECT * FROM unnest(
    CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]),
    CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS double precision[]))

-- name: add_decision_times
INSERT INTO decision_times (organisation, created_ms, number)
SELECT * FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[])) ON CONFLICT DO NOTHING

-- name: find_decisions
SELECT organisation, number, idx, intervened, label
FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[])) AS k (organisation, number)
JOIN decisions USING (organisation, number)

-- name: add_intervened
INSERT INTO intervened (organisation, label, level, block, count)
SELECT * FROM unnest(
    CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]))
ON CONFLICT (organisation, label, level, block) DO UPDATE SET count = intervened.count + excluded.count
