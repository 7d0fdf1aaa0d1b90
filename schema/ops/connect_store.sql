-- Connects a hand-made store: a new one, the organization's own again (also after an uninstall), or nothing when another
-- organization has it. NULLs leave the name and the secret as they are.
-- $1 organization, $2 domain (lower case), $3 name, $4 sealed secret -> id, created; no row: taken
WITH mine AS (
    SELECT i.id
    FROM commerce_integrations i
    WHERE i.source = 'shopify' AND lower(i.store_domain) = $2::text AND i.organization_id = $1::uuid
    ORDER BY (i.status <> 'disconnected') DESC, i.created_at DESC, i.id
    LIMIT 1
), others AS (
    SELECT
    FROM commerce_integrations i
    WHERE i.source = 'shopify' AND lower(i.store_domain) = $2::text AND i.organization_id <> $1::uuid
      AND i.status <> 'disconnected'
), renewed AS (
    UPDATE commerce_integrations i
    SET status = 'connected', webhook_status = 'active', store_name = coalesce($3::text, i.store_name),
        webhook_secret_encrypted = coalesce($4::text, i.webhook_secret_encrypted), updated_at = now()
    FROM mine
    WHERE i.id = mine.id AND NOT EXISTS (SELECT FROM others)
    RETURNING i.id
), made AS (
    INSERT INTO commerce_integrations (organization_id, source, status, store_name, store_domain, webhook_status,
                                       webhook_secret_encrypted)
    SELECT $1::uuid, 'shopify', 'connected', coalesce($3::text, $2::text), $2::text, 'active', $4::text
    WHERE NOT EXISTS (SELECT FROM mine) AND NOT EXISTS (SELECT FROM others)
    RETURNING id
)
SELECT id::text, false AS created FROM renewed
UNION ALL
SELECT id::text, true FROM made
