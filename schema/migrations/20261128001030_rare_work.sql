-- What only few customers and orders need is a function of its own, so that the executor does not set it up for each batch: to link what came
-- before its customer, three UPDATEs, took half of what upsert_customers.sql costs when there is nothing to do. And what is known of older versions
-- is computed by PL/pgSQL: as SQL its lists became part of the statements, with some hundred expressions to be made ready each time.

-- Links the orders, checkouts and carts that waited for these new customers. Answers (tbl, type, organization_id, record) for rows that dashboards
-- show. By ids, and not joined: a plan made while the tables were empty read all orders for each new customer.
CREATE FUNCTION link_customers(_ids uuid[], _integrations uuid[], _external_ids text[])
RETURNS TABLE (tbl text, type text, organization_id text, record text)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY
    WITH new AS MATERIALIZED (
        SELECT * FROM unnest(_ids, _integrations, _external_ids) n (id, integration_id, external_customer_id)
    )
    UPDATE public.commerce_orders t
    SET customer_id = (SELECT n.id FROM new n
                       WHERE n.integration_id = t.integration_id AND n.external_customer_id = t.external_customer_id)
    WHERE t.id = ANY (ARRAY(
        SELECT x.id
        FROM new n
        CROSS JOIN LATERAL (SELECT o.id FROM public.commerce_orders o
                            WHERE o.integration_id = n.integration_id AND o.external_customer_id = n.external_customer_id
                              AND o.customer_id IS NULL OFFSET 0) x))
    RETURNING 'commerce_orders', 'UPDATE', t.organization_id::text, public.live_record(t)::text;

    WITH waiting AS MATERIALIZED (
        SELECT x.integration_id, x.token, n.id AS customer_id
        FROM unnest(_ids, _integrations, _external_ids) n (id, integration_id, external_customer_id)
        CROSS JOIN LATERAL (SELECT c.integration_id, c.token FROM public.commerce_checkouts c
                            WHERE c.integration_id = n.integration_id AND c.external_customer_id = n.external_customer_id
                              AND c.customer_id IS NULL OFFSET 0) x
    )
    UPDATE public.commerce_checkouts t
    SET customer_id = (SELECT w.customer_id FROM waiting w WHERE w.integration_id = t.integration_id AND w.token = t.token)
    WHERE t.integration_id = ANY (ARRAY(SELECT w.integration_id FROM waiting w))
      AND t.token = ANY (ARRAY(SELECT w.token FROM waiting w))
      AND (SELECT w.customer_id FROM waiting w WHERE w.integration_id = t.integration_id AND w.token = t.token) IS NOT NULL;

    RETURN QUERY
    WITH new AS MATERIALIZED (
        SELECT * FROM unnest(_ids, _integrations, _external_ids) n (id, integration_id, external_customer_id)
    )
    UPDATE public.commerce_abandoned_carts t
    SET customer_id = (SELECT n.id FROM new n
                       WHERE n.integration_id = t.integration_id AND n.external_customer_id = t.external_customer_id)
    WHERE t.id = ANY (ARRAY(
        SELECT x.id
        FROM new n
        CROSS JOIN LATERAL (SELECT a.id FROM public.commerce_abandoned_carts a
                            WHERE a.integration_id = n.integration_id AND a.external_customer_id = n.external_customer_id
                              AND a.customer_id IS NULL OFFSET 0) x))
    RETURNING 'commerce_abandoned_carts', 'UPDATE', t.organization_id::text, public.live_record(t)::text;
END $$;
REVOKE ALL ON FUNCTION link_customers(uuid[], uuid[], text[]) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION link_customers(uuid[], uuid[], text[]) TO service_role;

CREATE OR REPLACE FUNCTION order_held(o commerce_orders, n commerce_orders) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN held_after(o.source_held, o.source_version, n.source_version,
        ARRAY['order_number', 'external_customer_id', 'customer_name', 'customer_email', 'customer_phone',
              'total_amount', 'subtotal', 'total_tax', 'total_discounts', 'total_outstanding',
              'currency', 'presentment_currency', 'shipping_address', 'billing_address', 'notes',
              'tags', 'source_name', 'checkout_token', 'cart_token', 'order_created_at'],
        ARRAY[o.order_number IS NOT NULL, o.external_customer_id IS NOT NULL, o.customer_name IS NOT NULL,
              o.customer_email IS NOT NULL, o.customer_phone IS NOT NULL,
              o.total_amount IS NOT NULL, o.subtotal IS NOT NULL, o.total_tax IS NOT NULL,
              o.total_discounts IS NOT NULL, o.total_outstanding IS NOT NULL,
              o.currency IS NOT NULL, o.presentment_currency IS NOT NULL, o.shipping_address IS NOT NULL,
              o.billing_address IS NOT NULL, o.notes IS NOT NULL,
              o.tags IS NOT NULL, o.source_name IS NOT NULL, o.checkout_token IS NOT NULL,
              o.cart_token IS NOT NULL, o.order_created_at IS NOT NULL],
        ARRAY[n.order_number IS NOT NULL, n.external_customer_id IS NOT NULL, n.customer_name IS NOT NULL,
              n.customer_email IS NOT NULL, n.customer_phone IS NOT NULL,
              n.total_amount IS NOT NULL, n.subtotal IS NOT NULL, n.total_tax IS NOT NULL,
              n.total_discounts IS NOT NULL, n.total_outstanding IS NOT NULL,
              n.currency IS NOT NULL, n.presentment_currency IS NOT NULL, n.shipping_address IS NOT NULL,
              n.billing_address IS NOT NULL, n.notes IS NOT NULL,
              n.tags IS NOT NULL, n.source_name IS NOT NULL, n.checkout_token IS NOT NULL,
              n.cart_token IS NOT NULL, n.order_created_at IS NOT NULL]);
END $$;
CREATE OR REPLACE FUNCTION customer_held(o commerce_customers, n commerce_customers) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN held_after(o.source_held, o.source_version, n.source_version,
        ARRAY['first_name', 'last_name', 'email', 'phone', 'default_address', 'tags', 'source_created_at'],
        ARRAY[o.first_name IS NOT NULL, o.last_name IS NOT NULL, o.email IS NOT NULL, o.phone IS NOT NULL,
              o.default_address IS NOT NULL, o.tags IS NOT NULL, o.source_created_at IS NOT NULL],
        ARRAY[n.first_name IS NOT NULL, n.last_name IS NOT NULL, n.email IS NOT NULL, n.phone IS NOT NULL,
              n.default_address IS NOT NULL, n.tags IS NOT NULL, n.source_created_at IS NOT NULL]);
END $$;
