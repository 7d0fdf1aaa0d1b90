-- The stores whose events land with an organization, and from when to when, as lookup_shops.sql decides. $1 organization
-- -> store_domain (lower case, sorted by its bytes), from_us, until_us (microseconds, NULL: ever); one row of NULLs: it has none;
-- no row: there is no such organization.
SELECT s.store_domain, s.from_us, s.until_us
FROM organizations o
LEFT JOIN LATERAL (
    SELECT d.store_domain, CASE WHEN d.organization_id = o.id THEN m.since END AS from_us,
           CASE WHEN d.organization_id <> o.id THEN m.since END AS until_us
    FROM (SELECT DISTINCT ON (lower(i.store_domain)) lower(i.store_domain) AS store_domain, i.organization_id, i.connected_at
          FROM commerce_integrations i
          WHERE i.source = 'shopify'
            AND lower(i.store_domain) IN (SELECT lower(m.store_domain) FROM commerce_integrations m
                                          WHERE m.source = 'shopify' AND m.organization_id = o.id)
          ORDER BY lower(i.store_domain), i.status = 'disconnected', i.status <> 'connected', i.connected_at DESC NULLS LAST,
                   i.created_at DESC, i.id) d
    LEFT JOIN LATERAL (
        SELECT p.organization_id, (extract(epoch FROM d.connected_at) * 1000000)::bigint AS since
        FROM commerce_integrations p
        WHERE p.source = 'shopify' AND lower(p.store_domain) = d.store_domain AND p.organization_id <> d.organization_id
          AND p.status = 'disconnected' AND p.connected_at < d.connected_at
        ORDER BY p.connected_at DESC, p.id
        LIMIT 1) m ON true
    WHERE d.organization_id = o.id OR m.organization_id = o.id) s ON true
WHERE o.id = $1::uuid
ORDER BY s.store_domain COLLATE "C"
