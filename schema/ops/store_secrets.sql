-- The own webhook secrets of the stores behind these domains (lower case). A domain that is missing has none that counts.
-- $1 domains text[] -> store_domain, webhook_secret
SELECT lower(i.store_domain) AS store_domain, i.webhook_secret_encrypted AS webhook_secret
FROM commerce_integrations i
WHERE i.source = 'shopify' AND lower(i.store_domain) = ANY ($1::text[]) AND i.status <> 'disconnected'
  AND i.webhook_secret_encrypted IS NOT NULL
