-- Stores for the events of load/orders_redis:
--   psql -v tenants=100 -f tests/bench/stores.sql
-- Tenant n has the store bench-n.myshopify.com. Orders that were there before: history.sql.
\set ON_ERROR_STOP 1
\if :{?tenants} \else \set tenants 100 \endif
SET client_min_messages = warning;
SET session_replication_role = replica; -- thousands of organizations: each would look through all time zones
INSERT INTO organizations (id, name, timezone)
SELECT md5('org/' || n)::uuid, 'Tenant ' || n, 'Asia/Kolkata' FROM generate_series(1, :tenants) n ON CONFLICT DO NOTHING;
INSERT INTO commerce_integrations (id, organization_id, status, store_name, store_domain)
SELECT md5('store/' || n)::uuid, md5('org/' || n)::uuid, 'connected', 'Store ' || n, 'bench-' || n || '.myshopify.com'
FROM generate_series(1, :tenants) n ON CONFLICT DO NOTHING;
SET session_replication_role = origin;
VACUUM ANALYZE commerce_integrations, organizations;
