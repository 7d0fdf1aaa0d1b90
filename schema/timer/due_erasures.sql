-- Claims files of deleted or redacted recordings, to be erased from the store: up to $1 integer, for $2 interval.
-- Answers one row per claim: call_id, organization_id, storage_path, attempts. An erasure that fails needs no report: it comes
-- back when the lease ends.
WITH due AS MATERIALIZED (
    SELECT c.call_id
    FROM call_recording_copies c
    WHERE c.state = 'erase' AND c.next_at <= now()
    ORDER BY c.next_at
    LIMIT $1::integer
    FOR UPDATE SKIP LOCKED
)
UPDATE call_recording_copies c SET attempts = c.attempts + 1, next_at = now() + $2::interval
FROM due d
WHERE c.call_id = d.call_id
RETURNING c.call_id, c.organization_id, c.storage_path, c.attempts
