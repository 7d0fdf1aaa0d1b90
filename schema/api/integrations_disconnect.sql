-- Disconnects a store; its tokens are forgotten.
UPDATE commerce_integrations i
SET status = 'disconnected', access_token_encrypted = NULL, refresh_token_encrypted = NULL
WHERE i.id = :id::uuid AND i.organization_id = request_organization_id()
RETURNING i.id
