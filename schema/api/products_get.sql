-- A product with its variants and its store.
SELECT json_build_object('data', r) FROM (
    SELECT p.id, p.organization_id, p.integration_id, p.external_product_id, p.source, p.title, p.description, p.vendor,
           p.product_type, p.status, p.images, p.tags,
           (SELECT coalesce(json_agg(v), '[]') FROM (
                SELECT v.id, v.product_id, v.external_variant_id, v.position, v.title, v.sku, v.price, v.compare_at_price,
                       v.inventory_quantity, v.requires_shipping, v.weight, v.weight_unit
                FROM commerce_product_variants v WHERE v.product_id = p.id ORDER BY v.position, v.id) v) AS variants,
           (SELECT i FROM (SELECT i.id, i.store_name, i.source FROM commerce_integrations i WHERE i.id = p.integration_id) i)
               AS integration,
           p.source_updated_at, p.synced_at, p.created_at, p.updated_at
    FROM commerce_products p
    WHERE p.id = :id::uuid AND p.organization_id = request_organization_id()) r
