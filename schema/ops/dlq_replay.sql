-- Takes dead letters that still wait, the oldest first, and marks them as replayed. $1..$8 the filters of dlq_list.sql (id, reason,
-- topic, key, source, since, until, organization_id), $9 limit integer.
-- Safe in one transaction: BEGIN; this; write each to its stream and wait for the confirmation; COMMIT. A crash in between leaves
-- the letter waiting and at worst sends the event twice, which changes nothing. A letter whose event fails again waits again
-- (store_dead_letters.sql) with a younger last_seen_at: give the beginning of the run as $7, so that a run ends.
-- Letters without a payload (redacted) or without a key are left alone; so are those that another run has taken.
-- -> id, source, topic, key, headers (JSON), payload (bytea), digest (bytea), received_us (microseconds since 1970, or NULL),
-- envelope_version, entry_id, partition.
WITH taken AS MATERIALIZED (
    SELECT d.id
    FROM dead_letters d
    WHERE d.replayed_at IS NULL AND d.payload IS NOT NULL AND d.source IS NOT NULL AND d.key IS NOT NULL
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
), marked AS (
    UPDATE dead_letters d SET replayed_at = now()
    FROM taken t
    WHERE d.id = t.id
    RETURNING d.*
)
SELECT m.id, m.source, m.topic, m.key, m.headers, m.payload, m.digest, (extract(epoch FROM m.received_at) * 1000000)::bigint AS received_us,
       m.envelope_version, m.entry_id, m.partition
FROM marked m
ORDER BY m.received_at, entry_order(m.entry_id), m.id
