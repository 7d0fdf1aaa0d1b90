-- A new agent, as a draft. Returns it as agents_get does.
WITH a AS (
    INSERT INTO agents (organization_id, name, language, tone
        , system_prompt                                     -- if system_prompt
        , sentiment_rules                                   -- if sentiment_rules
        , voice_settings                                    -- if voice_settings
    )
    VALUES (request_organization_id(), :name::text, :language::text, :tone::agent_tone
        , :system_prompt::text                              -- if system_prompt
        , :sentiment_rules::jsonb                           -- if sentiment_rules
        , :voice_settings::jsonb                            -- if voice_settings
    )
    RETURNING *
)
SELECT json_build_object('data', r) FROM (
    SELECT a.id, a.organization_id, a.name, a.language, a.tone, a.status, a.system_prompt, a.sentiment_rules, a.voice_settings,
           (SELECT count(*) FROM campaign_agents l WHERE l.agent_id = a.id) AS "linkedCampaigns",
           a.deleted_at, a.created_at, a.updated_at
    FROM a) r
