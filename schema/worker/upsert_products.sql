-- Products of a batch with their variants. $1..$14 rowset products, $15..$27 rowset product_variants.
-- A row moves forward only (filled(), product_held()); a deleted product stays deleted. Variants are those of the newest
-- version that had any (variants_version), by external id, so that order items keep their links; missing ones go.
-- Items of orders and carts that came before their product or variant are linked.
-- Answers (tbl, type, organization_id, record) for products that really changed.
-- About the plan: see upsert_orders.sql.
WITH incoming AS MATERIALIZED (
    SELECT p.*
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[],
                $10::jsonb[], $11::boolean[], $12::timestamptz[], $13::timestamptz[], $14::bytea[])
        p (integration_id, external_product_id, organization_id, title, description, vendor, product_type, status, images, tags,
           has_variants, source_updated_at, source_triggered_at, source_version)
    WHERE (SELECT d.kind FROM commerce_tombstones d
           WHERE d.integration_id = p.integration_id AND d.kind = 'product' AND d.external_id = p.external_product_id) IS NULL
      AND (SELECT t.source_version FROM commerce_products t
           WHERE t.integration_id = p.integration_id AND t.external_product_id = p.external_product_id)
          IS DISTINCT FROM p.source_version     -- else it was delivered again
), upserted AS (
    INSERT INTO commerce_products AS t
        (integration_id, external_product_id, organization_id, source, title, description, vendor, product_type, status, images,
         tags, variants_version, source_updated_at, source_triggered_at, source_version, synced_at)
    SELECT p.integration_id, p.external_product_id, p.organization_id, 'shopify', p.title, p.description, p.vendor, p.product_type,
           p.status::product_status, p.images, p.tags, CASE WHEN p.has_variants THEN p.source_version END,
           p.source_updated_at, p.source_triggered_at, p.source_version, now()
    FROM incoming p
    ORDER BY p.integration_id, p.external_product_id COLLATE "C"
    ON CONFLICT (integration_id, external_product_id) DO UPDATE SET
        title = filled(t.title, excluded.title, t.source_held, 'title', t.source_version, excluded.source_version),
        description = filled(t.description, excluded.description, t.source_held, 'description', t.source_version, excluded.source_version),
        vendor = filled(t.vendor, excluded.vendor, t.source_held, 'vendor', t.source_version, excluded.source_version),
        product_type = filled(t.product_type, excluded.product_type, t.source_held, 'product_type', t.source_version, excluded.source_version),
        status = filled(t.status, excluded.status, t.source_held, 'status', t.source_version, excluded.source_version),
        images = filled(t.images, excluded.images, t.source_held, 'images', t.source_version, excluded.source_version),
        tags = filled(t.tags, excluded.tags, t.source_held, 'tags', t.source_version, excluded.source_version),
        source_updated_at = newest(t.source_updated_at, excluded.source_updated_at, t.source_version, excluded.source_version),
        source_triggered_at = newest(t.source_triggered_at, excluded.source_triggered_at, t.source_version, excluded.source_version),
        source_held = product_held(t, excluded),
        source_version = greatest(excluded.source_version, t.source_version),
        variants_version = greatest(excluded.variants_version, t.variants_version),
        synced_at = excluded.synced_at
    WHERE excluded.source_version > coalesce(t.source_version, '')
       OR (excluded.source_version < t.source_version
           AND (product_held(t, excluded) IS DISTINCT FROM t.source_held
                OR excluded.variants_version > coalesce(t.variants_version, '')))
    RETURNING t.id, t.integration_id, t.external_product_id, t.organization_id, t.variants_version, t.xmax = 0 AS inserted,
              live_record(t) AS record
), won AS MATERIALIZED (    -- products whose variants now are what this batch says
    SELECT u.id, u.integration_id, u.external_product_id, u.organization_id, u.variants_version
    FROM upserted u
    FULL JOIN incoming p ON p.integration_id = u.integration_id AND p.external_product_id = u.external_product_id
                            AND p.source_version = u.variants_version
    WHERE num_nonnulls(u.id, p.external_product_id) = 2
), variant AS MATERIALIZED (    -- each once, as it stands first
    SELECT DISTINCT ON (w.id, v.external_variant_id) w.id AS product_id, w.organization_id, v.*
    FROM won w
    FULL JOIN unnest($15::uuid[], $16::text[], $17::integer[], $18::text[], $19::text[], $20::text[], $21::numeric[],
                     $22::numeric[], $23::integer[], $24::boolean[], $25::numeric[], $26::text[], $27::bytea[])
        v (integration_id, external_product_id, position, external_variant_id, title, sku, price, compare_at_price,
           inventory_quantity, requires_shipping, weight, weight_unit, source_version)
        ON v.integration_id = w.integration_id AND v.external_product_id = w.external_product_id
           AND v.source_version = w.variants_version
    WHERE num_nonnulls(w.id, v.external_variant_id) = 2
    ORDER BY w.id, v.external_variant_id, v.position
), variants_gone AS (
    DELETE FROM commerce_product_variants t
    WHERE t.id = ANY (ARRAY(
        SELECT x.id
        FROM won w
        CROSS JOIN LATERAL (SELECT x.id, x.product_id, x.external_variant_id FROM commerce_product_variants x
                            WHERE x.product_id = w.id OFFSET 0) x
        WHERE (x.product_id, x.external_variant_id) NOT IN (SELECT v.product_id, v.external_variant_id FROM variant v)))
), variants_kept AS (
    INSERT INTO commerce_product_variants AS t
        (organization_id, product_id, integration_id, external_variant_id, position, title, sku, price, compare_at_price,
         inventory_quantity, requires_shipping, weight, weight_unit)
    SELECT v.organization_id, v.product_id, v.integration_id, v.external_variant_id, v.position, v.title, v.sku, v.price,
           v.compare_at_price, v.inventory_quantity, v.requires_shipping, v.weight, v.weight_unit
    FROM variant v
    ORDER BY v.product_id, v.external_variant_id COLLATE "C"
    ON CONFLICT (product_id, external_variant_id) DO UPDATE SET
        position = excluded.position, title = excluded.title, sku = excluded.sku, price = excluded.price,
        compare_at_price = excluded.compare_at_price, inventory_quantity = excluded.inventory_quantity,
        requires_shipping = excluded.requires_shipping, weight = excluded.weight, weight_unit = excluded.weight_unit
    WHERE (t.position, t.title, t.sku, t.price, t.compare_at_price, t.inventory_quantity, t.requires_shipping, t.weight, t.weight_unit)
          IS DISTINCT FROM
          (excluded.position, excluded.title, excluded.sku, excluded.price, excluded.compare_at_price,
           excluded.inventory_quantity, excluded.requires_shipping, excluded.weight, excluded.weight_unit)
    RETURNING t.id, t.product_id, t.external_variant_id, t.xmax = 0 AS inserted
), awaited AS MATERIALIZED (    -- products for which items may have been waiting
    SELECT u.id, u.integration_id, u.external_product_id
    FROM upserted u
    WHERE u.inserted OR u.id IN (SELECT v.product_id FROM variants_kept v WHERE v.inserted)
), waiting AS MATERIALIZED (
    SELECT a.id AS product_id, 'order' AS kind, i.id, i.external_variant_id, i.variant_id, i.product_id AS product_was
    FROM awaited a
    CROSS JOIN LATERAL (SELECT x.* FROM commerce_order_items x
                        WHERE x.integration_id = a.integration_id AND x.external_product_id = a.external_product_id
                          AND (x.product_id IS NULL OR x.variant_id IS NULL) OFFSET 0) i
    UNION ALL
    SELECT a.id, 'cart', i.id, i.external_variant_id, i.variant_id, i.product_id
    FROM awaited a
    CROSS JOIN LATERAL (SELECT x.* FROM commerce_cart_items x
                        WHERE x.integration_id = a.integration_id AND x.external_product_id = a.external_product_id
                          AND (x.product_id IS NULL OR x.variant_id IS NULL) OFFSET 0) i
), link AS MATERIALIZED (
    SELECT w.kind, w.id, w.product_id, coalesce(w.variant_id, v.id) AS variant_id
    FROM waiting w
    FULL JOIN (SELECT k.* FROM variants_kept k WHERE k.inserted) v
        ON v.product_id = w.product_id AND v.external_variant_id = w.external_variant_id
    WHERE num_nonnulls(w.id) = 1 AND num_nonnulls(w.product_was, w.variant_id) < num_nonnulls(w.product_id, coalesce(w.variant_id, v.id))
), orders_linked AS (
    UPDATE commerce_order_items t SET product_id = l.product_id, variant_id = l.variant_id
    FROM link l
    WHERE l.kind = 'order' AND t.id = l.id
), carts_linked AS (
    UPDATE commerce_cart_items t SET product_id = l.product_id, variant_id = l.variant_id
    FROM link l
    WHERE l.kind = 'cart' AND t.id = l.id
)
SELECT 'commerce_products' AS tbl, CASE WHEN u.inserted THEN 'INSERT' ELSE 'UPDATE' END AS type,
       u.organization_id::text AS organization_id, u.record::text AS record
FROM upserted u
ORDER BY u.integration_id, u.external_product_id COLLATE "C"
