-- Throws away what nobody will ask for again, a bounded number of rows of each kind per run.
-- $1 now timestamptz, $2 CART_EXPIRE_AFTER interval, $3 limit int. Answers one row: how many of each, and whether any kind
-- reached the limit (run it again). Erasing a store that was too big to be erased at once goes on here, too.
-- A checkout whose state time cannot change any more goes 90 days after its cart would have expired; the cart stays.
WITH old_updates AS (
    DELETE FROM live_outbox WHERE id IN (
        SELECT o.id FROM live_outbox o WHERE o.committed_at < $1::timestamptz - interval '1 day'
        ORDER BY o.id LIMIT $3::integer FOR UPDATE SKIP LOCKED)
    RETURNING 1
), resolved_letters AS (
    DELETE FROM dead_letters WHERE id IN (
        SELECT d.id FROM dead_letters d
        WHERE d.replayed_at IS NOT NULL AND d.last_seen_at < $1 - interval '90 days'
        ORDER BY d.last_seen_at LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING 1
), old_checkouts AS (
    DELETE FROM commerce_checkouts c USING (
        SELECT s.integration_id, s.token FROM commerce_checkouts s
        WHERE s.created_at < $1 - $2::interval - interval '90 days'
          AND coalesce(s.source_updated_at, s.created_at) < $1 - $2 - interval '90 days'
          AND s.updated_at < $1 - interval '90 days'
          AND s.due_at IS NULL
        LIMIT $3 FOR UPDATE SKIP LOCKED) s
    WHERE c.integration_id = s.integration_id AND c.token = s.token
    RETURNING c.integration_id, c.token
), old_activity AS (
    DELETE FROM commerce_checkout_activity a USING old_checkouts c
    WHERE a.integration_id = c.integration_id AND a.token = c.token
    RETURNING 1
), erased AS MATERIALIZED (
    SELECT redact(d.integration_id, 'shop', NULL, NULL, d.organization_id, NULL, '[]', d.at) AS finished
    FROM (SELECT t.* FROM commerce_tombstones t WHERE t.unfinished LIMIT 1 FOR UPDATE SKIP LOCKED) d
), counted AS (
    SELECT (SELECT count(*) FROM old_updates) AS updates, (SELECT count(*) FROM resolved_letters) AS letters,
           (SELECT count(*) FROM old_checkouts) AS checkouts, (SELECT count(*) FROM old_activity) AS activity
)
SELECT c.*, greatest(c.updates, c.letters, c.checkouts) >= $3 OR EXISTS (SELECT FROM erased e WHERE NOT e.finished) AS more
FROM counted c
