-- PostgreSQL: rights of a service that may append but never change what was appended.
--
-- The owner of the tables runs `xase-server migrate`, then this, after CREATE ROLE xase_service LOGIN.
-- The servers connect as xase_service. The triggers refuse changes to the log from anybody; without
-- the right, even a stolen password of the service cannot drop the triggers first.

GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO xase_service;
GRANT UPDATE ON log_head, streams, tiles, decisions, merged, buckets, intervened, api_keys, objects, usage, counted, model_uses, webhook_cursors, webhook_messages TO xase_service;
GRANT UPDATE ON payloads TO xase_service; -- erasure
GRANT DELETE ON claims, transactions, newest_ids, webhook_messages TO xase_service;
GRANT DELETE ON tokens TO xase_service; -- erasure
REVOKE INSERT ON alembic_version FROM xase_service;
