-- What a tenant was given, for the answer of `ringback tenant create`. $1 organization -> one JSON object
SELECT jsonb_build_object(
    'organization_id', o.id,
    'name', o.name,
    'timezone', o.timezone,
    'campaigns', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', c.id, 'name', c.name, 'status', c.status,
                                                               'agent_id', l.agent_id) ORDER BY c.name), '[]')
                  FROM campaigns c LEFT JOIN campaign_agents l ON l.campaign_id = c.id AND l.is_primary
                  WHERE c.organization_id = o.id AND c.deleted_at IS NULL))::text
FROM organizations o
WHERE o.id = $1::uuid
