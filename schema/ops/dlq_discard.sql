-- Deletes dead letters for good, the oldest first. $1..$9 as of dlq_replay.sql; also letters that cannot be replayed, and not those
-- that were. -> id, source, topic, key, reason of what was deleted.
WITH taken AS MATERIALIZED (
    SELECT d.id
    FROM dead_letters d
    WHERE d.replayed_at IS NULL
      AND ($1::bigint[] IS NULL OR d.id = ANY ($1))
      AND ($2::text IS NULL OR d.reason = $2)
      AND ($3::text IS NULL OR d.topic = $3)
      AND ($4::text IS NULL OR d.key = $4)
      AND ($5::text IS NULL OR d.source = $5)
      AND ($6::timestamptz IS NULL OR d.last_seen_at >= $6)
      AND ($7::timestamptz IS NULL OR d.last_seen_at < $7)
      AND ($8::uuid IS NULL OR d.organization_id = $8
           OR (d.organization_id IS NULL AND d.source = 'shopify'
               AND d.key IN (SELECT lower(i.store_domain) FROM commerce_integrations i
                             WHERE i.organization_id = $8 AND i.status <> 'disconnected')))
    ORDER BY d.last_seen_at, d.id
    LIMIT $9::integer
    FOR UPDATE SKIP LOCKED
)
DELETE FROM dead_letters d USING taken t
WHERE d.id = t.id
RETURNING d.id, d.source, d.topic, d.key, d.reason
