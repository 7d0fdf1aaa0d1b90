-- Dead letters whose cause is mended, in the order in which their events came: letters of calls that have a row by now. $1 most of
-- them int, $2 most bytes of payload bigint (the first one may be larger). A letter that failed ten times is left to people.
-- Letters of the last two minutes are looked at also without a note: of a letter and a call that were written at the same moment
-- neither transaction saw the other's row.
-- -> id, source, topic, key, headers, payload, digest, received_us, looked_at. For mended_letters_sent.sql.
WITH note AS MATERIALIZED (
    SELECT r.id, r.letter_id FROM dead_letter_retries r ORDER BY r.id LIMIT $1::integer
), recent AS (
    SELECT d.id
    FROM dead_letters d
    WHERE d.last_seen_at > now() - interval '2 minutes' AND d.reason = 'unknown_call' AND d.replayed_at IS NULL
      AND EXISTS (SELECT FROM calls c WHERE c.provider = d.source AND c.external_call_id = d.key)
    LIMIT $1
), letter AS MATERIALIZED (
    SELECT d.*
    FROM dead_letters d
    WHERE d.id = ANY (ARRAY(SELECT n.letter_id FROM note n UNION SELECT r.id FROM recent r))
      AND d.reason = 'unknown_call' AND d.replayed_at IS NULL AND d.payload IS NOT NULL AND d.attempts < 10
), moot AS (
    DELETE FROM dead_letter_retries r USING note n
    WHERE r.id = n.id AND NOT EXISTS (SELECT FROM letter l WHERE l.id = n.letter_id)
)
SELECT l.id, l.source, l.topic, l.key, l.headers, l.payload, l.digest, (extract(epoch FROM l.received_at) * 1000000)::bigint AS received_us,
       clock_timestamp() AS looked_at
FROM (SELECT l.*, entry_order(l.entry_id) AS entry_order, row_number() OVER w AS n, sum(octet_length(l.payload)) OVER w AS bytes
      FROM letter l
      WINDOW w AS (ORDER BY l.received_at, entry_order(l.entry_id), l.id ROWS UNBOUNDED PRECEDING)) l
WHERE l.n = 1 OR (l.n <= $1 AND l.bytes <= $2::bigint)
ORDER BY l.n
