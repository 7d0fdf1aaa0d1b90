-- Compares the database with what `ringback simulate --json` says must be in it: one row per check.
-- psql variable: doc, the JSON. Returns check, expected, found; text.
WITH doc AS (
    SELECT :'doc'::jsonb AS j
), expected AS (
    SELECT t.key AS name, t.value AS n
    FROM doc, jsonb_each_text(doc.j -> 'totals') t
    WHERE jsonb_typeof(doc.j -> 'totals' -> t.key) = 'number'
    UNION ALL
    SELECT part.name || ' ' || e.key, e.value
    FROM doc, (VALUES ('financial_status'), ('fulfillment_status'), ('payment_type'), ('orders_trigger_ready'),
                      ('carts_trigger_ready')) AS part (name),
         jsonb_each_text(doc.j -> 'totals' -> part.name) e
    UNION ALL
    SELECT part.name || ' ' || e.key, (e.value::numeric)::text
    FROM doc, (VALUES ('total_amount'), ('revenue_recovered')) AS part (name),
         jsonb_each_text(doc.j -> 'totals' -> part.name) e
    UNION ALL
    SELECT 'orders of ' || (s ->> 'domain'), s ->> 'orders'
    FROM doc, jsonb_array_elements(doc.j -> 'stores') s
    UNION ALL
    SELECT 'dead letters', '0'
    UNION ALL
    SELECT 'rows outside their store''s organization', '0'
), found AS (
    SELECT 'orders' AS name, count(*)::text AS n FROM commerce_orders
    UNION ALL SELECT 'cod_orders', count(*)::text FROM commerce_orders WHERE payment_type = 'cod'
    UNION ALL SELECT 'orders_cancelled', count(*)::text FROM commerce_orders WHERE cancelled_at IS NOT NULL
    UNION ALL SELECT 'items', count(*)::text FROM commerce_order_items
    UNION ALL SELECT 'customers', count(*)::text FROM commerce_customers
    UNION ALL SELECT 'products', count(*)::text FROM commerce_products
    UNION ALL SELECT 'variants', count(*)::text FROM commerce_product_variants
    UNION ALL SELECT 'carts_' || s.status, count(c.id)::text
              FROM unnest(enum_range(NULL::cart_status)) AS s (status)
              LEFT JOIN commerce_abandoned_carts c ON c.status = s.status GROUP BY s.status
    UNION ALL SELECT 'financial_status ' || financial_status, count(*)::text FROM commerce_orders GROUP BY financial_status
    UNION ALL SELECT 'fulfillment_status ' || fulfillment_status, count(*)::text FROM commerce_orders GROUP BY fulfillment_status
    UNION ALL SELECT 'payment_type ' || payment_type, count(*)::text FROM commerce_orders GROUP BY payment_type
    UNION ALL SELECT 'orders_trigger_ready ' || trigger_ready, count(*)::text FROM commerce_orders GROUP BY trigger_ready
    UNION ALL SELECT 'carts_trigger_ready ' || trigger_ready, count(*)::text FROM commerce_abandoned_carts GROUP BY trigger_ready
    UNION ALL SELECT 'total_amount ' || currency, sum(total_amount)::text FROM commerce_orders GROUP BY currency
    UNION ALL SELECT 'revenue_recovered ' || currency, sum(total_value)::text
              FROM commerce_abandoned_carts WHERE status = 'recovered' GROUP BY currency
    UNION ALL SELECT 'orders of ' || i.store_domain, count(*)::text
              FROM commerce_orders o JOIN commerce_integrations i ON i.id = o.integration_id GROUP BY i.store_domain
    UNION ALL SELECT 'dead letters', count(*)::text FROM dead_letters
    UNION ALL SELECT 'rows outside their store''s organization', count(*)::text
              FROM (SELECT integration_id, organization_id FROM commerce_orders
                    UNION ALL SELECT integration_id, organization_id FROM commerce_abandoned_carts
                    UNION ALL SELECT integration_id, organization_id FROM commerce_customers
                    UNION ALL SELECT integration_id, organization_id FROM commerce_products) r
              JOIN commerce_integrations i ON i.id = r.integration_id
              WHERE r.organization_id <> i.organization_id
)
SELECT e.name AS check, e.n AS expected, coalesce(f.n, '0') AS found,
       CASE WHEN e.n::numeric = coalesce(f.n, '0')::numeric THEN 'ok' ELSE 'fail' END AS verdict
FROM expected e
LEFT JOIN found f ON f.name = e.name
-- What the simulator counts but no table shows as such.
WHERE e.name NOT IN ('events', 'orders_deleted', 'checkouts', 'carts_never')
ORDER BY verdict, e.name
