-- Unlinks an agent from a campaign.
DELETE FROM campaign_agents l
WHERE l.campaign_id = :id::uuid AND l.agent_id = :agent_id::uuid AND l.organization_id = request_organization_id()
  AND EXISTS (SELECT FROM campaigns c WHERE c.id = l.campaign_id AND c.deleted_at IS NULL)
RETURNING l.id
