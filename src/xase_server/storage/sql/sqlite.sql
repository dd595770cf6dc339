-- SQLite's own: sets of rows are written by running one statement for each.

-- name: add_organisations
INSERT INTO organisations (name) VALUES (?)

-- name: find_organisations
SELECT name, id FROM organisations WHERE name = ?

-- name: add_lists
INSERT INTO lists (organisation, kind, value) VALUES (?, ?, ?)

-- name: find_lists
SELECT organisation, kind, value, id FROM lists WHERE organisation = ? AND kind = ? AND value = ?

-- name: find_streams
SELECT name, id, length, hash FROM streams WHERE name = ?

-- name: add_streams
INSERT INTO streams (name, length, hash) VALUES (?, 0, '')

-- name: extend_streams
UPDATE streams SET length = ?, hash = ? WHERE id = ?

-- name: find_claims
SELECT name, request, answer FROM claims WHERE name = ?

-- name: add_claims
INSERT INTO claims (name, request, answer, expires_ms) VALUES (?, ?, ?, ?)

-- name: add_entries
INSERT INTO entries (idx, raw) VALUES (?, ?)

-- name: add_payloads
INSERT INTO payloads (idx, packed) VALUES (?, ?)

-- name: add_entry_ids
INSERT INTO entry_ids (organisation, id, idx, number) VALUES (?, ?, ?, ?)

-- name: add_stream_entries
INSERT INTO stream_entries (stream, sequence, idx) VALUES (?, ?, ?)

-- name: put_tiles
INSERT INTO tiles (level, number, hashes) VALUES (?, ?, ?)
ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes

-- name: add_checkpoints
INSERT INTO checkpoints (size, note) VALUES (?, ?)

-- name: find_entry_ids
SELECT organisation, id, number FROM entry_ids WHERE organisation = ? AND id = ?

-- name: find_next_numbers
SELECT organisation, number + 1 FROM decisions WHERE organisation = ? ORDER BY number DESC LIMIT 1

-- name: add_decisions
INSERT INTO decisions (organisation, number, idx, created_ms, model, policy, confidence) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: add_transactions
INSERT INTO transactions (organisation, name, number) VALUES (?, ?, ?)

-- name: find_next_ranks
SELECT list, rank + 1 FROM postings WHERE list = ? ORDER BY number DESC LIMIT 1

-- name: add_postings
INSERT INTO postings (list, number, rank, confidence) VALUES (?, ?, ?, ?)

-- name: widen_lists
UPDATE lists SET low = min(coalesce(low, ?1), ?1), high = max(coalesce(high, ?2), ?2)
WHERE id = ?3 AND (low IS NULL OR low > ?1 OR high < ?2)

-- name: find_decisions
SELECT organisation, number, idx, intervened, model, policy FROM decisions WHERE organisation = ? AND number = ?

-- name: add_interventions
INSERT INTO interventions (organisation, number, idx) VALUES (?, ?, ?)

-- name: mark_intervened
UPDATE decisions SET intervened = 1 WHERE organisation = ? AND number = ?

-- name: add_intervened
INSERT INTO intervened (list, level, block, count) VALUES (?, ?, ?, ?)
ON CONFLICT (list, level, block) DO UPDATE SET count = count + excluded.count

-- name: mark_erased
UPDATE decisions SET erased_idx = ? WHERE organisation = ? AND number = ? AND erased_idx IS NULL

-- name: find_payloads
SELECT idx, packed FROM payloads WHERE idx = ?

-- name: replace_payloads
UPDATE payloads SET packed = ? WHERE idx = ?

-- name: forget_transactions
DELETE FROM transactions WHERE organisation = ? AND name = ? AND number = ?

-- name: add_api_keys
INSERT INTO api_keys (id, organisation, idx, digest, created_ms, expires_ms, detail) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: touch_api_keys
UPDATE api_keys SET last_used_ms = max(coalesce(last_used_ms, 0), ?) WHERE id = ?

-- name: add_bundles
INSERT INTO bundles (organisation, idx, id, detail) VALUES (?, ?, ?, ?)

-- name: add_bundle_chunks
INSERT INTO bundle_chunks (bundle, number, content) VALUES (?, ?, ?)
