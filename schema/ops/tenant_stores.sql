-- The stores whose events land with an organization now, as lookup_shops.sql decides. $1 organization
-- -> store_domain (lower case, sorted by its bytes); one row with NULL: it has none; no row: there is no such organization.
SELECT s.store_domain
FROM organizations o
LEFT JOIN LATERAL (
    SELECT d.store_domain
    FROM (SELECT DISTINCT ON (lower(i.store_domain)) lower(i.store_domain) AS store_domain, i.organization_id
          FROM commerce_integrations i
          WHERE i.source = 'shopify'
            AND lower(i.store_domain) IN (SELECT lower(m.store_domain) FROM commerce_integrations m
                                          WHERE m.source = 'shopify' AND m.organization_id = o.id)
          ORDER BY lower(i.store_domain), i.status = 'disconnected', i.status <> 'connected', i.connected_at DESC NULLS LAST,
                   i.created_at DESC, i.id) d
    WHERE d.organization_id = o.id) s ON true
WHERE o.id = $1::uuid
ORDER BY s.store_domain COLLATE "C"
