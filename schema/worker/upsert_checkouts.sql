-- Checkouts of a batch. $1..$19 rowset checkouts.
-- A row moves forward only (filled(), checkout_held()), a redacted one stays redacted; what redacts it: see upsert_orders.sql. Whether it is an abandoned cart is
-- decided by settle_carts.sql, which also knows of deletions: a deleted checkout is kept until prune.sql, because an
-- order may still say that its cart was recovered before. Answers no rows: dashboards see carts, not checkouts.
-- About the plan: see upsert_orders.sql.
WITH redacting AS MATERIALIZED (
    SELECT id FROM redacting_integrations($1::uuid[]) id
), incoming AS MATERIALIZED (
    SELECT c.*, b.gone,
           b.gone AND NOT coalesce(
               (SELECT t.source_version > c.source_version
                       AND names_another(t.external_customer_id, t.customer_email, c.external_customer_id, c.customer_email)
                FROM commerce_checkouts t
                WHERE t.integration_id = c.integration_id AND t.token = c.token), false) AS redacted
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                $10::numeric[], $11::text[], $12::integer[], $13::jsonb[], $14::text[], $15::timestamptz[], $16::timestamptz[],
                $17::timestamptz[], $18::timestamptz[], $19::bytea[])
        c (integration_id, token, organization_id, external_checkout_id, cart_token, external_customer_id, customer_name,
           customer_email, customer_phone, total_value, currency, items_count, items, recovery_url, source_created_at,
           completed_at, source_updated_at, source_triggered_at, source_version)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN c.integration_id IN (SELECT id FROM redacting)
                    THEN is_redacted(c.integration_id, c.external_customer_id, c.customer_email, c.customer_phone,
                                     c.source_created_at, c.source_updated_at)
                    ELSE false END AS gone
        OFFSET 0) b
    WHERE (SELECT t.source_version FROM commerce_checkouts t WHERE t.integration_id = c.integration_id AND t.token = c.token)
          IS DISTINCT FROM c.source_version     -- else it was delivered again
)
INSERT INTO commerce_checkouts AS t
    (integration_id, token, organization_id, external_checkout_id, cart_token, external_customer_id, customer_id, customer_name,
     customer_email, customer_phone, total_value, currency, items_count, items, recovery_url, source_created_at, completed_at,
     redacted, source_updated_at, source_triggered_at, source_version, synced_at)
SELECT c.integration_id, c.token, c.organization_id, c.external_checkout_id, c.cart_token,
       CASE WHEN NOT c.gone THEN c.external_customer_id END,
       (SELECT k.id FROM commerce_customers k
        WHERE k.integration_id = c.integration_id AND k.external_customer_id = c.external_customer_id),
       CASE WHEN NOT c.gone THEN c.customer_name END,
       CASE WHEN NOT c.gone THEN c.customer_email END, CASE WHEN NOT c.gone THEN c.customer_phone END,
       c.total_value, c.currency, c.items_count, c.items, CASE WHEN NOT c.gone THEN c.recovery_url END, c.source_created_at,
       c.completed_at, c.redacted, c.source_updated_at, c.source_triggered_at, c.source_version, now()
FROM incoming c
ORDER BY c.integration_id, c.token COLLATE "C"
ON CONFLICT (integration_id, token) DO UPDATE SET
    external_checkout_id = filled(t.external_checkout_id, excluded.external_checkout_id, t.source_held, 'external_checkout_id', t.source_version, excluded.source_version),
    cart_token = filled(t.cart_token, excluded.cart_token, t.source_held, 'cart_token', t.source_version, excluded.source_version),
    customer_id = CASE WHEN filled(t.external_customer_id, excluded.external_customer_id, t.source_held, 'external_customer_id', t.source_version, excluded.source_version)
                            = excluded.external_customer_id THEN excluded.customer_id ELSE t.customer_id END,
    external_customer_id = filled(t.external_customer_id, excluded.external_customer_id, t.source_held, 'external_customer_id', t.source_version, excluded.source_version),
    customer_name = filled(t.customer_name, excluded.customer_name, t.source_held, 'customer_name', t.source_version, excluded.source_version),
    customer_email = filled(t.customer_email, excluded.customer_email, t.source_held, 'customer_email', t.source_version, excluded.source_version),
    customer_phone = filled(t.customer_phone, excluded.customer_phone, t.source_held, 'customer_phone', t.source_version, excluded.source_version),
    total_value = filled(t.total_value, excluded.total_value, t.source_held, 'total_value', t.source_version, excluded.source_version),
    currency = filled(t.currency, excluded.currency, t.source_held, 'currency', t.source_version, excluded.source_version),
    items_count = filled(t.items_count, excluded.items_count, t.source_held, 'items_count', t.source_version, excluded.source_version),
    items = filled(t.items, excluded.items, t.source_held, 'items', t.source_version, excluded.source_version),
    recovery_url = filled(t.recovery_url, excluded.recovery_url, t.source_held, 'recovery_url', t.source_version, excluded.source_version),
    source_created_at = filled(t.source_created_at, excluded.source_created_at, t.source_held, 'source_created_at', t.source_version, excluded.source_version),
    completed_at = filled(t.completed_at, excluded.completed_at, t.source_held, 'completed_at', t.source_version, excluded.source_version),
    source_updated_at = newest(t.source_updated_at, excluded.source_updated_at, t.source_version, excluded.source_version),
    source_triggered_at = newest(t.source_triggered_at, excluded.source_triggered_at, t.source_version, excluded.source_version),
    redacted = t.redacted OR excluded.redacted,
    source_held = CASE WHEN t.redacted OR excluded.redacted THEN impersonal(checkout_held(t, excluded)) ELSE checkout_held(t, excluded) END,
    source_version = greatest(excluded.source_version, t.source_version),
    synced_at = excluded.synced_at
WHERE excluded.source_version > coalesce(t.source_version, '')
   OR (excluded.source_version < t.source_version AND checkout_held(t, excluded) IS DISTINCT FROM t.source_held)
   OR (excluded.redacted AND NOT t.redacted)
