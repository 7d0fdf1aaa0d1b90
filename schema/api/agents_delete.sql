-- Deletes an agent (it stays in the table, unseen); agents_check() keeps those that a campaign is linked to.
UPDATE agents t
SET deleted_at = now()
WHERE t.id = :id::uuid AND t.organization_id = request_organization_id() AND t.deleted_at IS NULL
RETURNING t.id
