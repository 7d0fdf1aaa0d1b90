-- A letter that was taken (dlq_replay.sql) and of which no event can be made: it waits on, as after one more failure. $1 id
UPDATE dead_letters SET replayed_at = NULL, attempts = attempts + 1, last_seen_at = clock_timestamp() WHERE id = $1::bigint
