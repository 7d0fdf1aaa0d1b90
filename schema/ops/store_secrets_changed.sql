-- Stores whose row changed lately, with their own webhook secret as it is now (NULL: none that counts).
-- A row may become visible after a younger one, when its transaction took longer: hence the overlap.
-- $1 the newest `changed` seen, NULL at the start (then only stores that have a secret), $2 most rows
-- -> store_domain, webhook_secret, changed; ascending by `changed`.
WITH changed AS (
    SELECT lower(i.store_domain) AS store_domain, max(i.updated_at) AS changed
    FROM commerce_integrations i
    WHERE i.source = 'shopify' AND i.store_domain IS NOT NULL
      AND CASE WHEN $1::timestamptz IS NULL THEN i.webhook_secret_encrypted IS NOT NULL
               ELSE i.updated_at > $1::timestamptz - interval '30 seconds' END
    GROUP BY 1
    ORDER BY 2
    LIMIT $2::int
)
SELECT c.store_domain,
       (SELECT i.webhook_secret_encrypted FROM commerce_integrations i
        WHERE i.source = 'shopify' AND lower(i.store_domain) = c.store_domain AND i.status <> 'disconnected') AS webhook_secret,
       c.changed
FROM changed c
ORDER BY c.changed
