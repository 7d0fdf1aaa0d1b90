-- Orders of a batch with their lines. $1..$32 rowset orders, $33..$45 rowset order_items.
-- A row moves forward only (filled(), order_held()). A deleted order stays deleted, a redacted one redacted. A version whose buyer is
-- redacted brings nothing personal; it redacts the order, unless that has a newer version by now which names another buyer. Lines follow the
-- version that is now the row's; lines that stay as they are, are not written. A version that is already there
-- changes nothing and is dropped before anything is locked.
-- Answers (tbl, type, organization_id, record) for orders that really changed.
--
-- About the plan, here and in the other upserts. It is made once, when nobody knows how long the lists will be and how big
-- the tables, and must still do a year later:
--   Tables are looked up by scalar sub-selects or LATERAL (... OFFSET 0), row by row and always by index. As joins they may be
--   turned round, so that a table is read for each element of a list.
--   Lists are joined by FULL JOIN, which is always hashed; as inner joins they become nested loops. num_nonnulls() = 2, and not
--   two IS NOT NULL, picks the matches: the planner does not see through it and leaves the FULL JOIN as it is.
WITH redacting AS MATERIALIZED (
    SELECT id FROM redacting_integrations($1::uuid[]) id
), incoming AS MATERIALIZED (
    SELECT o.*, b.listed OR b.gone AS gone,
           b.listed OR (b.gone AND NOT coalesce(
               (SELECT t.source_version > o.source_version
                       AND names_another(t.external_customer_id, t.customer_email, o.external_customer_id, o.customer_email)
                FROM commerce_orders t
                WHERE t.integration_id = o.integration_id AND t.external_order_id = o.external_order_id), false)) AS redacted
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                $9::numeric[], $10::numeric[], $11::numeric[], $12::numeric[], $13::numeric[], $14::text[], $15::text[],
                $16::text[], $17::text[], $18::text[], $19::jsonb[], $20::jsonb[], $21::text[], $22::jsonb[], $23::boolean[],
                $24::text[], $25::text[], $26::text[], $27::timestamptz[], $28::timestamptz[], $29::timestamptz[],
                $30::timestamptz[], $31::timestamptz[], $32::bytea[])
        o (integration_id, external_order_id, organization_id, order_number, external_customer_id, customer_name, customer_email,
           customer_phone, total_amount, subtotal, total_tax, total_discounts, total_outstanding, currency, presentment_currency,
           payment_type, financial_status, fulfillment_status, shipping_address, billing_address, notes, tags, test, source_name,
           checkout_token, cart_token, order_created_at, cancelled_at, closed_at, source_updated_at, source_triggered_at,
           source_version)
    CROSS JOIN LATERAL (SELECT o.integration_id IN (SELECT id FROM redacting) AS redacting OFFSET 0) r
    CROSS JOIN LATERAL (
        SELECT CASE WHEN r.redacting
                    THEN EXISTS (SELECT FROM commerce_tombstones d
                                 WHERE d.integration_id = o.integration_id AND d.kind = 'redacted_order'
                                   AND d.external_id = o.external_order_id)
                    ELSE false END AS listed,
               CASE WHEN r.redacting
                    THEN is_redacted(o.integration_id, o.external_customer_id, o.customer_email, o.customer_phone,
                                     o.order_created_at, o.source_updated_at)
                    ELSE false END AS gone
        OFFSET 0) b
    WHERE (SELECT d.kind FROM commerce_tombstones d
           WHERE d.integration_id = o.integration_id AND d.kind = 'order' AND d.external_id = o.external_order_id) IS NULL
      AND (SELECT t.source_version FROM commerce_orders t
           WHERE t.integration_id = o.integration_id AND t.external_order_id = o.external_order_id)
          IS DISTINCT FROM o.source_version     -- else it was delivered again
), upserted AS (
    INSERT INTO commerce_orders AS t
        (integration_id, external_order_id, organization_id, order_number, source, customer_id, external_customer_id,
         customer_name, customer_email, customer_phone, total_amount, subtotal, total_tax, total_discounts, total_outstanding,
         currency, presentment_currency, payment_type, financial_status, fulfillment_status, shipping_address, billing_address,
         notes, tags, test, source_name, checkout_token, cart_token, order_created_at, cancelled_at, closed_at, redacted,
         source_updated_at, source_triggered_at, source_version, synced_at)
    SELECT o.integration_id, o.external_order_id, o.organization_id, o.order_number, 'shopify',
           (SELECT c.id FROM commerce_customers c
            WHERE c.integration_id = o.integration_id AND c.external_customer_id = o.external_customer_id),
           CASE WHEN NOT o.gone THEN o.external_customer_id END, CASE WHEN NOT o.gone THEN o.customer_name END,
           CASE WHEN NOT o.gone THEN o.customer_email END, CASE WHEN NOT o.gone THEN o.customer_phone END,
           o.total_amount, o.subtotal, o.total_tax, o.total_discounts, o.total_outstanding, o.currency, o.presentment_currency,
           coalesce(o.payment_type, 'unknown')::payment_type, coalesce(o.financial_status, 'pending')::order_financial_status,
           coalesce(o.fulfillment_status, 'unfulfilled')::order_fulfillment_status,
           CASE WHEN NOT o.gone THEN o.shipping_address END, CASE WHEN NOT o.gone THEN o.billing_address END,
           CASE WHEN NOT o.gone THEN o.notes END, o.tags, coalesce(o.test, false), o.source_name, o.checkout_token, o.cart_token,
           o.order_created_at, o.cancelled_at, o.closed_at, o.redacted, o.source_updated_at, o.source_triggered_at,
           o.source_version, now()
    FROM incoming o
    ORDER BY o.integration_id, o.external_order_id COLLATE "C"
    ON CONFLICT (integration_id, external_order_id) DO UPDATE SET
        order_number = filled(t.order_number, excluded.order_number, t.source_held, 'order_number', t.source_version, excluded.source_version),
        customer_id = CASE WHEN filled(t.external_customer_id, excluded.external_customer_id, t.source_held, 'external_customer_id', t.source_version, excluded.source_version)
                                = excluded.external_customer_id THEN excluded.customer_id ELSE t.customer_id END,
        external_customer_id = filled(t.external_customer_id, excluded.external_customer_id, t.source_held, 'external_customer_id', t.source_version, excluded.source_version),
        customer_name = filled(t.customer_name, excluded.customer_name, t.source_held, 'customer_name', t.source_version, excluded.source_version),
        customer_email = filled(t.customer_email, excluded.customer_email, t.source_held, 'customer_email', t.source_version, excluded.source_version),
        customer_phone = filled(t.customer_phone, excluded.customer_phone, t.source_held, 'customer_phone', t.source_version, excluded.source_version),
        total_amount = filled(t.total_amount, excluded.total_amount, t.source_held, 'total_amount', t.source_version, excluded.source_version),
        subtotal = filled(t.subtotal, excluded.subtotal, t.source_held, 'subtotal', t.source_version, excluded.source_version),
        total_tax = filled(t.total_tax, excluded.total_tax, t.source_held, 'total_tax', t.source_version, excluded.source_version),
        total_discounts = filled(t.total_discounts, excluded.total_discounts, t.source_held, 'total_discounts', t.source_version, excluded.source_version),
        total_outstanding = filled(t.total_outstanding, excluded.total_outstanding, t.source_held, 'total_outstanding', t.source_version, excluded.source_version),
        currency = filled(t.currency, excluded.currency, t.source_held, 'currency', t.source_version, excluded.source_version),
        presentment_currency = filled(t.presentment_currency, excluded.presentment_currency, t.source_held, 'presentment_currency', t.source_version, excluded.source_version),
        shipping_address = filled(t.shipping_address, excluded.shipping_address, t.source_held, 'shipping_address', t.source_version, excluded.source_version),
        billing_address = filled(t.billing_address, excluded.billing_address, t.source_held, 'billing_address', t.source_version, excluded.source_version),
        notes = filled(t.notes, excluded.notes, t.source_held, 'notes', t.source_version, excluded.source_version),
        tags = filled(t.tags, excluded.tags, t.source_held, 'tags', t.source_version, excluded.source_version),
        source_name = filled(t.source_name, excluded.source_name, t.source_held, 'source_name', t.source_version, excluded.source_version),
        checkout_token = filled(t.checkout_token, excluded.checkout_token, t.source_held, 'checkout_token', t.source_version, excluded.source_version),
        cart_token = filled(t.cart_token, excluded.cart_token, t.source_held, 'cart_token', t.source_version, excluded.source_version),
        order_created_at = filled(t.order_created_at, excluded.order_created_at, t.source_held, 'order_created_at', t.source_version, excluded.source_version),
        payment_type = newest(t.payment_type, excluded.payment_type, t.source_version, excluded.source_version),
        financial_status = newest(t.financial_status, excluded.financial_status, t.source_version, excluded.source_version),
        fulfillment_status = newest(t.fulfillment_status, excluded.fulfillment_status, t.source_version, excluded.source_version),
        test = newest(t.test, excluded.test, t.source_version, excluded.source_version),
        cancelled_at = newest(t.cancelled_at, excluded.cancelled_at, t.source_version, excluded.source_version),
        closed_at = newest(t.closed_at, excluded.closed_at, t.source_version, excluded.source_version),
        source_updated_at = newest(t.source_updated_at, excluded.source_updated_at, t.source_version, excluded.source_version),
        source_triggered_at = newest(t.source_triggered_at, excluded.source_triggered_at, t.source_version, excluded.source_version),
        redacted = t.redacted OR excluded.redacted,
        source_held = CASE WHEN t.redacted OR excluded.redacted THEN impersonal(order_held(t, excluded)) ELSE order_held(t, excluded) END,
        source_version = greatest(excluded.source_version, t.source_version),
        synced_at = excluded.synced_at
    WHERE excluded.source_version > coalesce(t.source_version, '')
       OR (excluded.source_version < t.source_version AND order_held(t, excluded) IS DISTINCT FROM t.source_held)
       OR (excluded.redacted AND NOT t.redacted)
    RETURNING t.id, t.integration_id, t.external_order_id, t.organization_id, t.source_version, t.xmax = 0 AS inserted,
              (SELECT row_to_json(r) FROM (       -- live_record(t), but half as dear
                  SELECT t.id, t.organization_id, t.integration_id, t.external_order_id, t.order_number, t.source,
                         t.customer_id, t.external_customer_id, t.customer_name, t.customer_email, t.customer_phone,
                         t.total_amount, t.subtotal, t.total_tax, t.total_discounts, t.total_outstanding, t.currency,
                         t.presentment_currency, t.payment_type, t.financial_status, t.fulfillment_status, t.trigger_ready,
                         t.shipping_address, t.billing_address, t.notes, t.tags, t.test, t.source_name, t.checkout_token,
                         t.cart_token, t.order_created_at, t.cancelled_at, t.closed_at, t.redacted, t.order_day,
                         t.source_updated_at, t.synced_at, t.created_at, t.updated_at) r) AS record
), won AS MATERIALIZED (    -- orders that now are what this batch says
    SELECT u.id, u.integration_id, u.external_order_id, u.organization_id, u.source_version, u.inserted
    FROM upserted u
    FULL JOIN incoming o ON o.integration_id = u.integration_id AND o.external_order_id = u.external_order_id
                            AND o.source_version = u.source_version
    WHERE num_nonnulls(u.id, o.external_order_id) = 2
), line AS MATERIALIZED (
    SELECT w.id AS order_id, w.organization_id, i.*,
           (SELECT p.id FROM commerce_products p
            WHERE p.integration_id = i.integration_id AND p.external_product_id = i.external_product_id) AS product_id
    FROM won w
    FULL JOIN unnest($33::uuid[], $34::text[], $35::integer[], $36::text[], $37::text[], $38::text[], $39::text[], $40::text[],
                     $41::text[], $42::integer[], $43::numeric[], $44::numeric[], $45::bytea[])
        i (integration_id, external_order_id, position, external_line_item_id, external_product_id, external_variant_id, title,
           variant_title, sku, quantity, price, total_discount, source_version)
        ON i.integration_id = w.integration_id AND i.external_order_id = w.external_order_id AND i.source_version = w.source_version
    WHERE num_nonnulls(w.id, i.external_order_id) = 2
), lines_gone AS (
    DELETE FROM commerce_order_items t
    WHERE t.id = ANY (ARRAY(
        SELECT i.id
        FROM (SELECT n.order_id, sum(n.n) AS n
              FROM (SELECT w.id AS order_id, 0 AS n FROM won w WHERE NOT w.inserted
                    UNION ALL
                    SELECT l.order_id, 1 FROM line l) n
              GROUP BY n.order_id) n
        CROSS JOIN LATERAL (SELECT i.id FROM commerce_order_items i
                            WHERE i.order_id = n.order_id AND i.position >= n.n OFFSET 0) i))
), lines_kept AS (
    INSERT INTO commerce_order_items AS t
        (organization_id, order_id, integration_id, position, product_id, variant_id, external_line_item_id,
         external_product_id, external_variant_id, title, variant_title, sku, quantity, price, total_discount, total)
    SELECT l.organization_id, l.order_id, l.integration_id, l.position, l.product_id,
           (SELECT v.id FROM commerce_product_variants v
            WHERE v.product_id = l.product_id AND v.external_variant_id = l.external_variant_id), l.external_line_item_id,
           l.external_product_id, l.external_variant_id, l.title, l.variant_title, l.sku, l.quantity, l.price, l.total_discount,
           l.price * l.quantity - coalesce(l.total_discount, 0)
    FROM line l
    ORDER BY l.order_id, l.position
    ON CONFLICT (order_id, position) DO UPDATE SET
        product_id = excluded.product_id, variant_id = excluded.variant_id,
        external_line_item_id = excluded.external_line_item_id, external_product_id = excluded.external_product_id,
        external_variant_id = excluded.external_variant_id, title = excluded.title, variant_title = excluded.variant_title,
        sku = excluded.sku, quantity = excluded.quantity, price = excluded.price, total_discount = excluded.total_discount,
        total = excluded.total
    WHERE (t.product_id, t.variant_id, t.external_line_item_id, t.external_product_id, t.external_variant_id, t.title,
           t.variant_title, t.sku, t.quantity, t.price, t.total_discount, t.total)
          IS DISTINCT FROM
          (excluded.product_id, excluded.variant_id, excluded.external_line_item_id, excluded.external_product_id,
           excluded.external_variant_id, excluded.title, excluded.variant_title, excluded.sku, excluded.quantity,
           excluded.price, excluded.total_discount, excluded.total)
)
SELECT 'commerce_orders' AS tbl, CASE WHEN u.inserted THEN 'INSERT' ELSE 'UPDATE' END AS type,
       u.organization_id::text AS organization_id, u.record::text AS record
FROM upserted u
ORDER BY u.integration_id, u.external_order_id COLLATE "C"
