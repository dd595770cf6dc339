-- Statements that SQLite and PostgreSQL understand alike.

-- name: create_head
INSERT INTO log_head (id, log, size, compact, checkpoint, time_ms, epoch)
VALUES (1, :log, 0, :compact, '', 0, 0) ON CONFLICT (id) DO NOTHING

-- name: read_head
SELECT log, size, compact, checkpoint, time_ms, epoch FROM log_head

-- name: advance_head
UPDATE log_head SET size = :size, compact = :compact, checkpoint = :checkpoint, time_ms = :time_ms
WHERE size = :was AND epoch = :epoch

-- name: raise_epoch
UPDATE log_head SET epoch = epoch + 1

-- name: read_tile
SELECT hashes FROM tiles WHERE level = :level AND number = :number

-- name: checkpoint_from
SELECT note FROM checkpoints WHERE size >= :size ORDER BY size LIMIT 1

-- name: checkpoint_until
SELECT note FROM checkpoints WHERE size <= :size ORDER BY size DESC LIMIT 1

-- name: checkpoints_after
SELECT size, note FROM checkpoints WHERE size > :size ORDER BY size LIMIT :limit

-- name: sweep_claims
DELETE FROM claims WHERE expires_ms <= :now_ms
AND number IN (SELECT number FROM claims ORDER BY number LIMIT :limit)

-- name: read_claim
SELECT request, answer FROM claims WHERE name = :name

-- name: read_entries
SELECT raw FROM entries WHERE idx >= :start AND idx < :stop ORDER BY idx

-- name: read_parts
SELECT idx, packed FROM payloads WHERE idx >= :start AND idx < :stop

-- name: read_stream
SELECT e.idx, e.raw FROM stream_entries s JOIN entries e ON e.idx = s.idx
WHERE s.stream = (SELECT id FROM streams WHERE name = :stream) AND s.sequence >= :start AND s.sequence < :stop
ORDER BY s.sequence

-- name: stream_heads_after
SELECT name, length, hash FROM streams WHERE name > :name ORDER BY name LIMIT :limit

-- name: read_entry
SELECT e.idx, e.raw, p.packed FROM entry_ids i
JOIN entries e ON e.idx = i.idx
LEFT JOIN payloads p ON p.idx = i.idx
WHERE i.organisation = (SELECT id FROM organisations WHERE name = :organisation) AND i.id = :id

-- name: ids_between
SELECT id, number FROM entry_ids
WHERE organisation = (SELECT id FROM organisations WHERE name = :organisation) AND id >= :start AND id < :stop
ORDER BY id LIMIT 2

-- name: numbers_of_ids
SELECT number, id FROM entry_ids
WHERE organisation = (SELECT id FROM organisations WHERE name = :organisation) AND id IN @ids:text
AND number IS NOT NULL

-- name: read_decisions
SELECT d.number, d.intervened, e.raw, p.packed, x.raw, y.packed FROM decisions d
JOIN entries e ON e.idx = d.idx
LEFT JOIN payloads p ON p.idx = d.idx
LEFT JOIN entries x ON x.idx = d.erased_idx
LEFT JOIN payloads y ON y.idx = d.erased_idx
WHERE d.organisation = (SELECT id FROM organisations WHERE name = :organisation) AND d.number IN @numbers

-- name: read_interventions
SELECT i.number, e.raw, p.packed FROM interventions i
JOIN entries e ON e.idx = i.idx
LEFT JOIN payloads p ON p.idx = i.idx
WHERE i.organisation = (SELECT id FROM organisations WHERE name = :organisation) AND i.number IN @numbers
ORDER BY i.idx

-- name: key_by_digest
SELECT k.id, o.name, k.digest, k.created_ms, k.expires_ms, k.revoked_ms, k.last_used_ms, k.rotated_to, k.detail
FROM api_keys k JOIN organisations o ON o.id = k.organisation WHERE k.digest = :digest

-- name: replace_key
UPDATE api_keys SET rotated_to = :by, expires_ms = :expires_ms WHERE organisation = :organisation AND id = :id

-- name: revoke_key
UPDATE api_keys SET revoked_ms = coalesce(revoked_ms, :time_ms) WHERE organisation = :organisation AND id = :id

-- name: keys_of_organisation
SELECT k.id, o.name, k.digest, k.created_ms, k.expires_ms, k.revoked_ms, k.last_used_ms, k.rotated_to, k.detail
FROM organisations o JOIN api_keys k ON k.organisation = o.id WHERE o.name = :organisation ORDER BY k.idx DESC

-- name: read_bundle
SELECT detail FROM bundles
WHERE organisation = (SELECT id FROM organisations WHERE name = :organisation) AND id = :id

-- name: bundles_of_organisation
SELECT detail FROM bundles WHERE organisation = (SELECT id FROM organisations WHERE name = :organisation)
ORDER BY idx DESC LIMIT :limit OFFSET :offset

-- name: count_bundles
SELECT count(*) FROM bundles WHERE organisation = (SELECT id FROM organisations WHERE name = :organisation)

-- name: bundle_chunk
SELECT content FROM bundle_chunks WHERE bundle = :id AND number = :number

-- Lists of decisions ---------------------------------------------------------------------------

-- name: organisation_number
SELECT id FROM organisations WHERE name = :organisation

-- name: count_decisions
SELECT number + 1 FROM decisions WHERE organisation = :organisation ORDER BY number DESC LIMIT 1

-- name: first_number_from
SELECT number FROM decisions WHERE organisation = :organisation AND created_ms >= :time_ms
ORDER BY created_ms, number LIMIT 1

-- name: list_number
SELECT id FROM lists WHERE organisation = :organisation AND kind = :kind AND value = :value

-- name: bucket_lists
SELECT id, low, high FROM lists
WHERE organisation = :organisation AND kind = :kind AND value >= :first AND value <= :last

-- name: ranks_before
SELECT CAST(coalesce(sum((
    SELECT p.rank + 1 FROM postings p WHERE p.list = l.value AND p.number < :number ORDER BY p.number DESC LIMIT 1
)), 0) AS bigint) FROM @lists AS l

-- name: postings_between
SELECT number FROM postings WHERE list IN @lists AND number >= :start AND number < :stop ORDER BY number

-- name: bucket_blocks
SELECT number >> CAST(:bits AS integer), count(*) FROM postings
WHERE list = :list AND number >= :start AND number < :stop AND confidence >= :low AND confidence <= :high
GROUP BY 1 ORDER BY 1

-- name: bucket_between
SELECT number FROM postings
WHERE list = :list AND number >= :start AND number < :stop AND confidence >= :low AND confidence <= :high
ORDER BY number

-- name: intervened_before
SELECT CAST(coalesce(sum(count), 0) AS bigint) FROM intervened WHERE list = :list AND (
    (level = 0 AND block >= :from0 AND block < :upto0) OR
    (level = 1 AND block >= :from1 AND block < :upto1) OR
    (level = 2 AND block >= :from2 AND block < :upto2) OR
    (level = 3 AND block >= :from3 AND block < :upto3) OR
    (level = 4 AND block >= :from4 AND block < :upto4))

-- name: intervened_between
SELECT block FROM intervened WHERE list = :list AND level = 0 AND block >= :start AND block < :stop ORDER BY block

-- name: matching
d.organisation = :organisation AND d.number >= :start AND d.number < :stop
AND (CAST(:model AS bigint) IS NULL OR d.model = :model)
AND (CAST(:policy AS bigint) IS NULL OR d.policy = :policy)
AND (CAST(:intervened AS bigint) IS NULL OR d.intervened = :intervened)
AND (CAST(:low AS double precision) IS NULL OR d.confidence >= :low)
AND (CAST(:high AS double precision) IS NULL OR d.confidence <= :high)

-- name: decisions_blocks
SELECT d.number >> CAST(:bits AS integer), count(*) FROM decisions d WHERE {matching}
GROUP BY 1 ORDER BY 1

-- name: decisions_between
SELECT d.number FROM decisions d WHERE {matching} ORDER BY d.number

-- name: listed_blocks
SELECT d.number >> CAST(:bits AS integer), count(*) FROM postings p JOIN decisions d ON d.number = p.number
WHERE p.list IN @lists AND {matching} AND p.number >= :start AND p.number < :stop
GROUP BY 1 ORDER BY 1

-- name: listed_between
SELECT d.number FROM postings p JOIN decisions d ON d.number = p.number
WHERE p.list IN @lists AND {matching} AND p.number >= :start AND p.number < :stop ORDER BY d.number

-- name: transaction_blocks
SELECT d.number >> CAST(:bits AS integer), count(*) FROM transactions t JOIN decisions d ON d.number = t.number
WHERE t.organisation = :organisation AND t.name = :transaction AND {matching}
GROUP BY 1 ORDER BY 1

-- name: transaction_between
SELECT d.number FROM transactions t JOIN decisions d ON d.number = t.number
WHERE t.organisation = :organisation AND t.name = :transaction AND {matching}
AND t.number >= :start AND t.number < :stop ORDER BY d.number
