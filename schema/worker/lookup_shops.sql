-- The stores behind these domains (lower case). A domain that was connected more than once is the store that is not
-- disconnected, else the one connected last. Of two tenants' pending claims the connected one wins.
-- $1 domains text[] -> store_domain, integration_id, organization_id, status, settings.
SELECT DISTINCT ON (i.store_domain)
       i.store_domain, i.id AS integration_id, i.organization_id, i.status::text AS status, i.settings::text AS settings
FROM commerce_integrations i
WHERE i.source = 'shopify' AND lower(i.store_domain) = ANY ($1::text[])
ORDER BY i.store_domain, i.status = 'disconnected', i.status <> 'connected', i.connected_at DESC NULLS LAST,
         i.created_at DESC, i.id
