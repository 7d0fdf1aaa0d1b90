-- Letters that were sent to their streams again. $1 ids bigint[] of those that arrived, $2 ids of those of which no event can be made
-- (they wait for a person), $3 looked_at of mended_letters.sql: whoever failed again since then waits again.
-- -> how many were marked.
WITH done AS (
    DELETE FROM dead_letter_retries r WHERE r.letter_id = ANY ($1::bigint[] || $2::bigint[])
), marked AS (
    UPDATE dead_letters d SET replayed_at = now()
    FROM (SELECT l.id FROM dead_letters l
          WHERE l.id = ANY ($1) AND l.replayed_at IS NULL AND l.last_seen_at < $3::timestamptz
          ORDER BY l.id FOR UPDATE SKIP LOCKED) l
    WHERE d.id = l.id
    RETURNING 1
)
SELECT count(*) AS marked FROM marked
