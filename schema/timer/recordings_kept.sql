-- Keeps claims on recordings up while they are being copied. $1 call_id uuid[], $2 attempts integer[] of the claims, $3 interval.
-- Answers the call_id of those that are still ours; what is missing was deleted, redacted or claimed by somebody else.
WITH held AS MATERIALIZED (
    SELECT c.call_id
    FROM unnest($1::uuid[], $2::integer[]) k (call_id, attempts)
    JOIN call_recording_copies c ON c.call_id = k.call_id AND c.attempts = k.attempts
    WHERE c.state = 'due'
    ORDER BY c.call_id
    FOR UPDATE OF c
)
UPDATE call_recording_copies c SET next_at = now() + $3::interval
FROM held h
WHERE c.call_id = h.call_id
RETURNING c.call_id
