-- Activates or deactivates an agent; agents_check() keeps those that a running campaign needs. Returns it as agents_get does.
WITH a AS (
    UPDATE agents t
    SET status = :status::agent_status
    WHERE t.id = :id::uuid AND t.organization_id = request_organization_id() AND t.deleted_at IS NULL
    RETURNING t.*
)
SELECT json_build_object('data', r) FROM (
    SELECT a.id, a.organization_id, a.name, a.language, a.tone, a.status, a.system_prompt, a.sentiment_rules, a.voice_settings,
           (SELECT count(*) FROM campaign_agents l WHERE l.agent_id = a.id) AS "linkedCampaigns",
           a.deleted_at, a.created_at, a.updated_at
    FROM a) r
