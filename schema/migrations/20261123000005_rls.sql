-- Who may see and change what. Row level security on every table, in the fast form: what does not depend on the
-- row stands in (SELECT ...), is computed once per statement, and leaves an indexable comparison. anon gets nothing;
-- service_role bypasses policies.

-- Everything off first: Supabase grants all on new tables in public to its client roles by default.
DO $$
DECLARE
    tbl text;
BEGIN
    FOREACH tbl IN ARRAY ARRAY[
        'organizations', 'organization_members', 'user_roles',
        'commerce_integrations', 'commerce_customers', 'commerce_products', 'commerce_product_variants',
        'commerce_orders', 'commerce_order_items', 'commerce_checkouts', 'commerce_checkout_activity',
        'commerce_abandoned_carts', 'commerce_cart_items', 'commerce_tombstones', 'commerce_data_requests',
        'campaigns', 'agents', 'campaign_agents', 'contacts', 'calls', 'call_transcripts', 'call_recordings',
        'dead_letters', 'live_outbox', 'analytics_call_daily', 'analytics_outcome_daily', 'analytics_revenue_daily']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tbl);
        EXECUTE format('REVOKE ALL ON %I FROM PUBLIC, anon, authenticated', tbl);
        EXECUTE format('GRANT ALL ON %I TO service_role', tbl);
    END LOOP;
END $$;
REVOKE ALL ON SEQUENCE dead_letters_id_seq, live_outbox_id_seq FROM PUBLIC, anon, authenticated;
GRANT ALL ON SEQUENCE dead_letters_id_seq, live_outbox_id_seq TO service_role;

-- The working tables: members read and write their organization's rows, platform staff read all.
-- A row may only refer to rows of its own organization: foreign keys do not look at policies, and a row hung under
-- another tenant's parent could take the place of that tenant's own (unique (integration_id, external_order_id)).
-- The service is trusted with that, so that its writes do not pay for it.
DO $$
DECLARE
    own   CONSTANT text := 'organization_id = (SELECT public.get_user_organization_id((SELECT auth.uid())))';
    admin CONSTANT text := 'organization_id = (SELECT public.get_admin_organization_id((SELECT auth.uid())))';
    staff CONSTANT text := '(SELECT public.has_role((SELECT auth.uid()), ''admin''))';
    tbl   text;
    legal text;
BEGIN
    FOREACH tbl IN ARRAY ARRAY[
        'commerce_customers', 'commerce_products', 'commerce_product_variants', 'commerce_orders',
        'commerce_order_items', 'commerce_abandoned_carts', 'commerce_cart_items',
        'campaigns', 'agents', 'campaign_agents', 'contacts', 'calls', 'call_transcripts', 'call_recordings']
    LOOP
        SELECT concat_ws(' AND ', own, string_agg(
                   format('(%1$I.%2$I IS NULL OR EXISTS (SELECT FROM public.%3$I parent WHERE parent.id = %1$I.%2$I'
                          ' AND parent.organization_id = %1$I.organization_id))', tbl, r.col, r.parent),
                   ' AND ' ORDER BY r.col))
        INTO legal
        FROM (VALUES ('integration_id', 'commerce_integrations'), ('customer_id', 'commerce_customers'),
                     ('product_id', 'commerce_products'), ('variant_id', 'commerce_product_variants'),
                     ('order_id', 'commerce_orders'), ('recovered_order_id', 'commerce_orders'),
                     ('cart_id', 'commerce_abandoned_carts'), ('campaign_id', 'campaigns'),
                     ('agent_id', 'agents'), ('contact_id', 'contacts'), ('call_id', 'calls')) AS r (col, parent)
        JOIN pg_attribute a ON a.attrelid = tbl::regclass AND a.attname = r.col AND a.attgenerated = '';

        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO authenticated', tbl);
        EXECUTE format('CREATE POLICY "Users can view org %s" ON %1$I FOR SELECT TO authenticated USING (%s OR %s)',
                       tbl, own, staff);
        EXECUTE format('CREATE POLICY "Users can create org %s" ON %1$I FOR INSERT TO authenticated WITH CHECK (%s)',
                       tbl, legal);
        EXECUTE format('CREATE POLICY "Users can update org %s" ON %1$I FOR UPDATE TO authenticated USING (%s) WITH CHECK (%s)',
                       tbl, own, legal);
        EXECUTE format('CREATE POLICY "%s can delete org %s" ON %2$I FOR DELETE TO authenticated USING (%s)',
                       CASE tbl WHEN 'agents' THEN 'Admins' ELSE 'Users' END, tbl,
                       CASE tbl WHEN 'agents' THEN admin ELSE own END);
    END LOOP;

    -- What members may only look at.
    FOREACH tbl IN ARRAY ARRAY['commerce_checkouts', 'analytics_call_daily', 'analytics_outcome_daily',
                               'analytics_revenue_daily']
    LOOP
        EXECUTE format('GRANT SELECT ON %I TO authenticated', tbl);
        EXECUTE format('CREATE POLICY "Users can view org %s" ON %1$I FOR SELECT TO authenticated USING (%s OR %s)',
                       tbl, own, staff);
    END LOOP;

    -- What only org admins may look at.
    FOREACH tbl IN ARRAY ARRAY['dead_letters', 'commerce_data_requests']
    LOOP
        EXECUTE format('GRANT SELECT ON %I TO authenticated', tbl);
        EXECUTE format('CREATE POLICY "Admins can view org %s" ON %1$I FOR SELECT TO authenticated USING (%s OR %s)',
                       tbl, admin, staff);
    END LOOP;
    GRANT UPDATE (answered_at) ON commerce_data_requests TO authenticated;
    EXECUTE format('CREATE POLICY "Admins can answer org commerce_data_requests" ON commerce_data_requests '
                   'FOR UPDATE TO authenticated USING (%s) WITH CHECK (%1$s)', admin);
END $$;

-- The tenant itself: made and removed by the service; its name and zone are its admins' to change.
GRANT SELECT, UPDATE (name, timezone, currency) ON organizations TO authenticated;
CREATE POLICY "Users can view own organization" ON organizations FOR SELECT TO authenticated
    USING (id = (SELECT get_user_organization_id((SELECT auth.uid()))) OR (SELECT has_role((SELECT auth.uid()), 'admin')));
CREATE POLICY "Admins can update own organization" ON organizations FOR UPDATE TO authenticated
    USING (id = (SELECT get_admin_organization_id((SELECT auth.uid()))))
    WITH CHECK (id = (SELECT get_admin_organization_id((SELECT auth.uid()))));

-- Members: org admins manage them, but only an owner makes or removes an owner. created_at is not theirs to set: it
-- decides which organization a user of several acts for.
CREATE FUNCTION get_owner_organization_id(_user_id uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT m.organization_id
    FROM organization_members m
    WHERE m.user_id = _user_id
      AND m.organization_id = get_user_organization_id(_user_id)
      AND m.role = 'owner'
$$;
GRANT SELECT, INSERT (organization_id, user_id, role), UPDATE (role), DELETE ON organization_members TO authenticated;
CREATE POLICY "Users can view org members" ON organization_members FOR SELECT TO authenticated
    USING (organization_id = (SELECT get_user_organization_id((SELECT auth.uid())))
           OR (SELECT has_role((SELECT auth.uid()), 'admin')));
CREATE POLICY "Admins can add org members" ON organization_members FOR INSERT TO authenticated
    WITH CHECK (organization_id = (SELECT get_admin_organization_id((SELECT auth.uid())))
                AND (role <> 'owner' OR organization_id = (SELECT get_owner_organization_id((SELECT auth.uid())))));
CREATE POLICY "Admins can change org members" ON organization_members FOR UPDATE TO authenticated
    USING (organization_id = (SELECT get_admin_organization_id((SELECT auth.uid())))
           AND (role <> 'owner' OR organization_id = (SELECT get_owner_organization_id((SELECT auth.uid())))))
    WITH CHECK (organization_id = (SELECT get_admin_organization_id((SELECT auth.uid())))
                AND (role <> 'owner' OR organization_id = (SELECT get_owner_organization_id((SELECT auth.uid())))));
CREATE POLICY "Admins can remove org members" ON organization_members FOR DELETE TO authenticated
    USING (organization_id = (SELECT get_admin_organization_id((SELECT auth.uid())))
           AND (role <> 'owner' OR organization_id = (SELECT get_owner_organization_id((SELECT auth.uid())))));

-- Staff roles: everybody sees their own; nobody writes them through the API.
GRANT SELECT ON user_roles TO authenticated;
CREATE POLICY "Users can view own roles" ON user_roles FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()) OR (SELECT has_role((SELECT auth.uid()), 'admin')));

-- Stores: org admins write. The encrypted columns may be written (disconnecting sets them to NULL, and a rule allows
-- nothing else) but are read by nobody but the service. store_domain and external_store_id decide whose
-- webhooks are whose, so only the connect flow, which proved the ownership, sets them.
GRANT SELECT (id, organization_id, source, status, store_name, store_domain, external_store_id, access_token_expires_at,
              refresh_token_expires_at, scopes, webhook_status, settings, connected_at, disconnected_at, last_sync_at,
              last_products_sync_at, last_orders_sync_at, source_updated_at, created_at, updated_at),
      INSERT (organization_id, source, status, store_name, settings),
      UPDATE (status, store_name, settings, access_token_encrypted, refresh_token_encrypted, webhook_secret_encrypted),
      DELETE
    ON commerce_integrations TO authenticated;
CREATE POLICY "Users can view org commerce_integrations" ON commerce_integrations FOR SELECT TO authenticated
    USING (organization_id = (SELECT get_user_organization_id((SELECT auth.uid())))
           OR (SELECT has_role((SELECT auth.uid()), 'admin')));
CREATE POLICY "Admins can create org commerce_integrations" ON commerce_integrations FOR INSERT TO authenticated
    WITH CHECK (organization_id = (SELECT get_admin_organization_id((SELECT auth.uid()))));
CREATE POLICY "Admins can update org commerce_integrations" ON commerce_integrations FOR UPDATE TO authenticated
    USING (organization_id = (SELECT get_admin_organization_id((SELECT auth.uid()))))
    WITH CHECK (organization_id = (SELECT get_admin_organization_id((SELECT auth.uid()))));
CREATE POLICY "Admins can delete org commerce_integrations" ON commerce_integrations FOR DELETE TO authenticated
    USING (organization_id = (SELECT get_admin_organization_id((SELECT auth.uid()))));

-- commerce_checkout_activity, commerce_tombstones, live_outbox: no grant and no policy, so no client at all.

REVOKE ALL ON FUNCTION get_user_organization_id(uuid), get_admin_organization_id(uuid), get_owner_organization_id(uuid),
    has_role(uuid, text) FROM PUBLIC, anon;
GRANT EXECUTE ON FUNCTION get_user_organization_id(uuid), get_admin_organization_id(uuid), get_owner_organization_id(uuid),
    has_role(uuid, text) TO authenticated, service_role;
