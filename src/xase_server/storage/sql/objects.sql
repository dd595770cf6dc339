-- Objects, usage and deliveries: statements that SQLite and PostgreSQL understand alike.

-- name: object_columns
o.kind, o.id, w.name, o.revision, o.document, o.created_ms, o.status, p.name, o.parent, o.name, o.ends_ms

-- name: object_tables
objects o JOIN organisations w ON w.id = o.organisation LEFT JOIN organisations p ON p.id = o.partner

-- name: read_object
SELECT {object_columns} FROM {object_tables} WHERE o.kind = :kind AND o.id = :id

-- name: wanted_objects
o.kind = :kind
AND (CAST(:name AS bytea) IS NULL OR o.name = :name)
AND (CAST(:owner AS text) IS NULL OR o.organisation = (SELECT id FROM organisations WHERE name = :owner))
AND (CAST(:viewer AS text) IS NULL OR o.organisation = (SELECT id FROM organisations WHERE name = :viewer)
    OR o.partner = (SELECT id FROM organisations WHERE name = :viewer))
AND (CAST(:parent AS text) IS NULL OR o.parent = :parent)
AND (CAST(:since_ms AS bigint) IS NULL OR o.created_ms >= :since_ms)
AND (CAST(:until_ms AS bigint) IS NULL OR o.created_ms < :until_ms)
AND (CAST(:status AS text) IS NULL OR :status = CASE
    WHEN CAST(:now_ms AS bigint) IS NOT NULL AND o.ends_ms <= :now_ms AND o.status IN ('ACTIVE', 'PENDING') THEN :ended
    ELSE o.status END)

-- name: objects_upward
SELECT o.idx, {object_columns} FROM {object_tables} WHERE {wanted_objects} AND o.idx > :after
ORDER BY o.idx LIMIT :limit OFFSET :offset

-- name: objects_downward
SELECT o.idx, {object_columns} FROM {object_tables} WHERE {wanted_objects} AND o.idx < :after
ORDER BY o.idx DESC LIMIT :limit OFFSET :offset

-- name: count_objects
SELECT count(*) FROM objects o WHERE {wanted_objects}

-- name: ended_objects
SELECT {object_columns} FROM {object_tables}
WHERE o.kind = :kind AND o.status = :status AND o.ends_ms <= :now_ms ORDER BY o.ends_ms LIMIT :limit

-- name: deliveries_of
SELECT e.idx, e.raw, p.packed FROM deliveries d JOIN entries e ON e.idx = d.idx LEFT JOIN payloads p ON p.idx = d.idx
WHERE d.dataset = :dataset AND d.version = :version AND d.block IN (:block, -1) ORDER BY e.idx

-- name: model_uses_by_session
SELECT w.name, m.model, m.session, m.dataset, m.version, m.type, m.operations, m.records, m.first_ms, m.last_ms
FROM model_uses m JOIN organisations w ON w.id = m.organisation
WHERE m.session = :session ORDER BY m.first_ms, m.session, m.type

-- name: model_uses_by_dataset
SELECT w.name, m.model, m.session, m.dataset, m.version, m.type, m.operations, m.records, m.first_ms, m.last_ms
FROM model_uses m JOIN organisations w ON w.id = m.organisation
WHERE m.dataset = :dataset ORDER BY m.first_ms, m.session, m.type

-- name: model_uses_by_model
SELECT w.name, m.model, m.session, m.dataset, m.version, m.type, m.operations, m.records, m.first_ms, m.last_ms
FROM organisations w CROSS JOIN model_uses m
WHERE m.organisation = w.id AND m.model = :model ORDER BY m.first_ms, m.session, m.type

-- name: read_any_entry
WITH i AS (SELECT idx FROM newest_ids WHERE id = :id UNION ALL SELECT idx FROM entry_ids WHERE id = :id)
SELECT e.idx, e.raw, p.packed FROM i
JOIN entries e ON e.idx = i.idx
LEFT JOIN payloads p ON p.idx = i.idx
