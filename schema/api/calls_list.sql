-- Calls: a page of the list, and how many there are.
SELECT json_build_object(
    'data', (SELECT coalesce(json_agg(r), '[]') FROM (
        SELECT c.id, c.organization_id, c.campaign_id, (SELECT g.name FROM campaigns g WHERE g.id = c.campaign_id) AS campaign_name,
               c.agent_id, (SELECT a.name FROM agents a WHERE a.id = c.agent_id) AS agent_name,
               c.contact_id, (SELECT nullif(concat_ws(' ', k.first_name, k.last_name), '')
                              FROM contacts k WHERE k.id = c.contact_id) AS contact_name,
               c.call_type, c.from_number, c.to_number, c.status, c.outcome, c.duration_seconds, c.sentiment, c.sentiment_score,
               c.attempt_number, c.error_message, c.summary, c.tags, c.metadata, c.provider, c.external_call_id,
               c.started_at, c.ended_at, c.created_at
        FROM (SELECT c.id
              FROM calls c
              WHERE c.organization_id = request_organization_id()
                AND c.campaign_id = :campaign_id::uuid                      -- if campaign_id
                AND c.agent_id = :agent_id::uuid                            -- if agent_id
                AND c.status = :status::call_status                         -- if status
                AND c.outcome = :outcome::call_outcome                      -- if outcome
                AND c.sentiment = :sentiment::call_sentiment                -- if sentiment
                AND c.created_at >= (SELECT request_from(:date_from))       -- if date_from
                AND c.created_at < (SELECT request_until(:date_to))         -- if date_to
                AND (c.to_number ILIKE '%' || :search || '%' OR c.from_number ILIKE '%' || :search || '%')  -- if search
              ORDER BY c.:sort :order, c.id :order
              LIMIT :limit::bigint OFFSET :offset::bigint) page
        JOIN calls c ON c.id = page.id
        ORDER BY c.:sort :order, c.id :order) r),
    'pagination', (SELECT p FROM (
        SELECT :page::bigint AS page, :limit::bigint AS "limit", t.total, ceil(t.total / :limit::numeric) AS total_pages
        FROM (SELECT count(*) AS total FROM calls c
              WHERE c.organization_id = request_organization_id()
                AND c.campaign_id = :campaign_id::uuid                      -- if campaign_id
                AND c.agent_id = :agent_id::uuid                            -- if agent_id
                AND c.status = :status::call_status                         -- if status
                AND c.outcome = :outcome::call_outcome                      -- if outcome
                AND c.sentiment = :sentiment::call_sentiment                -- if sentiment
                AND c.created_at >= (SELECT request_from(:date_from))       -- if date_from
                AND c.created_at < (SELECT request_until(:date_to))         -- if date_to
                AND (c.to_number ILIKE '%' || :search || '%' OR c.from_number ILIKE '%' || :search || '%')  -- if search
             ) t) p))
