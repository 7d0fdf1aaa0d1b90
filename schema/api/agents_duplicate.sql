-- A copy of an agent, as a draft. Returns it as agents_get does.
WITH a AS (
    INSERT INTO agents (organization_id, name, language, tone, system_prompt, sentiment_rules, voice_settings)
    SELECT t.organization_id, t.name || ' (Copy)', t.language, t.tone, t.system_prompt, t.sentiment_rules, t.voice_settings
    FROM agents t
    WHERE t.id = :id::uuid AND t.organization_id = request_organization_id() AND t.deleted_at IS NULL
    RETURNING *
)
SELECT json_build_object('data', r) FROM (
    SELECT a.id, a.organization_id, a.name, a.language, a.tone, a.status, a.system_prompt, a.sentiment_rules, a.voice_settings,
           (SELECT count(*) FROM campaign_agents l WHERE l.agent_id = a.id) AS "linkedCampaigns",
           a.deleted_at, a.created_at, a.updated_at
    FROM a) r
