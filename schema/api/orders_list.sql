-- Orders with their items: a page of the list, and how many there are.
SELECT json_build_object(
    'data', (SELECT coalesce(json_agg(r), '[]') FROM (
        SELECT o.id, o.order_number, o.customer_name, o.customer_phone, o.customer_email, o.total_amount, o.currency, o.payment_type,
               o.financial_status, o.fulfillment_status, o.trigger_ready,
               (SELECT coalesce(json_agg(i), '[]') FROM (
                    SELECT i.id, i.title, i.variant_title, i.quantity, i.price, i.total
                    FROM commerce_order_items i WHERE i.order_id = o.id ORDER BY i.position) i) AS items,
               o.order_created_at, o.cancelled_at, o.created_at, o.updated_at
        FROM (SELECT o.id
              FROM commerce_orders o
              WHERE o.organization_id = request_organization_id()
                AND o.payment_type = :payment_type::payment_type                        -- if payment_type
                AND o.trigger_ready = :trigger_ready::trigger_ready_status              -- if trigger_ready
                AND o.financial_status = :financial_status::order_financial_status      -- if financial_status
                AND o.fulfillment_status = :fulfillment_status::order_fulfillment_status    -- if fulfillment_status
                AND o.order_created_at >= (SELECT request_from(:date_from))             -- if date_from
                AND o.order_created_at < (SELECT request_until(:date_to))               -- if date_to
                AND o.order_number ILIKE '%' || :search || '%'                          -- if search
              ORDER BY o.:sort :order, o.id :order
              LIMIT :limit::bigint OFFSET :offset::bigint) page
        JOIN commerce_orders o ON o.id = page.id
        ORDER BY o.:sort :order, o.id :order) r),
    'pagination', (SELECT p FROM (
        SELECT :page::bigint AS page, :limit::bigint AS "limit", t.total, ceil(t.total / :limit::numeric) AS total_pages
        FROM (SELECT count(*) AS total FROM commerce_orders o
              WHERE o.organization_id = request_organization_id()
                AND o.payment_type = :payment_type::payment_type                        -- if payment_type
                AND o.trigger_ready = :trigger_ready::trigger_ready_status              -- if trigger_ready
                AND o.financial_status = :financial_status::order_financial_status      -- if financial_status
                AND o.fulfillment_status = :fulfillment_status::order_fulfillment_status    -- if fulfillment_status
                AND o.order_created_at >= (SELECT request_from(:date_from))             -- if date_from
                AND o.order_created_at < (SELECT request_until(:date_to))               -- if date_to
                AND o.order_number ILIKE '%' || :search || '%'                          -- if search
             ) t) p))
