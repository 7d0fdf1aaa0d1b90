-- Orders with their items: a page of the list, and how many there are. Filters that list_totals knows are not counted row by row.
WITH
found AS MATERIALIZED (SELECT * FROM search_orders(:search::text)),                    -- if search
total AS MATERIALIZED (
    SELECT CASE WHEN false
                     OR true                                                           -- if date_from
                     OR true                                                           -- if date_to
                     OR true                                                           -- if search
           THEN (SELECT count(*)
                 FROM found o WHERE true                                               -- if search
                 FROM commerce_orders o WHERE o.organization_id = request_organization_id() -- if !search
                   AND o.payment_type = :payment_type::payment_type                    -- if payment_type
                   AND o.trigger_ready = :trigger_ready::trigger_ready_status          -- if trigger_ready
                   AND o.financial_status = :financial_status::order_financial_status  -- if financial_status
                   AND o.fulfillment_status = :fulfillment_status::order_fulfillment_status -- if fulfillment_status
                   AND o.order_created_at >= (SELECT request_from(:date_from::text))   -- if date_from
                   AND o.order_created_at < (SELECT request_until(:date_to::text))     -- if date_to
                )
           ELSE (SELECT coalesce(sum(t.n), 0) FROM list_totals t
                 WHERE t.organization_id = request_organization_id() AND t.list = 'orders'
                   AND (t.facets = '{}'
                        OR true                                                        -- if payment_type
                        OR true                                                        -- if trigger_ready
                        OR true                                                        -- if financial_status
                        OR true                                                        -- if fulfillment_status
                   )
                   AND t.facets ->> 'payment_type' = :payment_type::text               -- if payment_type
                   AND t.facets ->> 'trigger_ready' = :trigger_ready::text             -- if trigger_ready
                   AND t.facets ->> 'financial_status' = :financial_status::text       -- if financial_status
                   AND t.facets ->> 'fulfillment_status' = :fulfillment_status::text   -- if fulfillment_status
                ) END AS n
)
SELECT json_build_object(
    'data', (SELECT coalesce(json_agg(r), '[]') FROM (
        SELECT o.id, o.order_number, o.customer_name, o.customer_phone, o.customer_email, o.total_amount, o.currency, o.payment_type,
               o.financial_status, o.fulfillment_status, o.trigger_ready,
               (SELECT coalesce(json_agg(i), '[]') FROM (
                    SELECT i.id, i.title, i.variant_title, i.quantity, i.price, i.total
                    FROM commerce_order_items i WHERE i.order_id = o.id ORDER BY i.position) i) AS items,
               o.order_created_at, o.cancelled_at, o.created_at, o.updated_at
        FROM (SELECT o.id FROM found o WHERE true                                      -- if search
        FROM (SELECT o.* FROM commerce_orders o WHERE o.organization_id = request_organization_id() -- if !search
                AND o.payment_type = :payment_type::payment_type                       -- if payment_type
                AND o.trigger_ready = :trigger_ready::trigger_ready_status             -- if trigger_ready
                AND o.financial_status = :financial_status::order_financial_status     -- if financial_status
                AND o.fulfillment_status = :fulfillment_status::order_fulfillment_status -- if fulfillment_status
                AND o.order_created_at >= (SELECT request_from(:date_from::text))      -- if date_from
                AND o.order_created_at < (SELECT request_until(:date_to::text))        -- if date_to
              ORDER BY o.:sort :order, o.id :order
              LIMIT :limit::bigint OFFSET :offset::bigint)
             page JOIN commerce_orders o ON o.id = page.id                             -- if search
             o                                                                         -- if !search
        ORDER BY o.:sort :order, o.id :order) r),
    'pagination', (SELECT p FROM (
        SELECT :page::bigint AS page, :limit::bigint AS "limit", t.n AS total, ceil(t.n / :limit::numeric) AS total_pages
        FROM total t) p))
