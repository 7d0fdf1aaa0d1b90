-- A copy did not succeed. $1 call_id uuid, $2 attempts integer of the claim, $3 error text, $4 retry_after interval (NULL: never again).
-- A claim that has been lost since changes nothing. No retry falls behind the expiry of the link.
-- Answers one row: the state, due, failed or expired; none: the claim was lost.
UPDATE call_recording_copies c
SET state = CASE WHEN $4::interval IS NULL THEN 'failed'
                 WHEN c.url_expires_at <= now() + $4 THEN 'expired'
                 ELSE 'due' END,
    next_at = CASE WHEN c.url_expires_at <= now() + $4 THEN NULL ELSE now() + $4 END,
    error = left($3::text, 1000)
WHERE c.call_id = $1::uuid AND c.state = 'due' AND c.attempts = $2::integer
RETURNING c.state
