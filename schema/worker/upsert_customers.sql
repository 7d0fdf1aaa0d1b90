-- Customers of a batch. $1..$13 rowset customers.
-- A row moves forward only (filled(), customer_held()); a redacted customer gets no personal data back; orders,
-- checkouts and carts that came before their customer are linked. Contacts follow by the triggers of commerce_customers.
-- Answers (tbl, type, organization_id, record) for rows that really changed. About the plan: see upsert_orders.sql.
WITH redacting AS MATERIALIZED (
    SELECT id FROM redacting_integrations($1::uuid[]) id
), incoming AS MATERIALIZED (
    SELECT c.*, g.gone
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::jsonb[],
                $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::bytea[])
        c (integration_id, external_customer_id, organization_id, first_name, last_name, email, phone, default_address, tags,
           source_created_at, source_updated_at, source_triggered_at, source_version)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN c.integration_id IN (SELECT id FROM redacting)
                    THEN EXISTS (SELECT FROM commerce_tombstones d
                                 WHERE d.integration_id = c.integration_id AND d.kind = 'redacted_customer'
                                   AND d.external_id = c.external_customer_id)
                         OR is_redacted(c.integration_id, c.external_customer_id, c.email, NULL,
                                        c.source_created_at, c.source_updated_at)
                    ELSE false END AS gone) g
    WHERE (SELECT d.kind FROM commerce_tombstones d
           WHERE d.integration_id = c.integration_id AND d.kind = 'customer' AND d.external_id = c.external_customer_id) IS NULL
      AND NOT coalesce(                         -- else it was delivered again, or it is older and fills no gap
          (SELECT t.source_version = c.source_version
                  OR (t.source_version > c.source_version AND t.source_held IS NULL
                      AND (t.first_name IS NOT NULL OR c.first_name IS NULL) AND (t.last_name IS NOT NULL OR c.last_name IS NULL)
                      AND (t.email IS NOT NULL OR c.email IS NULL) AND (t.phone IS NOT NULL OR c.phone IS NULL)
                      AND (t.default_address IS NOT NULL OR c.default_address IS NULL) AND (t.tags IS NOT NULL OR c.tags IS NULL)
                      AND (t.source_created_at IS NOT NULL OR c.source_created_at IS NULL))
           FROM commerce_customers t
           WHERE t.integration_id = c.integration_id AND t.external_customer_id = c.external_customer_id), false)
), upserted AS (
    INSERT INTO commerce_customers AS t
        (integration_id, external_customer_id, organization_id, source, first_name, last_name, email, phone, default_address,
         tags, source_created_at, source_updated_at, source_triggered_at, source_version, synced_at)
    SELECT c.integration_id, c.external_customer_id, c.organization_id, 'shopify',
           CASE WHEN NOT c.gone THEN c.first_name END, CASE WHEN NOT c.gone THEN c.last_name END,
           CASE WHEN NOT c.gone THEN c.email END, CASE WHEN NOT c.gone THEN c.phone END,
           CASE WHEN NOT c.gone THEN c.default_address END,
           c.tags, c.source_created_at, c.source_updated_at, c.source_triggered_at, c.source_version, now()
    FROM incoming c
    ORDER BY c.integration_id, c.external_customer_id COLLATE "C"
    ON CONFLICT (integration_id, external_customer_id) DO UPDATE SET
        first_name = filled(t.first_name, excluded.first_name, t.source_held, 'first_name', t.source_version, excluded.source_version),
        last_name = filled(t.last_name, excluded.last_name, t.source_held, 'last_name', t.source_version, excluded.source_version),
        email = filled(t.email, excluded.email, t.source_held, 'email', t.source_version, excluded.source_version),
        phone = filled(t.phone, excluded.phone, t.source_held, 'phone', t.source_version, excluded.source_version),
        default_address = filled(t.default_address, excluded.default_address, t.source_held, 'default_address', t.source_version, excluded.source_version),
        tags = filled(t.tags, excluded.tags, t.source_held, 'tags', t.source_version, excluded.source_version),
        source_created_at = filled(t.source_created_at, excluded.source_created_at, t.source_held, 'source_created_at', t.source_version, excluded.source_version),
        source_held = customer_held(t, excluded),
        source_updated_at = newest(t.source_updated_at, excluded.source_updated_at, t.source_version, excluded.source_version),
        source_triggered_at = newest(t.source_triggered_at, excluded.source_triggered_at, t.source_version, excluded.source_version),
        source_version = greatest(excluded.source_version, t.source_version),
        synced_at = excluded.synced_at
    WHERE excluded.source_version > coalesce(t.source_version, '')
       OR (excluded.source_version < t.source_version AND customer_held(t, excluded) IS DISTINCT FROM t.source_held)
    RETURNING t.id, t.integration_id, t.external_customer_id, t.organization_id, t.xmax = 0 AS inserted,
              (SELECT row_to_json(r) FROM (       -- live_record(t), but half as dear
                  SELECT t.id, t.organization_id, t.integration_id, t.external_customer_id, t.source, t.first_name,
                         t.last_name, t.email, t.phone, t.default_address, t.tags, t.source_created_at, t.source_updated_at,
                         t.synced_at, t.created_at, t.updated_at) r) AS record
)
SELECT 'commerce_customers' AS tbl, CASE WHEN u.inserted THEN 'INSERT' ELSE 'UPDATE' END AS type,
       u.organization_id::text AS organization_id, u.record::text AS record
FROM upserted u
UNION ALL
SELECT l.tbl, l.type, l.organization_id, l.record
FROM (SELECT array_agg(u.id) AS ids, array_agg(u.integration_id) AS integrations, array_agg(u.external_customer_id) AS externals
      FROM upserted u WHERE u.inserted HAVING count(*) > 0) n,
     link_customers(n.ids, n.integrations, n.externals) l
