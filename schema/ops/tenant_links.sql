-- Each seeded campaign's primary agent, where it has none. $1 organization
INSERT INTO campaign_agents (organization_id, campaign_id, agent_id, is_primary)
SELECT $1::uuid, c.id, a.id, true
FROM (VALUES ('Order Confirmation', 'Order Confirmation Agent'),
             ('Abandoned Cart Recovery', 'Cart Recovery Agent')) AS seed (campaign, agent)
JOIN campaigns c ON c.organization_id = $1::uuid AND c.name = seed.campaign AND c.deleted_at IS NULL
JOIN agents a ON a.organization_id = $1::uuid AND a.name = seed.agent AND a.deleted_at IS NULL
WHERE NOT EXISTS (SELECT FROM campaign_agents l WHERE l.campaign_id = c.id AND l.is_primary)
ON CONFLICT (campaign_id, agent_id) DO NOTHING
