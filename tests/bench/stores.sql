-- Stores for the events of load/orders_redis, and orders that were there before:
--   psql -v tenants=100 -v orders=1000000 -f tests/bench/stores.sql
-- Tenant n has the store bench-n.myshopify.com. `orders` is how many there are to be in all, each with two lines; their ids are none
-- that an event has. They are written without triggers, with what these would have computed (rollups are left as they are), and
-- the indexes that only make things faster are built afterwards.
\set ON_ERROR_STOP 1
\if :{?tenants} \else \set tenants 100 \endif
\if :{?orders} \else \set orders 0 \endif
SET client_min_messages = warning;
SET ringback.writer = 'worker';
SET timezone = 'UTC';

SET session_replication_role = replica; -- thousands of organizations: each would look through all time zones
INSERT INTO organizations (id, name, timezone)
SELECT md5('org/' || n)::uuid, 'Tenant ' || n, 'Asia/Kolkata' FROM generate_series(1, :tenants) n ON CONFLICT DO NOTHING;
INSERT INTO commerce_integrations (id, organization_id, status, store_name, store_domain)
SELECT md5('store/' || n)::uuid, md5('org/' || n)::uuid, 'connected', 'Store ' || n, 'bench-' || n || '.myshopify.com'
FROM generate_series(1, :tenants) n ON CONFLICT DO NOTHING;

SELECT count(*) AS there, count(*) < :orders AS wanted FROM (SELECT FROM commerce_orders LIMIT :orders) o \gset
\if :wanted
SET maintenance_work_mem = '512MB';
CREATE TEMP TABLE later AS
SELECT i.indexdef, format('DROP INDEX %I', i.indexname) AS away
FROM pg_indexes i
WHERE i.schemaname = 'public' AND i.tablename IN ('commerce_orders', 'commerce_order_items')
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conname = i.indexname);
SELECT away FROM later \gexec

INSERT INTO commerce_orders (id, organization_id, integration_id, external_order_id, order_number, customer_name, customer_email, customer_phone,
                             total_amount, subtotal, currency, payment_type, financial_status, fulfillment_status, shipping_address,
                             checkout_token, cart_token, trigger_ready, order_day, order_created_at, created_at, synced_at, source_updated_at,
                             source_triggered_at, source_version)
SELECT md5('order/' || n)::uuid, md5('org/' || t)::uuid, md5('store/' || t)::uuid, (4200000000000 + n)::text, '#' || n, 'Asha Kulkarni',
       'buyer' || n || '@example.com', '+9197' || lpad((n % 100000000)::text, 8, '0'), (500 + n % 9000)::numeric(10, 2), (450 + n % 9000)::numeric(10, 2),
       'INR', 'cod', 'pending', 'unfulfilled',
       '{"city": "Pune", "zip": "411001", "country": "India", "address1": "14/B Sample Street, near the old water tower"}',
       md5('checkout/' || n), md5('cart/' || n), 'ready', at::date, at, at, at, at, at, decode(md5('version/' || n), 'hex')
FROM (SELECT n, 1 + n % :tenants AS t, timestamptz '2025-01-01' + n % 31536000 * interval '1 second' AS at
      FROM generate_series(:there + 1, :orders) n) s;
INSERT INTO commerce_order_items (organization_id, order_id, integration_id, position, external_line_item_id, external_product_id,
                                  external_variant_id, title, quantity, price, total)
SELECT md5('org/' || t)::uuid, md5('order/' || n)::uuid, md5('store/' || t)::uuid, p, (n * 2 + p)::text, (n % 200)::text, (n % 200)::text,
       'Everyday desk lamp', 1, 349, 349
FROM (SELECT n, 1 + n % :tenants AS t FROM generate_series(:there + 1, :orders) n) s, generate_series(0, 1) p;
SELECT indexdef FROM later \gexec
\endif
SET session_replication_role = origin;
VACUUM ANALYZE commerce_orders, commerce_order_items, commerce_integrations, organizations;
