-- Statements that SQLite and PostgreSQL understand alike.

-- name: create_head
INSERT INTO log_head (id, log, size, compact, checkpoint, time_ms, epoch)
VALUES (1, :log, 0, :compact, '', 0, 0) ON CONFLICT (id) DO NOTHING

-- name: read_head
SELECT log, size, compact, checkpoint, time_ms, epoch FROM log_head

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
SELECT e.idx, e.raw FROM stream_runs r THEN JOIN entries e
ON e.idx >= r.idx + CASE WHEN r.sequence < :start THEN :start - r.sequence ELSE 0 END
AND e.idx < r.idx + CASE WHEN r.sequence + r.count > :stop THEN :stop - r.sequence ELSE r.count END
WHERE r.stream = (SELECT id FROM streams WHERE name = :stream) AND r.sequence < :stop
AND r.sequence >= coalesce((
    SELECT max(q.sequence) FROM stream_runs q
    WHERE q.stream = (SELECT id FROM streams WHERE name = :stream) AND q.sequence <= :start
), 0)
ORDER BY e.idx

-- name: stream_heads_after
SELECT name, length, hash FROM streams WHERE name > :name ORDER BY name LIMIT :limit

-- name: read_entry
WITH i AS (
    SELECT idx, organisation FROM newest_ids WHERE id = :id
    UNION ALL SELECT idx, organisation FROM entry_ids WHERE id = :id
)
SELECT e.idx, e.raw, p.packed FROM i
JOIN entries e ON e.idx = i.idx
LEFT JOIN payloads p ON p.idx = i.idx
WHERE i.organisation = (SELECT id FROM organisations WHERE name = :organisation)

-- name: numbers_between
SELECT number FROM newest_ids
WHERE id >= :first AND id <= :last AND organisation = (SELECT id FROM organisations WHERE name = :organisation)
AND number IS NOT NULL
UNION ALL SELECT number FROM entry_ids
WHERE id >= :first AND id <= :last AND organisation = (SELECT id FROM organisations WHERE name = :organisation)
AND number IS NOT NULL LIMIT 2

-- name: numbers_of_ids
SELECT number, id FROM newest_ids
WHERE id IN @ids AND organisation = (SELECT id FROM organisations WHERE name = :organisation)
AND number IS NOT NULL
UNION ALL SELECT number, id FROM entry_ids
WHERE id IN @ids AND organisation = (SELECT id FROM organisations WHERE name = :organisation)
AND number IS NOT NULL

-- name: move_newest_ids
INSERT INTO entry_ids (id, organisation, idx, number) SELECT id, organisation, idx, number FROM newest_ids ORDER BY id

-- name: forget_newest_ids
DELETE FROM newest_ids

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

-- name: mark_erased
UPDATE decisions SET erased_idx = coalesce(erased_idx, :idx) WHERE organisation = :organisation AND number = :number

-- name: replace_payload
UPDATE payloads SET packed = :packed WHERE idx = :idx

-- name: forget_transaction
DELETE FROM transactions WHERE organisation = :organisation AND name = :name AND number = :number

-- name: touch_key
UPDATE api_keys SET last_used_ms = :used_ms WHERE id = :id AND (last_used_ms IS NULL OR last_used_ms < :used_ms)

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

-- name: bundle_chunk
SELECT content FROM bundle_chunks WHERE bundle = :id AND number = :number

-- Lists of decisions ---------------------------------------------------------------------------

-- name: every_organisation
SELECT id FROM organisations

-- name: merged_kinds
SELECT kind, number FROM merged WHERE organisation = :organisation

-- name: put_merged
INSERT INTO merged (organisation, kind, number) VALUES (:organisation, :kind, :number)
ON CONFLICT (organisation, kind) DO UPDATE SET number = excluded.number

-- name: merge_postings
INSERT INTO postings (organisation, kind, value, number, rank, confidence)
SELECT CAST(:organisation AS bigint), CAST(:kind AS bigint), d.value, d.number,
    coalesce((
        SELECT p.rank + 1 FROM postings p
        WHERE p.organisation = :organisation AND p.kind = :kind AND p.value = d.value
        ORDER BY p.number DESC LIMIT 1
    ), 0) + row_number() OVER (PARTITION BY d.value ORDER BY d.number) - 1,
    CASE WHEN CAST(:kind AS bigint) = CAST(:leaf_kind AS bigint) THEN d.confidence END
FROM (
    SELECT number, confidence, CASE CAST(:kind AS bigint)
        WHEN 0 THEN label WHEN 1 THEN bucket >> 7 WHEN 2 THEN bucket END AS value
    FROM decisions WHERE organisation = :organisation AND number >= :start AND number < :stop
) AS d WHERE d.value IS NOT NULL

-- name: merge_buckets
INSERT INTO buckets (organisation, bucket, low, high)
SELECT organisation, bucket, min(confidence), max(confidence) FROM decisions
WHERE organisation = :organisation AND number >= :start AND number < :stop AND bucket IS NOT NULL
GROUP BY organisation, bucket
ON CONFLICT (organisation, bucket) DO UPDATE SET
    low = CASE WHEN excluded.low < buckets.low THEN excluded.low ELSE buckets.low END,
    high = CASE WHEN excluded.high > buckets.high THEN excluded.high ELSE buckets.high END

-- name: organisation_number
SELECT id FROM organisations WHERE name = :organisation

-- name: count_decisions
SELECT number + 1 FROM decisions WHERE organisation = :organisation ORDER BY number DESC LIMIT 1

-- name: first_number_from
SELECT number FROM decision_times WHERE organisation = :organisation AND created_ms >= :time_ms
ORDER BY created_ms LIMIT 1

-- name: labels_of
SELECT id FROM labels WHERE organisation = :organisation
AND (CAST(:model AS bytea) IS NULL OR model = :model) AND (CAST(:policy AS bytea) IS NULL OR policy = :policy)

-- name: bucket_bounds
SELECT low, high FROM buckets WHERE organisation = :organisation AND bucket = :bucket

-- name: ranks_before
SELECT CAST(coalesce(sum((
    SELECT p.rank + 1 FROM postings p
    WHERE p.organisation = :organisation AND p.kind = l.value >> 32 AND p.value = l.value & 4294967295
    AND p.number < :number ORDER BY p.number DESC LIMIT 1
)), 0) AS bigint) FROM @lists AS l

-- name: postings_between
SELECT p.number FROM @lists AS l JOIN postings p
ON p.organisation = :organisation AND p.kind = l.value >> 32 AND p.value = l.value & 4294967295
WHERE p.number >= :start AND p.number < :stop ORDER BY p.number

-- name: bucket_blocks
SELECT number >> CAST(:bits AS integer), count(*) FROM postings
WHERE organisation = :organisation AND kind = :kind AND value = :bucket AND number >= :start AND number < :stop
AND confidence >= :low AND confidence <= :high
GROUP BY 1 ORDER BY 1

-- name: bucket_between
SELECT number FROM postings
WHERE organisation = :organisation AND kind = :kind AND value = :bucket AND number >= :start AND number < :stop
AND confidence >= :low AND confidence <= :high
ORDER BY number

-- name: intervened_before
SELECT CAST(coalesce(sum(
    coalesce((SELECT sum(count) FROM intervened i WHERE i.organisation = :organisation AND i.label = l.value
        AND i.level = 0 AND i.block >= :from0 AND i.block < :upto0), 0)
    + coalesce((SELECT sum(count) FROM intervened i WHERE i.organisation = :organisation AND i.label = l.value
        AND i.level = 1 AND i.block >= :from1 AND i.block < :upto1), 0)
    + coalesce((SELECT sum(count) FROM intervened i WHERE i.organisation = :organisation AND i.label = l.value
        AND i.level = 2 AND i.block >= :from2 AND i.block < :upto2), 0)
    + coalesce((SELECT sum(count) FROM intervened i WHERE i.organisation = :organisation AND i.label = l.value
        AND i.level = 3 AND i.block >= :from3 AND i.block < :upto3), 0)
    + coalesce((SELECT sum(count) FROM intervened i WHERE i.organisation = :organisation AND i.label = l.value
        AND i.level = 4 AND i.block >= :from4 AND i.block < :upto4), 0)
), 0) AS bigint) FROM @labels AS l

-- name: intervened_between
SELECT block FROM intervened
WHERE organisation = :organisation AND label IN @labels AND level = 0
AND block >= :start AND block < :stop ORDER BY block

-- name: matching
d.organisation = :organisation AND d.number >= :start AND d.number < :stop
AND (CAST(:any_label AS bigint) = 1 OR d.label IN @labels)
AND (CAST(:intervened AS bigint) IS NULL OR d.intervened = :intervened)
AND (CAST(:low AS double precision) IS NULL OR d.confidence >= :low)
AND (CAST(:high AS double precision) IS NULL OR d.confidence <= :high)

-- name: decisions_blocks
SELECT d.number >> CAST(:bits AS integer), count(*) FROM decisions d WHERE {matching}
GROUP BY 1 ORDER BY 1

-- name: decisions_between
SELECT d.number FROM decisions d WHERE {matching} ORDER BY d.number

-- name: listed_blocks
SELECT d.number >> CAST(:bits AS integer), count(*) FROM @lists AS l THEN JOIN postings p
ON p.organisation = :organisation AND p.kind = l.value >> 32 AND p.value = l.value & 4294967295
THEN JOIN decisions d ON d.number = p.number
WHERE p.number >= :start AND p.number < :stop AND {matching}
GROUP BY 1 ORDER BY 1

-- name: listed_between
SELECT d.number FROM @lists AS l THEN JOIN postings p
ON p.organisation = :organisation AND p.kind = l.value >> 32 AND p.value = l.value & 4294967295
THEN JOIN decisions d ON d.number = p.number
WHERE p.number >= :start AND p.number < :stop AND {matching} ORDER BY d.number

-- name: transaction_blocks
SELECT d.number >> CAST(:bits AS integer), count(*) FROM transactions t THEN JOIN decisions d ON d.number = t.number
WHERE t.organisation = :organisation AND t.name = :transaction AND {matching}
GROUP BY 1 ORDER BY 1

-- name: transaction_between
SELECT d.number FROM transactions t THEN JOIN decisions d ON d.number = t.number
WHERE t.organisation = :organisation AND t.name = :transaction AND {matching}
AND t.number >= :start AND t.number < :stop ORDER BY d.number
