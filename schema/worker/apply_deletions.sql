-- What was deleted at the source: the row goes, a tombstone stays that every upsert looks at. $1..$6 rowset deletions.
-- A checkout stays (see upsert_checkouts.sql), and so does a cart that an order recovers: the checkouts concerned are marked
-- due at -infinity, for settle_carts.sql of the same batch or, should there be none, for the timer.
-- Orders and carts that name what goes are unlinked here: the foreign keys would do the same, but tell nobody.
-- Answers DELETE updates with the keys of what is gone, and the rows that were unlinked.
WITH deletion AS MATERIALIZED (
    -- A checkout may be named by its token, by its number or only by its cart.
    SELECT DISTINCT ON (s.integration_id, s.kind, s.external_id COLLATE "C") s.*
    FROM (SELECT d.integration_id, CASE WHEN d.kind = 'checkout' AND d.external_id = '' THEN 'checkout_cart' ELSE d.kind END AS kind,
                 CASE WHEN d.kind = 'checkout' AND d.external_id = '' THEN d.cart_token ELSE d.external_id END AS external_id,
                 d.organization_id,
                 CASE WHEN d.kind = 'checkout' AND d.external_id ~ '^[0-9]*$' THEN d.cart_token END AS cart_token, d.deleted_at
          FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::timestamptz[])
              d (integration_id, kind, external_id, organization_id, cart_token, deleted_at)) s
    WHERE s.external_id <> ''
    ORDER BY s.integration_id, s.kind, s.external_id COLLATE "C", s.deleted_at
), orders AS (
    DELETE FROM commerce_orders t
    USING deletion d
    WHERE d.kind = 'order' AND t.integration_id = d.integration_id AND t.external_order_id = d.external_id
    RETURNING t.id, t.organization_id, t.integration_id, t.external_order_id, t.checkout_token, t.cart_token
), products AS (
    DELETE FROM commerce_products t
    USING deletion d
    WHERE d.kind = 'product' AND t.integration_id = d.integration_id AND t.external_product_id = d.external_id
    RETURNING t.id, t.organization_id, t.integration_id, t.external_product_id
), customers AS (
    DELETE FROM commerce_customers t
    USING deletion d
    WHERE d.kind = 'customer' AND t.integration_id = d.integration_id AND t.external_customer_id = d.external_id
    RETURNING t.id, t.organization_id, t.integration_id, t.external_customer_id
), orders_unlinked AS (     -- these two by ids: see upsert_customers.sql
    UPDATE commerce_orders t SET customer_id = NULL
    WHERE t.id = ANY (ARRAY(
        SELECT x.id
        FROM customers c
        CROSS JOIN LATERAL (SELECT o.id, o.integration_id, o.external_order_id FROM commerce_orders o
                            WHERE o.customer_id = c.id OFFSET 0) x
        WHERE (x.integration_id, x.external_order_id) NOT IN
              (SELECT d.integration_id, d.external_id FROM deletion d WHERE d.kind = 'order')))
    RETURNING t.organization_id, live_record(t) AS record
), carts_unlinked AS (
    UPDATE commerce_abandoned_carts t
    SET customer_id = CASE WHEN t.customer_id = ANY (ARRAY(SELECT c.id FROM customers c)) THEN NULL ELSE t.customer_id END,
        recovered_order_id = CASE WHEN t.recovered_order_id = ANY (ARRAY(SELECT o.id FROM orders o))
                                  THEN NULL ELSE t.recovered_order_id END
    WHERE t.id = ANY (ARRAY(
        SELECT x.id
        FROM customers c
        CROSS JOIN LATERAL (SELECT a.id FROM commerce_abandoned_carts a WHERE a.customer_id = c.id OFFSET 0) x
        UNION
        SELECT x.id
        FROM orders o
        CROSS JOIN LATERAL (SELECT a.id FROM commerce_abandoned_carts a WHERE a.recovered_order_id = o.id OFFSET 0) x))
    RETURNING t.organization_id, live_record(t) AS record
), gone AS MATERIALIZED (
    SELECT 'order' AS kind, o.integration_id, o.external_order_id AS external_id, o.id FROM orders o
    UNION ALL
    SELECT 'product', p.integration_id, p.external_product_id, p.id FROM products p
    UNION ALL
    SELECT 'customer', c.integration_id, c.external_customer_id, c.id FROM customers c
), tombstones AS (
    INSERT INTO commerce_tombstones AS t (integration_id, kind, external_id, organization_id, cart_token, at, row_id)
    SELECT d.integration_id, d.kind, d.external_id, d.organization_id, d.cart_token, d.deleted_at, g.id
    FROM deletion d
    FULL JOIN gone g ON g.integration_id = d.integration_id AND g.kind = d.kind AND g.external_id = d.external_id
    ORDER BY d.integration_id, d.kind, d.external_id COLLATE "C"
    ON CONFLICT (integration_id, kind, external_id) DO UPDATE SET
        at = least(t.at, excluded.at), cart_token = coalesce(t.cart_token, excluded.cart_token),
        row_id = coalesce(t.row_id, excluded.row_id)
    WHERE (t.at, t.cart_token, t.row_id) IS DISTINCT FROM
          (least(t.at, excluded.at), coalesce(t.cart_token, excluded.cart_token), coalesce(t.row_id, excluded.row_id))
), unsettled AS MATERIALIZED (
    SELECT o.integration_id, o.checkout_token AS token FROM orders o WHERE o.checkout_token IS NOT NULL
    UNION
    SELECT c.integration_id, c.token
    FROM orders o JOIN commerce_checkouts c ON c.integration_id = o.integration_id AND c.cart_token = o.cart_token
    UNION
    SELECT d.integration_id, d.external_id FROM deletion d WHERE d.kind = 'checkout'
    UNION
    SELECT c.integration_id, c.token
    FROM deletion d JOIN commerce_checkouts c ON c.integration_id = d.integration_id AND c.cart_token = d.cart_token
    WHERE d.kind IN ('checkout', 'checkout_cart')
    UNION
    SELECT c.integration_id, c.token
    FROM deletion d
    JOIN commerce_checkouts c ON c.integration_id = d.integration_id AND c.external_checkout_id = d.external_id
    WHERE d.kind = 'checkout' AND d.external_id ~ '^[0-9]+$'
), checkouts AS (
    UPDATE commerce_checkouts c SET due_at = '-infinity'
    FROM (SELECT l.integration_id, l.token
          FROM commerce_checkouts l JOIN unsettled u ON u.integration_id = l.integration_id AND u.token = l.token
          ORDER BY l.integration_id, l.token COLLATE "C" FOR UPDATE OF l) l
    WHERE c.integration_id = l.integration_id AND c.token = l.token
)
SELECT 'commerce_orders' AS tbl, 'DELETE' AS type, o.organization_id::text AS organization_id,
       (to_jsonb(o) - '{checkout_token,cart_token}'::text[])::text AS record
FROM orders o
UNION ALL
SELECT 'commerce_products', 'DELETE', p.organization_id::text, to_jsonb(p)::text FROM products p
UNION ALL
SELECT 'commerce_customers', 'DELETE', c.organization_id::text, to_jsonb(c)::text FROM customers c
UNION ALL
SELECT 'commerce_orders', 'UPDATE', o.organization_id::text, o.record::text FROM orders_unlinked o
UNION ALL
SELECT 'commerce_abandoned_carts', 'UPDATE', c.organization_id::text, c.record::text FROM carts_unlinked c
