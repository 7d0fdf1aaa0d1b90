-- Abandoned carts with their items: a page of the list, and how many there are.
SELECT json_build_object(
    'data', (SELECT coalesce(json_agg(r), '[]') FROM (
        SELECT c.id, c.customer_name, c.customer_phone, c.customer_email, c.total_value, c.currency, c.items_count, c.status,
               c.trigger_ready,
               (SELECT coalesce(json_agg(i), '[]') FROM (
                    SELECT i.id, i.title, i.variant_title, i.quantity, i.price, i.total, i.image_url
                    FROM commerce_cart_items i WHERE i.cart_id = c.id ORDER BY i.position) i) AS items,
               c.abandoned_at, c.recovery_url, c.recovered_at, c.recovered_order_id, c.created_at, c.updated_at
        FROM (SELECT c.id
              FROM commerce_abandoned_carts c
              WHERE c.organization_id = request_organization_id()
                AND c.status = :status::cart_status                         -- if status
                AND c.trigger_ready = :trigger_ready::trigger_ready_status  -- if trigger_ready
                AND c.abandoned_at >= (SELECT request_from(:date_from))     -- if date_from
                AND c.abandoned_at < (SELECT request_until(:date_to))       -- if date_to
                AND c.total_value >= :min_value::numeric                    -- if min_value
                AND c.customer_name ILIKE '%' || :search || '%'             -- if search
              ORDER BY c.:sort :order, c.id :order
              LIMIT :limit::bigint OFFSET :offset::bigint) page
        JOIN commerce_abandoned_carts c ON c.id = page.id
        ORDER BY c.:sort :order, c.id :order) r),
    'pagination', (SELECT p FROM (
        SELECT :page::bigint AS page, :limit::bigint AS "limit", t.total, ceil(t.total / :limit::numeric) AS total_pages
        FROM (SELECT count(*) AS total FROM commerce_abandoned_carts c
              WHERE c.organization_id = request_organization_id()
                AND c.status = :status::cart_status                         -- if status
                AND c.trigger_ready = :trigger_ready::trigger_ready_status  -- if trigger_ready
                AND c.abandoned_at >= (SELECT request_from(:date_from))     -- if date_from
                AND c.abandoned_at < (SELECT request_until(:date_to))       -- if date_to
                AND c.total_value >= :min_value::numeric                    -- if min_value
                AND c.customer_name ILIKE '%' || :search || '%'             -- if search
             ) t) p))
