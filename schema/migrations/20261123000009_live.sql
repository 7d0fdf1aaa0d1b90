-- Live updates of everybody but the worker (which publishes its own after COMMIT): a trigger puts them into
-- live_outbox in the writer's transaction, and the worker's relay moves them to the live streams.

-- A row as dashboards may see it: without secrets and without the columns that only the upserts need. For a row of any
-- table, or for a jsonb made of one. Timestamps come out in the session's time zone: live updates are in UTC.
CREATE FUNCTION live_record(_row anyelement) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(_row) - '{access_token_encrypted,refresh_token_encrypted,webhook_secret_encrypted,source_version,source_scopes_version,source_held,source_triggered_at,variants_version,from_customers}'::text[]
$$;

-- The route (route mod partitions = stream) of a row of this organization: that of its store, so that updates of one row
-- leave by one stream whoever wrote it; rows without a store follow the organization's oldest one.
CREATE FUNCTION live_route(_organization_id uuid, _integration_id uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT public.route_hash(coalesce(
        (SELECT lower(i.store_domain) FROM public.commerce_integrations i WHERE i.id = _integration_id),
        (SELECT lower(i.store_domain) FROM public.commerce_integrations i
         WHERE i.organization_id = _organization_id AND i.store_domain IS NOT NULL ORDER BY i.created_at, i.id LIMIT 1),
        _organization_id::text))
$$;

-- Runs with the rights of the owner, in UTC. The trigger's argument is the column that names the organization.
CREATE FUNCTION live_outbox_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    INSERT INTO live_outbox (route, organization_id, tbl, type, record)
    SELECT live_route(r.organization_id, r.integration_id), r.organization_id, TG_TABLE_NAME, TG_OP, r.record
    FROM (SELECT (n.record ->> TG_ARGV[0])::uuid AS organization_id, (n.record ->> 'integration_id')::uuid AS integration_id,
                 n.record
          FROM (SELECT live_record(c) AS record FROM changed_rows c) n) r;
    IF FOUND THEN
        PERFORM pg_notify('ringback_outbox', '');
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE
    tbl   text;
    event record;
BEGIN
    FOREACH tbl IN ARRAY ARRAY[
        'organizations', 'organization_members', 'commerce_integrations', 'commerce_customers', 'commerce_products',
        'commerce_product_variants', 'commerce_orders', 'commerce_order_items', 'commerce_abandoned_carts',
        'commerce_cart_items', 'campaigns', 'agents', 'campaign_agents', 'contacts', 'calls', 'call_transcripts',
        'call_recordings', 'analytics_call_daily', 'analytics_outcome_daily', 'analytics_revenue_daily']
    LOOP
        FOR event IN SELECT * FROM (VALUES ('insert', 'NEW'), ('update', 'NEW'), ('delete', 'OLD')) AS e (name, transition)
        LOOP
            EXECUTE format('CREATE TRIGGER %I AFTER %s ON %I REFERENCING %s TABLE AS changed_rows FOR EACH STATEMENT '
                           'WHEN (current_setting(''ringback.writer'', true) IS DISTINCT FROM ''worker'') '
                           'EXECUTE FUNCTION live_outbox_changed(%L)',
                           tbl || '_live_' || event.name, event.name, tbl, event.transition,
                           CASE tbl WHEN 'organizations' THEN 'id' ELSE 'organization_id' END);
        END LOOP;
    END LOOP;
END $$;
