-- Changes an agent. Returns it as agents_get does.
WITH a AS (
    UPDATE agents t
    SET updated_at = now()
        , name = :name::text                                -- if name
        , language = :language::text                        -- if language
        , tone = :tone::agent_tone                          -- if tone
        , system_prompt = :system_prompt::text              -- if system_prompt
        , sentiment_rules = :sentiment_rules::jsonb         -- if sentiment_rules
        , voice_settings = :voice_settings::jsonb           -- if voice_settings
    WHERE t.id = :id::uuid AND t.organization_id = request_organization_id() AND t.deleted_at IS NULL
    RETURNING t.*
)
SELECT json_build_object('data', r) FROM (
    SELECT a.id, a.organization_id, a.name, a.language, a.tone, a.status, a.system_prompt, a.sentiment_rules, a.voice_settings,
           (SELECT count(*) FROM campaign_agents l WHERE l.agent_id = a.id) AS "linkedCampaigns",
           a.deleted_at, a.created_at, a.updated_at
    FROM a) r
