-- name: find_revisions
WITH k (kind, id) AS (VALUES (?, ?)) SELECT kind, id, revision FROM k JOIN objects USING (kind, id)

-- name: find_usage
WITH k (session) AS (VALUES (?))
SELECT session, records, bytes, queries, operations, last_ms FROM k JOIN usage USING (session)

-- name: put_objects
INSERT INTO objects (kind, id, organisation, partner, parent, name, status, revision, idx, created_ms, ends_ms, document)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (kind, id) DO UPDATE SET partner = excluded.partner, parent = excluded.parent, name = excluded.name,
    status = excluded.status, revision = excluded.revision, ends_ms = excluded.ends_ms, document = excluded.document

-- name: add_usage
INSERT INTO usage (session, records, bytes, queries, operations, last_ms) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (session) DO UPDATE SET records = records + excluded.records, bytes = bytes + excluded.bytes,
    queries = queries + excluded.queries, operations = operations + excluded.operations, last_ms = excluded.last_ms

-- name: add_deliveries
INSERT INTO deliveries (dataset, version, block, idx) VALUES (?, ?, ?, ?)

-- name: add_model_uses
INSERT INTO model_uses (organisation, model, session, type, dataset, version, operations, records, first_ms, last_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (organisation, model, session, type) DO UPDATE SET operations = operations + excluded.operations,
    records = records + excluded.records, last_ms = excluded.last_ms

-- name: find_counted
WITH k (account, period_ms) AS (VALUES (?, ?))
SELECT account, period_ms, period, requests FROM k JOIN counted USING (account, period_ms)

-- name: add_counted
INSERT INTO counted (account, period_ms, period, requests) VALUES (?, ?, ?, ?)
ON CONFLICT (account, period_ms) DO UPDATE SET period = excluded.period,
    requests = excluded.requests + CASE WHEN counted.period = excluded.period THEN counted.requests ELSE 0 END
