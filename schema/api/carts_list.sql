-- Abandoned carts with their items: a page of the list, and how many there are. Filters that list_totals knows are not counted row by row.
WITH
found AS MATERIALIZED (SELECT * FROM search_carts(:search::text)),                     -- if search
total AS MATERIALIZED (
    SELECT CASE WHEN false
                     OR true                                                           -- if date_from
                     OR true                                                           -- if date_to
                     OR true                                                           -- if min_value
                     OR true                                                           -- if search
           THEN (SELECT count(*)
                 FROM found c WHERE true                                               -- if search
                 FROM commerce_abandoned_carts c WHERE c.organization_id = request_organization_id() -- if !search
                   AND c.status = :status::cart_status                                 -- if status
                   AND c.trigger_ready = :trigger_ready::trigger_ready_status          -- if trigger_ready
                   AND c.abandoned_at >= (SELECT request_from(:date_from::text))       -- if date_from
                   AND c.abandoned_at < (SELECT request_until(:date_to::text))         -- if date_to
                   AND c.total_value >= :min_value::numeric                            -- if min_value
                )
           ELSE (SELECT coalesce(sum(t.n), 0) FROM list_totals t
                 WHERE t.organization_id = request_organization_id() AND t.list = 'carts'
                   AND (t.facets = '{}'
                        OR true                                                        -- if status
                        OR true                                                        -- if trigger_ready
                   )
                   AND t.facets ->> 'status' = :status::text                           -- if status
                   AND t.facets ->> 'trigger_ready' = :trigger_ready::text             -- if trigger_ready
                ) END AS n
)
SELECT json_build_object(
    'data', (SELECT coalesce(json_agg(r), '[]') FROM (
        SELECT c.id, c.customer_name, c.customer_phone, c.customer_email, c.total_value, c.currency, c.items_count, c.status,
               c.trigger_ready,
               (SELECT coalesce(json_agg(i), '[]') FROM (
                    SELECT i.id, i.title, i.variant_title, i.quantity, i.price, i.total, i.image_url
                    FROM commerce_cart_items i WHERE i.cart_id = c.id ORDER BY i.position) i) AS items,
               c.abandoned_at, c.recovery_url, c.recovered_at, c.recovered_order_id, c.created_at, c.updated_at
        FROM (SELECT c.id FROM found c WHERE true                                      -- if search
        FROM (SELECT c.* FROM commerce_abandoned_carts c WHERE c.organization_id = request_organization_id() -- if !search
                AND c.status = :status::cart_status                                    -- if status
                AND c.trigger_ready = :trigger_ready::trigger_ready_status             -- if trigger_ready
                AND c.abandoned_at >= (SELECT request_from(:date_from::text))          -- if date_from
                AND c.abandoned_at < (SELECT request_until(:date_to::text))            -- if date_to
                AND c.total_value >= :min_value::numeric                               -- if min_value
              ORDER BY c.:sort :order, c.id :order
              LIMIT :limit::bigint OFFSET :offset::bigint)
             page JOIN commerce_abandoned_carts c ON c.id = page.id                    -- if search
             c                                                                         -- if !search
        ORDER BY c.:sort :order, c.id :order) r),
    'pagination', (SELECT p FROM (
        SELECT :page::bigint AS page, :limit::bigint AS "limit", t.n AS total, ceil(t.n / :limit::numeric) AS total_pages
        FROM total t) p))
