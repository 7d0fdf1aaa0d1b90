-- An abandoned cart with its items and its store.
SELECT json_build_object('data', r) FROM (
    SELECT c.id, c.organization_id, c.integration_id, c.external_cart_id, c.source, c.customer_id, c.external_customer_id,
           c.customer_name, c.customer_email, c.customer_phone, c.total_value, c.currency, c.items_count, c.status, c.trigger_ready,
           (SELECT coalesce(json_agg(i), '[]') FROM (
                SELECT i.id, i.cart_id, i.product_id, i.variant_id, i.external_product_id, i.external_variant_id, i.position,
                       i.title, i.variant_title, i.quantity, i.price, i.total, i.image_url,
                       (SELECT p FROM (SELECT p.id, p.title, p.images FROM commerce_products p WHERE p.id = i.product_id) p)
                           AS product,
                       (SELECT v FROM (SELECT v.id, v.title, v.sku FROM commerce_product_variants v WHERE v.id = i.variant_id) v)
                           AS variant
                FROM commerce_cart_items i WHERE i.cart_id = c.id ORDER BY i.position) i) AS items,
           (SELECT i FROM (SELECT i.id, i.store_name, i.source FROM commerce_integrations i WHERE i.id = c.integration_id) i)
               AS integration,
           c.recovery_url, c.abandoned_at, c.recovered_at, c.recovered_order_id, c.redacted, c.source_updated_at, c.synced_at,
           c.created_at, c.updated_at
    FROM commerce_abandoned_carts c
    WHERE c.id = :id::uuid AND c.organization_id = request_organization_id()) r
