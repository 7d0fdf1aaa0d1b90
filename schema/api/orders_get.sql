-- An order with its items and its store.
SELECT json_build_object('data', r) FROM (
    SELECT o.id, o.organization_id, o.integration_id, o.external_order_id, o.order_number, o.source, o.customer_id,
           o.external_customer_id, o.customer_name, o.customer_email, o.customer_phone, o.total_amount, o.subtotal, o.total_tax,
           o.total_discounts, o.total_outstanding, o.currency, o.presentment_currency, o.payment_type, o.financial_status,
           o.fulfillment_status, o.trigger_ready, o.shipping_address, o.billing_address, o.notes, o.tags, o.test, o.source_name,
           (SELECT coalesce(json_agg(i), '[]') FROM (
                SELECT i.id, i.order_id, i.product_id, i.variant_id, i.external_line_item_id, i.external_product_id,
                       i.external_variant_id, i.position, i.title, i.variant_title, i.sku, i.quantity, i.price, i.total_discount,
                       i.total,
                       (SELECT p FROM (SELECT p.id, p.title, p.images FROM commerce_products p WHERE p.id = i.product_id) p)
                           AS product,
                       (SELECT v FROM (SELECT v.id, v.title, v.sku FROM commerce_product_variants v WHERE v.id = i.variant_id) v)
                           AS variant
                FROM commerce_order_items i WHERE i.order_id = o.id ORDER BY i.position) i) AS items,
           (SELECT i FROM (SELECT i.id, i.store_name, i.source FROM commerce_integrations i WHERE i.id = o.integration_id) i)
               AS integration,
           o.order_created_at, o.cancelled_at, o.closed_at, o.redacted, o.source_updated_at, o.synced_at, o.created_at, o.updated_at
    FROM commerce_orders o
    WHERE o.id = :id::uuid AND o.organization_id = request_organization_id()) r
