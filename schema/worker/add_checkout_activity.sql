-- Remembers when checkouts changed: $1..$5 rowset checkout_activity. Of two versions of one second, one with which somebody
-- could be contacted is enough. Nothing here is visible to dashboards.
INSERT INTO commerce_checkout_activity AS t (integration_id, token, at, organization_id, contactable)
SELECT a.integration_id, a.token, a.at, (array_agg(a.organization_id))[1], bool_or(a.contactable)
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::uuid[], $5::boolean[])
    a (integration_id, token, at, organization_id, contactable)
GROUP BY a.integration_id, a.token, a.at
ORDER BY a.integration_id, a.token COLLATE "C", a.at
ON CONFLICT (integration_id, token, at) DO UPDATE SET contactable = true
WHERE excluded.contactable AND NOT t.contactable
