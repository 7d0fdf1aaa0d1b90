-- Products with their variants: a page of the list, and how many there are.
SELECT json_build_object(
    'data', (SELECT coalesce(json_agg(r), '[]') FROM (
        SELECT p.id, p.organization_id, p.integration_id, p.external_product_id, p.source, p.title, p.description, p.vendor,
               p.product_type, p.status, p.images, p.tags,
               (SELECT coalesce(json_agg(v), '[]') FROM (
                    SELECT v.id, v.title, v.sku, v.price, v.inventory_quantity
                    FROM commerce_product_variants v WHERE v.product_id = p.id ORDER BY v.position, v.id) v) AS variants,
               p.synced_at, p.created_at, p.updated_at
        FROM (SELECT p.id
              FROM commerce_products p
              WHERE p.organization_id = request_organization_id()
                AND p.status = :status::product_status                      -- if status
                AND p.product_type = :product_type::text                    -- if product_type
                AND (p.title ILIKE '%' || :search || '%' OR p.vendor ILIKE '%' || :search || '%')   -- if search
              ORDER BY p.:sort :order, p.id :order
              LIMIT :limit::bigint OFFSET :offset::bigint) page
        JOIN commerce_products p ON p.id = page.id
        ORDER BY p.:sort :order, p.id :order) r),
    'pagination', (SELECT p FROM (
        SELECT :page::bigint AS page, :limit::bigint AS "limit", t.total, ceil(t.total / :limit::numeric) AS total_pages
        FROM (SELECT count(*) AS total FROM commerce_products p
              WHERE p.organization_id = request_organization_id()
                AND p.status = :status::product_status                      -- if status
                AND p.product_type = :product_type::text                    -- if product_type
                AND (p.title ILIKE '%' || :search || '%' OR p.vendor ILIKE '%' || :search || '%')   -- if search
             ) t) p))
