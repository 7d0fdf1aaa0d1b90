-- Campaigns with their agents: a page of the list, and how many there are.
WITH total AS MATERIALIZED (
    SELECT count(*) AS n FROM campaigns c WHERE c.organization_id = request_organization_id() AND c.deleted_at IS NULL
)
SELECT json_build_object(
    'data', (SELECT coalesce(json_agg(r), '[]') FROM (
        SELECT c.id, c.name, c.description, c.status, c.concurrency, c.schedule, c.settings,
               (SELECT coalesce(json_agg(a), '[]') FROM (
                    SELECT a.id, a.name, a.status, l.is_primary
                    FROM campaign_agents l JOIN agents a ON a.id = l.agent_id
                    WHERE l.campaign_id = c.id
                    ORDER BY l.is_primary DESC, a.name, a.id) a) AS agents,
               c.started_at, c.completed_at, c.created_at, c.updated_at
        FROM campaigns c
        WHERE c.organization_id = request_organization_id() AND c.deleted_at IS NULL
        ORDER BY c.:sort :order, c.id :order
        LIMIT :limit::bigint OFFSET :offset::bigint) r),
    'pagination', (SELECT p FROM (
        SELECT :page::bigint AS page, :limit::bigint AS "limit", t.n AS total, ceil(t.n / :limit::numeric) AS total_pages
        FROM total t) p))
