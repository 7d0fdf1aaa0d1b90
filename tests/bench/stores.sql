-- Stores for the events of load/orders_redis, and orders that were there before:
--   psql -v tenants=100 -v orders=1000000 -f tests/bench/stores.sql
-- Tenant n has the store bench-n.myshopify.com. `orders` in all, with three lines each, of ids that no event has; they are written
-- without triggers, by the rule of the computed columns, and the rollups follow at the end.
\set ON_ERROR_STOP 1
\if :{?tenants} \else \set tenants 100 \endif
\if :{?orders} \else \set orders 0 \endif
SET ringback.writer = 'worker';
SET timezone = 'UTC';

INSERT INTO organizations (id, name, timezone)
SELECT md5('org/' || n)::uuid, 'Tenant ' || n, 'Asia/Kolkata' FROM generate_series(1, :tenants) n ON CONFLICT DO NOTHING;
INSERT INTO commerce_integrations (id, organization_id, status, store_name, store_domain)
SELECT md5('store/' || n)::uuid, md5('org/' || n)::uuid, 'connected', 'Store ' || n, 'bench-' || n || '.myshopify.com'
FROM generate_series(1, :tenants) n ON CONFLICT DO NOTHING;
