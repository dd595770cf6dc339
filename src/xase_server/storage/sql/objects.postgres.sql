-- name: find_revisions
SELECT kind, id, revision FROM unnest(CAST(? AS text[]), CAST(? AS text[])) AS k (kind, id) JOIN objects USING (kind, id)

-- name: find_usage
SELECT session, records, bytes, queries, operations, last_ms
FROM unnest(CAST(? AS text[])) AS k (session) JOIN usage USING (session)

-- name: put_objects
INSERT INTO objects (kind, id, organisation, partner, parent, name, status, revision, idx, created_ms, ends_ms, document)
SELECT * FROM unnest(
    CAST(? AS text[]), CAST(? AS text[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS text[]), CAST(? AS bytea[]),
    CAST(? AS text[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bytea[]))
ON CONFLICT (kind, id) DO UPDATE SET partner = excluded.partner, parent = excluded.parent, name = excluded.name,
    status = excluded.status, revision = excluded.revision, ends_ms = excluded.ends_ms, document = excluded.document

-- name: add_usage
INSERT INTO usage (session, records, bytes, queries, operations, last_ms)
SELECT * FROM unnest(
    CAST(? AS text[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]))
ON CONFLICT (session) DO UPDATE SET records = usage.records + excluded.records, bytes = usage.bytes + excluded.bytes,
    queries = usage.queries + excluded.queries, operations = usage.operations + excluded.operations,
    last_ms = excluded.last_ms

-- name: add_deliveries
INSERT INTO deliveries (dataset, version, block, idx)
SELECT * FROM unnest(CAST(? AS text[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]))

-- name: add_model_uses
INSERT INTO model_uses (organisation, model, session, type, dataset, version, operations, records, first_ms, last_ms)
SELECT * FROM unnest(
    CAST(? AS bigint[]), CAST(? AS bytea[]), CAST(? AS text[]), CAST(? AS text[]), CAST(? AS text[]), CAST(? AS bigint[]),
    CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]))
ON CONFLICT (organisation, model, session, type) DO UPDATE SET
    operations = model_uses.operations + excluded.operations, records = model_uses.records + excluded.records,
    last_ms = excluded.last_ms

-- name: find_counted
SELECT account, period_ms, period, requests
FROM unnest(CAST(? AS text[]), CAST(? AS bigint[])) AS k (account, period_ms) JOIN counted USING (account, period_ms)

-- name: add_counted
INSERT INTO counted (account, period_ms, period, requests)
SELECT * FROM unnest(CAST(? AS text[]), CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bigint[]))
ON CONFLICT (account, period_ms) DO UPDATE SET period = excluded.period,
    requests = excluded.requests + CASE WHEN counted.period = excluded.period THEN counted.requests ELSE 0 END
