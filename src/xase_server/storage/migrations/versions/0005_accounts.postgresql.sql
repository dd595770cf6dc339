-- How many requests of an account fell into the newest of its periods, which are numbered from 1970 on.
CREATE TABLE counted (
    account    text NOT NULL,
    period_ms  bigint NOT NULL,
    period     bigint NOT NULL,
    requests   bigint NOT NULL,
    PRIMARY KEY (account, period_ms)
);

-- What each organisation has used of each dataset, and of all datasets of each holder: `domain.quotas` says how
-- these accounts are called.
INSERT INTO usage (session, records, bytes, queries, operations, last_ms)
SELECT o.parent || '/' || w.name, sum(u.records), sum(u.bytes), sum(u.queries), 0, max(u.last_ms)
FROM usage u JOIN objects o ON o.kind = 'session' AND o.id = u.session JOIN organisations w ON w.id = o.organisation
GROUP BY o.parent, w.name;

INSERT INTO usage (session, records, bytes, queries, operations, last_ms)
SELECT length(h.name) || '/' || h.name || '/' || w.name, sum(u.records), sum(u.bytes), sum(u.queries), 0, max(u.last_ms)
FROM usage u JOIN objects o ON o.kind = 'session' AND o.id = u.session JOIN organisations w ON w.id = o.organisation
    JOIN organisations h ON h.id = coalesce(o.partner, o.organisation)
GROUP BY h.name, w.name;
