-- What a tenant's rows say, without what depends on when and where they were written: ids, clocks and random keys.
-- References are named by the external id of what they point to. Installed by tests/live/*statements_test.mjs.
CREATE FUNCTION test_dump(_organization uuid) RETURNS TABLE (tbl text, line text) LANGUAGE sql AS $$
    WITH own AS (SELECT '{id,organization_id,integration_id,created_at,updated_at,synced_at,customer_id,product_id,variant_id,order_id,cart_id,recovered_order_id,row_id,due_at,disconnected_at,connected_at,store_domain,call_id,contact_id,campaign_id,agent_id,next_at}'::text[] AS names),
    raw AS (
        SELECT 'customers' AS tbl, to_jsonb(t) AS j FROM commerce_customers t WHERE organization_id = _organization
        UNION ALL
        SELECT 'contacts', to_jsonb(t) FROM contacts t WHERE organization_id = _organization
        UNION ALL
        SELECT 'products', to_jsonb(t) FROM commerce_products t WHERE organization_id = _organization
        UNION ALL
        SELECT 'variants', to_jsonb(t) || jsonb_build_object('of', p.external_product_id)
        FROM commerce_product_variants t JOIN commerce_products p ON p.id = t.product_id WHERE t.organization_id = _organization
        UNION ALL
        SELECT 'orders', to_jsonb(t) || jsonb_build_object('customer', c.external_customer_id)
        FROM commerce_orders t LEFT JOIN commerce_customers c ON c.id = t.customer_id WHERE t.organization_id = _organization
        UNION ALL
        SELECT 'order_items', to_jsonb(t) || jsonb_build_object('of', o.external_order_id, 'product', p.external_product_id,
                                                                'variant', v.external_variant_id)
        FROM commerce_order_items t JOIN commerce_orders o ON o.id = t.order_id
        LEFT JOIN commerce_products p ON p.id = t.product_id LEFT JOIN commerce_product_variants v ON v.id = t.variant_id
        WHERE t.organization_id = _organization
        UNION ALL
        SELECT 'checkouts', to_jsonb(t) || jsonb_build_object('customer', c.external_customer_id)
        FROM commerce_checkouts t LEFT JOIN commerce_customers c ON c.id = t.customer_id WHERE t.organization_id = _organization
        UNION ALL
        SELECT 'activity', to_jsonb(t) FROM commerce_checkout_activity t WHERE organization_id = _organization
        UNION ALL
        SELECT 'carts', to_jsonb(t) || jsonb_build_object('customer', c.external_customer_id, 'order', o.external_order_id,
                                                          'id_follows', t.id = cart_id(t.integration_id, t.checkout_token))
        FROM commerce_abandoned_carts t LEFT JOIN commerce_customers c ON c.id = t.customer_id
        LEFT JOIN commerce_orders o ON o.id = t.recovered_order_id WHERE t.organization_id = _organization
        UNION ALL
        SELECT 'cart_items', to_jsonb(t) || jsonb_build_object('of', a.checkout_token, 'product', p.external_product_id,
                                                               'variant', v.external_variant_id)
        FROM commerce_cart_items t JOIN commerce_abandoned_carts a ON a.id = t.cart_id
        LEFT JOIN commerce_products p ON p.id = t.product_id LEFT JOIN commerce_product_variants v ON v.id = t.variant_id
        WHERE t.organization_id = _organization
        UNION ALL
        SELECT 'tombstones', to_jsonb(t) FROM commerce_tombstones t WHERE organization_id = _organization
        UNION ALL
        SELECT 'integrations', to_jsonb(t) FROM commerce_integrations t WHERE organization_id = _organization
        UNION ALL
        SELECT 'calls', to_jsonb(t) || jsonb_build_object('contact', k.phone, 'campaign', c.name, 'agent', a.name)
        FROM calls t LEFT JOIN contacts k ON k.id = t.contact_id LEFT JOIN campaigns c ON c.id = t.campaign_id
        LEFT JOIN agents a ON a.id = t.agent_id WHERE t.organization_id = _organization
        UNION ALL
        SELECT 'call_state', to_jsonb(s) || jsonb_build_object('of', t.external_call_id)
        FROM call_voice_state s JOIN calls t ON t.id = s.call_id WHERE t.organization_id = _organization
        UNION ALL
        SELECT 'call_live_turns', to_jsonb(v) || jsonb_build_object('of', t.external_call_id)
        FROM call_live_turns v JOIN calls t ON t.id = v.call_id WHERE t.organization_id = _organization
        UNION ALL
        SELECT 'call_transcripts', to_jsonb(l) || jsonb_build_object('of', t.external_call_id)
        FROM call_transcripts l JOIN calls t ON t.id = l.call_id WHERE t.organization_id = _organization
        UNION ALL
        SELECT 'call_recordings', to_jsonb(r) || jsonb_build_object('of', t.external_call_id)
        FROM call_recordings r JOIN calls t ON t.id = r.call_id WHERE t.organization_id = _organization
        UNION ALL
        SELECT 'call_recording_copies', to_jsonb(r) FROM call_recording_copies r WHERE organization_id = _organization
        UNION ALL
        SELECT 'call_rollup', to_jsonb(t) || jsonb_build_object('campaign', c.name, 'agent', a.name)
        FROM analytics_call_daily t LEFT JOIN campaigns c ON c.id = t.campaign_id LEFT JOIN agents a ON a.id = t.agent_id
        WHERE t.organization_id = _organization AND t.total_calls <> 0
        UNION ALL
        SELECT 'outcomes', to_jsonb(t) FROM analytics_outcome_daily t
        WHERE organization_id = _organization
          AND (carts_abandoned, carts_recovered, cod_confirmed, rto_prevented, orders, cod_orders) <> (0, 0, 0, 0, 0, 0)
        UNION ALL
        SELECT 'revenue', to_jsonb(t) FROM analytics_revenue_daily t WHERE organization_id = _organization AND revenue_recovered <> 0
    )
    SELECT r.tbl, (r.j - own.names)::text FROM raw r, own ORDER BY 1, 2
$$;
