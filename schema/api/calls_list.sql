-- Calls: a page of the list, and how many there are. Filters that list_totals knows are not counted row by row. contact_name is the
-- contact's, else the one that the order knows.
WITH
found AS MATERIALIZED (SELECT * FROM search_calls(:search::text)),                     -- if search
total AS MATERIALIZED (
    SELECT CASE WHEN false
                     OR true                                                           -- if date_from
                     OR true                                                           -- if date_to
                     OR true                                                           -- if search
           THEN (SELECT count(*)
                 FROM found c WHERE true                                               -- if search
                 FROM calls c WHERE c.organization_id = request_organization_id()      -- if !search
                   AND c.campaign_id = :campaign_id::uuid                              -- if campaign_id
                   AND c.agent_id = :agent_id::uuid                                    -- if agent_id
                   AND c.status = :status::call_status                                 -- if status
                   AND c.outcome = :outcome::call_outcome                              -- if outcome
                   AND c.sentiment = :sentiment::call_sentiment                        -- if sentiment
                   AND c.created_at >= (SELECT request_from(:date_from::text))         -- if date_from
                   AND c.created_at < (SELECT request_until(:date_to::text))           -- if date_to
                )
           ELSE (SELECT coalesce(sum(t.n), 0) FROM list_totals t
                 WHERE t.organization_id = request_organization_id() AND t.list = 'calls'
                   AND (t.facets = '{}'
                        OR true                                                        -- if campaign_id
                        OR true                                                        -- if agent_id
                        OR true                                                        -- if status
                        OR true                                                        -- if outcome
                        OR true                                                        -- if sentiment
                   )
                   AND t.facets ->> 'campaign_id' = :campaign_id::uuid::text           -- if campaign_id
                   AND t.facets ->> 'agent_id' = :agent_id::uuid::text                 -- if agent_id
                   AND t.facets ->> 'status' = :status::text                           -- if status
                   AND t.facets ->> 'outcome' = :outcome::text                         -- if outcome
                   AND t.facets ->> 'sentiment' = :sentiment::text                     -- if sentiment
                ) END AS n
)
SELECT json_build_object(
    'data', (SELECT coalesce(json_agg(r), '[]') FROM (
        SELECT c.id, c.organization_id, c.campaign_id, g.name AS campaign_name, c.agent_id, a.name AS agent_name,
               c.contact_id,
               coalesce((SELECT nullif(concat_ws(' ', k.first_name, k.last_name), '') FROM contacts k WHERE k.id = c.contact_id),
                        (SELECT o.customer_name FROM commerce_orders o WHERE o.id = c.order_id AND o.organization_id = c.organization_id))
                   AS contact_name,
               c.call_type, c.from_number, c.to_number, c.status, c.outcome, c.duration_seconds, c.sentiment, c.sentiment_score,
               c.attempt_number, c.error_message, c.summary, c.tags, c.metadata, c.provider, c.external_call_id,
               c.started_at, c.ended_at, c.created_at
        FROM (SELECT c.id FROM found c WHERE true                                      -- if search
        FROM (SELECT c.* FROM calls c WHERE c.organization_id = request_organization_id() -- if !search
                AND c.campaign_id = :campaign_id::uuid                                 -- if campaign_id
                AND c.agent_id = :agent_id::uuid                                       -- if agent_id
                AND c.status = :status::call_status                                    -- if status
                AND c.outcome = :outcome::call_outcome                                 -- if outcome
                AND c.sentiment = :sentiment::call_sentiment                           -- if sentiment
                AND c.created_at >= (SELECT request_from(:date_from::text))            -- if date_from
                AND c.created_at < (SELECT request_until(:date_to::text))              -- if date_to
              ORDER BY c.:sort :order, c.id :order
              LIMIT :limit::bigint OFFSET :offset::bigint)
             page JOIN calls c ON c.id = page.id                                       -- if search
             c                                                                         -- if !search
        LEFT JOIN campaigns g ON g.id = c.campaign_id
        LEFT JOIN agents a ON a.id = c.agent_id
        ORDER BY c.:sort :order, c.id :order) r),
    'pagination', (SELECT p FROM (
        SELECT :page::bigint AS page, :limit::bigint AS "limit", t.n AS total, ceil(t.n / :limit::numeric) AS total_pages
        FROM total t) p))
