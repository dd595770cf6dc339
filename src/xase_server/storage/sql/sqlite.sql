-- SQLite's own: `VALUES (?, …)` is written out for many rows at a time.

-- name: advance_head
UPDATE log_head SET size = :size, compact = :compact, checkpoint = :checkpoint, time_ms = :time_ms
WHERE size = :was AND epoch = :epoch

-- name: add_organisations
INSERT INTO organisations (name) VALUES (?)

-- name: find_organisations
SELECT name, id FROM organisations WHERE name IN (VALUES (?))

-- name: add_labels
INSERT INTO labels (organisation, model, policy) VALUES (?, ?, ?)

-- name: find_labels
WITH k (organisation, model, policy) AS (VALUES (?, ?, ?))
SELECT organisation, model, policy, id FROM k JOIN labels USING (organisation, model, policy)

-- name: find_streams
SELECT name, id, length, hash FROM streams WHERE name IN (VALUES (?))

-- name: put_streams
INSERT INTO streams (name, length, hash) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET length = excluded.length, hash = excluded.hash

-- name: find_claims
SELECT name, request, answer FROM claims WHERE name IN (VALUES (?))

-- name: add_claims
INSERT INTO claims (name, request, answer, expires_ms) VALUES (?, ?, ?, ?)

-- name: add_entries
INSERT INTO entries (idx, raw) VALUES (?, ?)

-- name: add_payloads
INSERT INTO payloads (idx, packed) VALUES (?, ?)

-- name: add_newest_ids
INSERT INTO newest_ids (id, organisation, idx, number) VALUES (?, ?, ?, ?)

-- name: add_stream_runs
INSERT INTO stream_runs (stream, sequence, idx, count) VALUES (?, ?, ?, ?)

-- name: put_tiles
INSERT INTO tiles (level, number, hashes) VALUES (?, ?, ?)
ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes

-- name: add_checkpoints
INSERT INTO checkpoints (size, note) VALUES (?, ?)

-- name: find_entry_ids
WITH k (id) AS (VALUES (?))
SELECT organisation, number FROM k JOIN newest_ids USING (id)
UNION ALL SELECT organisation, number FROM k JOIN entry_ids USING (id)

-- name: meet_older_ids
INSERT INTO newest_ids (id, organisation, idx, number) -- a second time, which the key refuses
SELECT id, organisation, idx, number FROM entry_ids WHERE id IN (VALUES (?))

-- name: find_lengths
SELECT organisation, max(number) + 1 FROM decisions WHERE organisation IN (VALUES (?)) GROUP BY organisation

-- name: add_decisions
INSERT INTO decisions (organisation, number, idx, label, bucket, confidence) VALUES (?, ?, ?, ?, ?, ?)

-- name: add_decision_times
INSERT INTO decision_times (organisation, created_ms, number) VALUES (?, ?, ?) ON CONFLICT DO NOTHING

-- name: add_transactions
INSERT INTO transactions (organisation, name, number) VALUES (?, ?, ?)

-- name: find_decisions
WITH k (organisation, number) AS (VALUES (?, ?))
SELECT organisation, number, idx, intervened, label FROM k JOIN decisions USING (organisation, number)

-- name: add_interventions
INSERT INTO interventions (organisation, number, idx) VALUES (?, ?, ?)

-- name: mark_intervened
UPDATE decisions SET intervened = 1 WHERE (organisation, number) IN (VALUES (?, ?))

-- name: add_intervened
INSERT INTO intervened (organisation, label, level, block, count) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (organisation, label, level, block) DO UPDATE SET count = count + excluded.count

-- name: find_payloads
SELECT idx, packed FROM payloads WHERE idx IN (VALUES (?))

-- name: add_api_keys
INSERT INTO api_keys (id, organisation, idx, digest, created_ms, expires_ms, detail) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: add_bundles
INSERT INTO bundles (organisation, idx, id, detail) VALUES (?, ?, ?, ?)

-- name: add_bundle_chunks
INSERT INTO bundle_chunks (bundle, number, content) VALUES (?, ?, ?)
