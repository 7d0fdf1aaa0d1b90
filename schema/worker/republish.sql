-- What entries that were delivered before had changed, as it is now: they may have been stored without anybody being told.
-- $1, $2 orders by integration_id uuid[], external_order_id text[]; $3, $4 carts by integration_id uuid[], checkout token text[];
-- $5, $6 calls by provider text[], external_call_id text[], with their transcripts and recordings.
-- Answers (tbl, type, organization_id, record), DELETE for what is gone.
SELECT 'commerce_orders' AS tbl, 'UPDATE' AS type, t.organization_id::text AS organization_id, live_record(t)::text AS record
FROM (SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[]) k (integration_id, external_id)) k
JOIN commerce_orders t ON t.integration_id = k.integration_id AND t.external_order_id = k.external_id
UNION ALL
SELECT 'commerce_orders', 'DELETE', d.organization_id::text,
       jsonb_build_object('id', d.row_id, 'organization_id', d.organization_id, 'integration_id', d.integration_id,
                          'external_order_id', d.external_id)::text
FROM (SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[]) k (integration_id, external_id)) k
CROSS JOIN LATERAL (SELECT x.* FROM commerce_tombstones x
                    WHERE x.integration_id = k.integration_id AND x.kind = 'order' AND x.external_id = k.external_id OFFSET 0) d
WHERE d.row_id IS NOT NULL      -- else there never was a row
UNION ALL
SELECT 'commerce_abandoned_carts', 'UPDATE', t.organization_id::text, live_record(t)::text
FROM (SELECT DISTINCT * FROM unnest($3::uuid[], $4::text[]) k (integration_id, token)) k
JOIN commerce_abandoned_carts t ON t.id = cart_id(k.integration_id, k.token)
UNION ALL
SELECT 'commerce_abandoned_carts', 'DELETE', c.organization_id::text,
       jsonb_build_object('id', cart_id(c.integration_id, c.token), 'organization_id', c.organization_id,
                          'integration_id', c.integration_id, 'external_cart_id', coalesce(c.external_checkout_id, c.token))::text
FROM (SELECT DISTINCT * FROM unnest($3::uuid[], $4::text[]) k (integration_id, token)) k
JOIN commerce_checkouts c ON c.integration_id = k.integration_id AND c.token = k.token
WHERE (SELECT t.id FROM commerce_abandoned_carts t WHERE t.id = cart_id(c.integration_id, c.token)) IS NULL
UNION ALL
SELECT u.tbl, 'UPDATE', u.organization_id::text, u.record::text
FROM (SELECT DISTINCT * FROM unnest($5::text[], $6::text[]) k (provider, external_call_id)) k
JOIN calls t ON t.provider = k.provider AND t.external_call_id = k.external_call_id
CROSS JOIN LATERAL (
    SELECT 'calls' AS tbl, t.organization_id, live_record(t) AS record
    UNION ALL
    SELECT 'call_transcripts', l.organization_id, live_record(l) FROM call_transcripts l WHERE l.call_id = t.id
    UNION ALL
    SELECT 'call_recordings', r.organization_id, live_record(r) FROM call_recordings r WHERE r.call_id = t.id) u
