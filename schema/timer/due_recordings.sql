-- Claims recordings to copy: up to $1 integer, for $2 interval (a lease: whoever does not report back by then has lost the
-- claim). Those whose link expires first come first; whose link has expired are given up.
-- Answers one row per claim: call_id, organization_id, provider, external_call_id, provider_url, attempts (this one included; the
-- claim's number, see recording_failed.sql), url_expires_at (NULL: never).
WITH due AS MATERIALIZED (
    SELECT c.call_id
    FROM call_recording_copies c
    WHERE c.state = 'due' AND c.next_at <= now()
    ORDER BY c.url_expires_at, c.next_at
    LIMIT $1::integer
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE call_recording_copies c
    SET state = CASE WHEN c.url_expires_at <= now() THEN 'expired' ELSE 'due' END,
        attempts = c.attempts + CASE WHEN c.url_expires_at <= now() THEN 0 ELSE 1 END,
        next_at = now() + $2::interval,
        error = CASE WHEN c.url_expires_at <= now() THEN coalesce(c.error, 'the link expired before a copy was made') ELSE c.error END
    FROM due d
    WHERE c.call_id = d.call_id
    RETURNING c.*
)
SELECT c.call_id, c.organization_id, c.provider, c.external_call_id, c.provider_url, c.attempts, c.url_expires_at
FROM claimed c
WHERE c.state = 'due'
ORDER BY c.url_expires_at, c.call_id
