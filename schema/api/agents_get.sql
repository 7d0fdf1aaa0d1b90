-- An agent with the number of campaigns that it is linked to.
SELECT json_build_object('data', r) FROM (
    SELECT a.id, a.organization_id, a.name, a.language, a.tone, a.status, a.system_prompt, a.sentiment_rules, a.voice_settings,
           (SELECT count(*) FROM campaign_agents l WHERE l.agent_id = a.id) AS "linkedCampaigns",
           a.deleted_at, a.created_at, a.updated_at
    FROM agents a
    WHERE a.id = :id::uuid AND a.organization_id = request_organization_id() AND a.deleted_at IS NULL) r
