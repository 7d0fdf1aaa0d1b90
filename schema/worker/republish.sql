-- What entries that were delivered before had changed, as it is now: they may have been stored without anybody being told.
-- $1, $2 orders by integration_id uuid[], external_order_id text[]; $3, $4 carts by integration_id uuid[], checkout token text[];
-- $5, $6 calls by provider text[], external_call_id text[], with their transcripts and recordings; $7, $8 customers by
-- integration_id uuid[], external_customer_id text[], with the orders and carts that waited for them; $9, $10 products alike.
-- An order or cart is linked in the transaction that inserts its customer, so both have its time; if it changed since, that was told.
-- Answers (tbl, type, organization_id, record, call), DELETE for what is gone; call is the external id of the call that a row belongs to.
SELECT 'commerce_orders' AS tbl, 'UPDATE' AS type, t.organization_id::text AS organization_id, live_record(t)::text AS record,
       NULL::text AS call
FROM (SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[]) k (integration_id, external_id)) k
JOIN commerce_orders t ON t.integration_id = k.integration_id AND t.external_order_id = k.external_id
UNION ALL
SELECT 'commerce_orders', 'DELETE', d.organization_id::text,
       jsonb_build_object('id', d.row_id, 'organization_id', d.organization_id, 'integration_id', d.integration_id,
                          'external_order_id', d.external_id)::text, NULL
FROM (SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[]) k (integration_id, external_id)) k
CROSS JOIN LATERAL (SELECT x.* FROM commerce_tombstones x
                    WHERE x.integration_id = k.integration_id AND x.kind = 'order' AND x.external_id = k.external_id OFFSET 0) d
WHERE d.row_id IS NOT NULL      -- else there never was a row
UNION ALL
SELECT 'commerce_abandoned_carts', 'UPDATE', t.organization_id::text, live_record(t)::text, NULL
FROM (SELECT DISTINCT * FROM unnest($3::uuid[], $4::text[]) k (integration_id, token)) k
JOIN commerce_abandoned_carts t ON t.id = cart_id(k.integration_id, k.token)
UNION ALL
SELECT 'commerce_abandoned_carts', 'DELETE', c.organization_id::text,
       jsonb_build_object('id', cart_id(c.integration_id, c.token), 'organization_id', c.organization_id,
                          'integration_id', c.integration_id, 'external_cart_id', coalesce(c.external_checkout_id, c.token))::text, NULL
FROM (SELECT DISTINCT * FROM unnest($3::uuid[], $4::text[]) k (integration_id, token)) k
JOIN commerce_checkouts c ON c.integration_id = k.integration_id AND c.token = k.token
WHERE (SELECT t.id FROM commerce_abandoned_carts t WHERE t.id = cart_id(c.integration_id, c.token)) IS NULL
UNION ALL
SELECT u.tbl, 'UPDATE', u.organization_id::text, u.record::text, k.external_call_id
FROM (SELECT DISTINCT * FROM unnest($5::text[], $6::text[]) k (provider, external_call_id)) k
JOIN calls t ON t.provider = k.provider AND t.external_call_id = k.external_call_id
CROSS JOIN LATERAL (
    SELECT 'calls' AS tbl, t.organization_id, live_record(t) AS record
    UNION ALL
    SELECT 'call_transcripts', l.organization_id, live_record(l) FROM call_transcripts l WHERE l.call_id = t.id
    UNION ALL
    SELECT 'call_recordings', r.organization_id, live_record(r) FROM call_recordings r WHERE r.call_id = t.id) u
UNION ALL
SELECT u.tbl, 'UPDATE', u.organization_id::text, u.record::text, NULL
FROM (SELECT DISTINCT * FROM unnest($7::uuid[], $8::text[]) k (integration_id, external_id)) k
JOIN commerce_customers t ON t.integration_id = k.integration_id AND t.external_customer_id = k.external_id
CROSS JOIN LATERAL (
    SELECT 'commerce_customers' AS tbl, t.organization_id, live_record(t) AS record
    UNION ALL
    SELECT 'commerce_orders', o.organization_id, live_record(o) FROM commerce_orders o
    WHERE o.customer_id = t.id AND o.updated_at = t.created_at
    UNION ALL
    SELECT 'commerce_abandoned_carts', c.organization_id, live_record(c) FROM commerce_abandoned_carts c
    WHERE c.customer_id = t.id AND c.updated_at = t.created_at) u
UNION ALL
SELECT u.tbl, u.type, d.organization_id::text, u.record::text, NULL
FROM (SELECT DISTINCT * FROM unnest($7::uuid[], $8::text[]) k (integration_id, external_id)) k
CROSS JOIN LATERAL (SELECT x.* FROM commerce_tombstones x
                    WHERE x.integration_id = k.integration_id AND x.kind = 'customer' AND x.external_id = k.external_id OFFSET 0) d
CROSS JOIN LATERAL (
    SELECT 'commerce_customers' AS tbl, 'DELETE' AS type,
           jsonb_build_object('id', d.row_id, 'organization_id', d.organization_id, 'integration_id', d.integration_id,
                              'external_customer_id', d.external_id) AS record
    UNION ALL
    SELECT 'commerce_orders', 'UPDATE', live_record(o) FROM commerce_orders o
    WHERE o.integration_id = d.integration_id AND o.external_customer_id = d.external_id AND o.customer_id IS NULL
    UNION ALL
    SELECT 'commerce_abandoned_carts', 'UPDATE', live_record(c) FROM commerce_abandoned_carts c
    WHERE c.integration_id = d.integration_id AND c.external_customer_id = d.external_id AND c.customer_id IS NULL) u
WHERE d.row_id IS NOT NULL
UNION ALL
SELECT 'commerce_products', 'UPDATE', t.organization_id::text, live_record(t)::text, NULL
FROM (SELECT DISTINCT * FROM unnest($9::uuid[], $10::text[]) k (integration_id, external_id)) k
JOIN commerce_products t ON t.integration_id = k.integration_id AND t.external_product_id = k.external_id
UNION ALL
SELECT 'commerce_products', 'DELETE', d.organization_id::text,
       jsonb_build_object('id', d.row_id, 'organization_id', d.organization_id, 'integration_id', d.integration_id,
                          'external_product_id', d.external_id)::text, NULL
FROM (SELECT DISTINCT * FROM unnest($9::uuid[], $10::text[]) k (integration_id, external_id)) k
CROSS JOIN LATERAL (SELECT x.* FROM commerce_tombstones x
                    WHERE x.integration_id = k.integration_id AND x.kind = 'product' AND x.external_id = k.external_id OFFSET 0) d
WHERE d.row_id IS NOT NULL
