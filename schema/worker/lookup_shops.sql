-- The stores behind these domains (lower case). A domain that was connected more than once is the store that is not
-- disconnected, else the one connected last. Of two tenants' pending claims the connected one wins.
-- $1 domains text[] -> store_domain, integration_id, organization_id, status, settings, redacting (somebody was redacted); and when
-- another organization had the domain before: since (microseconds: what happened earlier is that organization's),
-- before_integration_id, before_organization_id, before_settings.
SELECT n.store_domain, n.id AS integration_id, n.organization_id, n.status::text AS status, n.settings::text AS settings,
       EXISTS (SELECT FROM redacting_integrations(ARRAY[n.id])) AS redacting,
       CASE WHEN b.id IS NOT NULL THEN (extract(epoch FROM n.connected_at) * 1000000)::bigint END AS since,
       b.id AS before_integration_id, b.organization_id AS before_organization_id, b.settings::text AS before_settings
FROM (SELECT DISTINCT ON (i.store_domain) i.*
      FROM commerce_integrations i
      WHERE i.source = 'shopify' AND lower(i.store_domain) = ANY ($1::text[])
      ORDER BY i.store_domain, i.status = 'disconnected', i.status <> 'connected', i.connected_at DESC NULLS LAST,
               i.created_at DESC, i.id) n
LEFT JOIN LATERAL (
    SELECT p.id, p.organization_id, p.settings
    FROM commerce_integrations p
    WHERE p.source = 'shopify' AND lower(p.store_domain) = lower(n.store_domain) AND p.organization_id <> n.organization_id
      AND p.status = 'disconnected' AND p.connected_at < n.connected_at
    ORDER BY p.connected_at DESC, p.id
    LIMIT 1) b ON true
