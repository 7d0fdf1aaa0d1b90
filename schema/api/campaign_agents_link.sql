-- Links an agent to a campaign. A new primary agent takes the place of the present one.
WITH campaign AS MATERIALIZED (
    SELECT c.id
    FROM campaigns c
    WHERE c.id = :id::uuid AND c.organization_id = request_organization_id() AND c.deleted_at IS NULL
      AND CASE WHEN EXISTS (SELECT FROM campaign_agents l WHERE l.campaign_id = c.id AND l.agent_id = :agent_id::uuid)
               THEN request_conflict('The agent is already linked to this campaign') ELSE true END
), replaced AS (
    UPDATE campaign_agents l
    SET is_primary = false
    FROM campaign c
    WHERE l.campaign_id = c.id AND l.is_primary AND :is_primary::boolean
    RETURNING l.id
), link AS (        -- after `replaced`, because it counts its rows: there is one primary agent at any moment
    INSERT INTO campaign_agents (organization_id, campaign_id, agent_id, is_primary)
    SELECT request_organization_id(), c.id, :agent_id::uuid, :is_primary::boolean
    FROM campaign c
    WHERE (SELECT count(*) FROM replaced) >= 0
    RETURNING id, campaign_id, agent_id, is_primary, created_at
)
SELECT json_build_object('data', r) FROM (
    SELECT l.id, l.campaign_id, l.agent_id, a.name AS agent_name, l.is_primary, l.created_at
    FROM link l JOIN agents a ON a.id = l.agent_id) r
