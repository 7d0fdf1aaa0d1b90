-- Switches a campaign on or off; which switches are allowed is campaigns_check()'s. Returns it as campaigns_get does.
WITH c AS (
    UPDATE campaigns t
    SET status = :status::campaign_status
    WHERE t.id = :id::uuid AND t.organization_id = request_organization_id() AND t.deleted_at IS NULL
    RETURNING t.*
)
SELECT json_build_object('data', r) FROM (
    SELECT c.id, c.organization_id, c.name, c.description, c.status, c.concurrency, c.schedule, c.settings,
           (SELECT coalesce(json_agg(a), '[]') FROM (
                SELECT a.id, a.name, a.language, a.tone, a.status, a.system_prompt, a.sentiment_rules, a.voice_settings,
                       l.is_primary, a.created_at, a.updated_at
                FROM campaign_agents l JOIN agents a ON a.id = l.agent_id
                WHERE l.campaign_id = c.id
                ORDER BY l.is_primary DESC, a.name, a.id) a) AS agents,
           c.started_at, c.completed_at, c.deleted_at, c.created_at, c.updated_at
    FROM c) r
