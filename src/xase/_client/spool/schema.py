"""The spool's tables. One row per captured decision; counts are kept by triggers, so that bounds cost no scan."""

from typing import Final

VERSION: Final = 1

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

-- which organisation an API key (by its fingerprint) belongs to: a rotated key may deliver for its predecessor
CREATE TABLE IF NOT EXISTS owners (key TEXT PRIMARY KEY, organisation TEXT NOT NULL) STRICT;

-- `id` is the idempotency key; `sent_ms` is NULL while the server has certainly not stored it, `sent_by` the API key
CREATE TABLE IF NOT EXISTS batches (id TEXT PRIMARY KEY, sent_ms INTEGER, sent_by TEXT) STRICT;

-- waiting: no batch, no error · in delivery: batch · rejected: error
CREATE TABLE IF NOT EXISTS items (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    captured_ms INTEGER NOT NULL,
    batch TEXT REFERENCES batches (id),
    status INTEGER,
    slug TEXT,
    error TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS items_waiting ON items (number) WHERE batch IS NULL AND error IS NULL;
CREATE INDEX IF NOT EXISTS items_batched ON items (batch, number) WHERE batch IS NOT NULL;
CREATE INDEX IF NOT EXISTS items_rejected ON items (number) WHERE error IS NOT NULL;

CREATE TABLE IF NOT EXISTS totals (
    key TEXT PRIMARY KEY, items INTEGER NOT NULL, bytes INTEGER NOT NULL, rejected INTEGER NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS item_added AFTER INSERT ON items BEGIN
    INSERT INTO totals (key, items, bytes, rejected) VALUES (new.key, 1, length(new.body), 0)
    ON CONFLICT (key) DO UPDATE SET items = items + 1, bytes = bytes + length(new.body);
END;
CREATE TRIGGER IF NOT EXISTS item_removed AFTER DELETE ON items BEGIN
    UPDATE totals SET items = items - 1, bytes = bytes - length(old.body), rejected = rejected - (old.error IS NOT NULL)
    WHERE key = old.key;
END;
CREATE TRIGGER IF NOT EXISTS item_judged AFTER UPDATE OF error ON items BEGIN
    UPDATE totals SET rejected = rejected + (new.error IS NOT NULL) - (old.error IS NOT NULL) WHERE key = new.key;
END;
"""

ADD: Final = """
INSERT INTO items (id, key, body, captured_ms)
SELECT :id, :key, :body, :now_ms
WHERE (
    SELECT coalesce(sum(items), 0) < :max_items AND coalesce(sum(bytes), 0) + length(:body) <= :max_bytes FROM totals
)
"""

# the keys that belong to the same organisation as this one, as far as that is known
MINE: Final = """
SELECT :key UNION
SELECT other.key FROM owners AS other JOIN owners AS self USING (organisation) WHERE self.key = :key
"""

UNFINISHED: Final = f"""
SELECT batches.id, batches.sent_ms, batches.sent_by FROM batches JOIN items ON items.batch = batches.id
WHERE items.key IN ({MINE}) ORDER BY items.number LIMIT 1
"""  # noqa: S608 - a constant in a constant

WAITING: Final = f"""
SELECT number, length(body) FROM items
WHERE batch IS NULL AND error IS NULL AND key IN ({MINE}) ORDER BY number LIMIT :max_items
"""  # noqa: S608 - a constant in a constant

STATE: Final = f"""
SELECT
    coalesce(sum(items - rejected) FILTER (WHERE mine), 0),
    coalesce(sum(items - rejected) FILTER (WHERE NOT mine), 0),
    coalesce(sum(rejected), 0),
    coalesce(sum(bytes), 0)
FROM (SELECT *, key IN ({MINE}) AS mine FROM totals)
"""  # noqa: S608 - a constant in a constant
