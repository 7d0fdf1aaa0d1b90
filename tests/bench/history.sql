-- Orders that were there before, numbers :from to :to, or with `part` items their lines, two each; see lib/history.mjs, which calls it many
-- times. Their ids are none that an event has. They are written without triggers, with what these would have computed (rollups are left
-- as they are). Tenants are those of stores.sql.
\set ON_ERROR_STOP 1
SET session_replication_role = replica;
SET timezone = 'UTC';
CREATE TEMP TABLE owners AS
SELECT t, md5('org/' || t)::uuid AS organization, md5('store/' || t)::uuid AS store FROM generate_series(1, :tenants) t;
ANALYZE owners; -- else it would be sorted for
SELECT :'part' = 'items' AS items \gset
\if :items
INSERT INTO commerce_order_items (id, organization_id, order_id, integration_id, position, external_line_item_id, external_product_id,
                                  external_variant_id, title, quantity, price, total)
SELECT lpad(to_hex(n * 2 + p), 32, '0')::uuid, organization, o.id, store, p, (n * 2 + p)::text, product, product, 'Everyday desk lamp', 1, 349, 349
FROM (SELECT n, md5('order/' || n)::uuid AS id, (n % 200)::text AS product FROM generate_series(:from, :to) n OFFSET 0) o
JOIN owners ON t = 1 + n % :tenants CROSS JOIN generate_series(0, 1) p;
\else
INSERT INTO commerce_orders (id, organization_id, integration_id, external_order_id, order_number, customer_name, customer_email, customer_phone,
                             total_amount, subtotal, currency, payment_type, financial_status, fulfillment_status, shipping_address,
                             checkout_token, cart_token, trigger_ready, order_day, order_created_at, created_at, synced_at, source_updated_at,
                             source_triggered_at, source_version)
SELECT id, organization, store, (4200000000000 + n)::text, '#' || n, 'Asha Kulkarni', 'buyer' || n || '@example.com', '+' || 919700000000 + n % 100000000,
       amount, amount, 'INR', 'cod', 'pending', 'unfulfilled',
       '{"city": "Pune", "zip": "411001", "country": "India", "address1": "14/B Sample Street, near the old water tower"}',
       md5('checkout/' || n), md5('cart/' || n), 'ready', at::date, at, at, at, at, at, uuid_send(id)
FROM (SELECT n, md5('order/' || n)::uuid AS id, timestamptz '2025-01-01' + n % 31536000 * interval '1 second' AS at,
             (500 + n % 9000)::numeric AS amount
      FROM generate_series(:from, :to) n OFFSET 0) o -- OFFSET 0: each is computed once
JOIN owners ON t = 1 + n % :tenants;
\endif
