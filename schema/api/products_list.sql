-- Products with their variants: a page of the list, and how many there are. Filters that list_totals knows are not counted row by row.
WITH
found AS MATERIALIZED (SELECT * FROM search_products(:search::text)),                  -- if search
total AS MATERIALIZED (
    SELECT CASE WHEN false
                     OR true                                                           -- if search
           THEN (SELECT count(*)
                 FROM found p WHERE true                                               -- if search
                 FROM commerce_products p WHERE p.organization_id = request_organization_id() -- if !search
                   AND p.status = :status::product_status                              -- if status
                   AND p.product_type = :product_type::text                            -- if product_type
                )
           ELSE (SELECT coalesce(sum(t.n), 0) FROM list_totals t
                 WHERE t.organization_id = request_organization_id() AND t.list = 'products'
                   AND (t.facets = '{}'
                        OR true                                                        -- if status
                        OR true                                                        -- if product_type
                   )
                   AND t.facets ->> 'status' = :status::text                           -- if status
                   AND t.facets ->> 'product_type' = :product_type::text               -- if product_type
                ) END AS n
)
SELECT json_build_object(
    'data', (SELECT coalesce(json_agg(r), '[]') FROM (
        SELECT p.id, p.organization_id, p.integration_id, p.external_product_id, p.source, p.title, p.description, p.vendor,
               p.product_type, p.status, p.images, p.tags,
               (SELECT coalesce(json_agg(v), '[]') FROM (
                    SELECT v.id, v.title, v.sku, v.price, v.inventory_quantity
                    FROM commerce_product_variants v WHERE v.product_id = p.id ORDER BY v.position, v.id) v) AS variants,
               p.synced_at, p.created_at, p.updated_at
        FROM (SELECT p.id FROM found p WHERE true                                      -- if search
        FROM (SELECT p.* FROM commerce_products p WHERE p.organization_id = request_organization_id() -- if !search
                AND p.status = :status::product_status                                 -- if status
                AND p.product_type = :product_type::text                               -- if product_type
              ORDER BY p.:sort :order, p.id :order
              LIMIT :limit::bigint OFFSET :offset::bigint)
             page JOIN commerce_products p ON p.id = page.id                           -- if search
             p                                                                         -- if !search
        ORDER BY p.:sort :order, p.id :order) r),
    'pagination', (SELECT p FROM (
        SELECT :page::bigint AS page, :limit::bigint AS "limit", t.n AS total, ceil(t.n / :limit::numeric) AS total_pages
        FROM total t) p))
