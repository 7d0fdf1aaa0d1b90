-- A store. Never its secrets.
SELECT json_build_object('data', r) FROM (
    SELECT i.id, i.organization_id, i.source, i.status, i.store_name, i.store_domain, i.external_store_id, i.webhook_status, i.scopes,
           i.settings, i.last_sync_at, i.last_products_sync_at, i.last_orders_sync_at, i.connected_at, i.disconnected_at,
           i.created_at, i.updated_at
    FROM commerce_integrations i
    WHERE i.id = :id::uuid AND i.organization_id = request_organization_id()) r
