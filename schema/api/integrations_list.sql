-- Stores: a page of the list, and how many there are. Never their secrets.
WITH total AS MATERIALIZED (
    SELECT count(*) AS n FROM commerce_integrations i WHERE i.organization_id = request_organization_id()
)
SELECT json_build_object(
    'data', (SELECT coalesce(json_agg(r), '[]') FROM (
        SELECT i.id, i.organization_id, i.source, i.status, i.store_name, i.store_domain, i.external_store_id, i.webhook_status, i.scopes,
               i.settings, i.last_sync_at, i.last_products_sync_at, i.last_orders_sync_at, i.connected_at, i.disconnected_at,
               i.created_at, i.updated_at
        FROM commerce_integrations i
        WHERE i.organization_id = request_organization_id()
        ORDER BY i.:sort :order, i.id :order
        LIMIT :limit::bigint OFFSET :offset::bigint) r),
    'pagination', (SELECT p FROM (
        SELECT :page::bigint AS page, :limit::bigint AS "limit", t.n AS total, ceil(t.n / :limit::numeric) AS total_pages
        FROM total t) p))
