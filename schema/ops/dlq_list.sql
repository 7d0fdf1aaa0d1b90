-- Dead letters, the latest first. Every filter may be NULL: any. $1 id bigint[], $2 reason text, $3 topic text, $4 key text,
-- $5 source text, $6 since and $7 until timestamptz (of last_seen_at: since <= t < until), $8 organization uuid
-- (a letter of nobody is that of whoever has its store by now),
-- $9 replayed boolean (NULL: only letters that still wait), $10 limit integer.
-- -> id, source, topic, key, organization_id, reason, detail, sqlstate, attempts, entry_id, partition, received_at,
-- first_seen_at, last_seen_at, replayed_at, redacted, payload_bytes (NULL: no payload, cannot be replayed).
SELECT d.id, d.source, d.topic, d.key, d.organization_id, d.reason, d.detail, d.sqlstate, d.attempts, d.entry_id, d.partition,
       d.received_at, d.first_seen_at, d.last_seen_at, d.replayed_at, d.redacted, octet_length(d.payload) AS payload_bytes
FROM dead_letters d
WHERE ($1::bigint[] IS NULL OR d.id = ANY ($1))
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
  AND ((d.replayed_at IS NULL) OR coalesce($9::boolean, false))
ORDER BY d.last_seen_at DESC, d.id DESC
LIMIT $10::integer
