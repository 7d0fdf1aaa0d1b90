-- Agents, each with the number of campaigns that it is linked to: a page of the list, and how many there are.
WITH total AS MATERIALIZED (
    SELECT count(*) AS n FROM agents a WHERE a.organization_id = request_organization_id() AND a.deleted_at IS NULL
)
SELECT json_build_object(
    'data', (SELECT coalesce(json_agg(r), '[]') FROM (
        SELECT a.id, a.name, a.language, a.tone, a.status, a.system_prompt, a.sentiment_rules, a.voice_settings,
               (SELECT count(*) FROM campaign_agents l WHERE l.agent_id = a.id) AS "linkedCampaigns",
               a.created_at, a.updated_at
        FROM agents a
        WHERE a.organization_id = request_organization_id() AND a.deleted_at IS NULL
        ORDER BY a.:sort :order, a.id :order
        LIMIT :limit::bigint OFFSET :offset::bigint) r),
    'pagination', (SELECT p FROM (
        SELECT :page::bigint AS page, :limit::bigint AS "limit", t.n AS total, ceil(t.n / :limit::numeric) AS total_pages
        FROM total t) p))
