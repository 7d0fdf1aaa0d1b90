-- What was said in a call, in order.
SELECT json_build_object('data', (
    SELECT coalesce(json_agg(s), '[]') FROM (
        SELECT t.id, t.call_id, t.speaker, t.content, t.sequence, t.confidence, t.timestamp
        FROM call_transcripts t WHERE t.call_id = c.id ORDER BY t.sequence) s))
FROM calls c
WHERE c.id = :id::uuid AND c.organization_id = request_organization_id()
