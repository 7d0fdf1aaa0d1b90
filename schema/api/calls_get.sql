-- A call with its campaign, agent, contact, recording (null: none) and transcript. Agents and campaigns that were deleted since are still
-- those of the call.
SELECT json_build_object('data', r) FROM (
    SELECT c.id, c.organization_id, c.campaign_id, g.name AS campaign_name, c.agent_id, a.name AS agent_name,
           c.contact_id, coalesce(nullif(concat_ws(' ', k.first_name, k.last_name), ''), o.customer_name) AS contact_name,
           c.call_type, c.from_number, c.to_number, c.status, c.outcome, c.duration_seconds, c.sentiment, c.sentiment_score,
           c.summary, c.attempt_number, c.error_message, c.tags, c.metadata, c.provider, c.external_call_id, c.order_id,
           c.redacted, c.started_at, c.ended_at, c.created_at, c.updated_at,
           CASE WHEN a.id IS NOT NULL THEN
               (SELECT s FROM (SELECT a.id, a.name, a.language, a.tone, a.status, a.system_prompt, a.sentiment_rules, a.voice_settings,
                                      a.created_at, a.updated_at) s) END AS agent,
           CASE WHEN g.id IS NOT NULL THEN
               (SELECT s FROM (SELECT g.id, g.name, g.description, g.status, g.concurrency, g.schedule, g.settings, g.started_at,
                                      g.completed_at, g.created_at, g.updated_at) s) END AS campaign,
           CASE WHEN k.id IS NOT NULL THEN
               (SELECT s FROM (SELECT k.id, k.first_name, k.last_name, k.phone, k.email, k.created_at, k.updated_at) s) END AS contact,
           (SELECT s FROM (SELECT q.id, q.storage_path, q.duration_seconds, q.file_size_bytes, q.created_at
                           FROM call_recordings q WHERE q.call_id = c.id) s) AS recording,
           (SELECT coalesce(json_agg(s), '[]') FROM (
                SELECT t.id, t.speaker, t.content, t.sequence, t.confidence, t.timestamp
                FROM call_transcripts t WHERE t.call_id = c.id ORDER BY t.sequence) s) AS transcript
    FROM calls c
    LEFT JOIN campaigns g ON g.id = c.campaign_id
    LEFT JOIN agents a ON a.id = c.agent_id
    LEFT JOIN contacts k ON k.id = c.contact_id
    LEFT JOIN commerce_orders o ON o.id = c.order_id AND o.organization_id = c.organization_id
    WHERE c.id = :id::uuid AND c.organization_id = request_organization_id()) r
