-- Recordings of calls of a batch, one per call. $1..$6 rowset call_recordings: events, any number per call. Runs behind upsert_calls.sql.
-- The link of the greatest version that had one counts, with its own expiry; duration_seconds the same, until the copy was
-- measured. A new link starts a copy that had failed or come too late again; what was copied is not copied again.
-- A recording that was deleted stays deleted, and a redacted call gets none.
-- The forms of the joins: see upsert_calls.sql.
-- Answers (tbl, type, organization_id, record, call) for recordings that really changed; call is the external id of theirs.
WITH told AS MATERIALIZED (
    SELECT v.provider, v.external_call_id,
           (array_agg(v.provider_url ORDER BY v.source_version DESC, v.provider_url) FILTER (WHERE v.provider_url <> ''))[1] AS provider_url,
           (array_agg(v.url_expires_at ORDER BY v.source_version DESC, v.provider_url) FILTER (WHERE v.provider_url <> ''))[1] AS url_expires_at,
           (array_agg(v.source_version ORDER BY v.source_version DESC) FILTER (WHERE v.provider_url <> ''))[1] AS url_version,
           (array_agg(v.duration_seconds ORDER BY v.source_version DESC, v.duration_seconds)
                FILTER (WHERE v.duration_seconds IS NOT NULL))[1] AS duration_seconds,
           (array_agg(v.source_version ORDER BY v.source_version DESC) FILTER (WHERE v.duration_seconds IS NOT NULL))[1] AS duration_version
    FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::integer[], $6::bytea[])
        v (provider, external_call_id, provider_url, url_expires_at, duration_seconds, source_version)
    GROUP BY v.provider, v.external_call_id
), incoming AS MATERIALIZED (
    SELECT t.id AS call_id, t.organization_id, k.*
    FROM (SELECT * FROM told k ORDER BY k.provider COLLATE "C", k.external_call_id COLLATE "C") k
    CROSS JOIN LATERAL (SELECT t.id, t.organization_id FROM calls t
                        WHERE t.provider = k.provider AND t.external_call_id = k.external_call_id AND NOT t.redacted
                        FOR UPDATE OF t) t
), next AS MATERIALIZED (
    SELECT n.*, coalesce(n.url_version > coalesce(c.url_version, ''), false) AS has_url,
           coalesce(n.duration_version > coalesce(c.duration_version, ''), false) AS has_duration
    FROM incoming n
    LEFT JOIN LATERAL (SELECT * FROM call_recording_copies c WHERE c.call_id = n.call_id OFFSET 0) c ON true
    WHERE coalesce(c.state NOT IN ('erase', 'gone'), true)
), copies AS (
    INSERT INTO call_recording_copies AS c
        (call_id, organization_id, provider, external_call_id, provider_url, url_expires_at, url_version, duration_version, state, next_at)
    SELECT n.call_id, n.organization_id, n.provider, n.external_call_id, n.provider_url,
           CASE WHEN n.has_url THEN n.url_expires_at END, CASE WHEN n.has_url THEN n.url_version END,
           CASE WHEN n.has_duration THEN n.duration_version END, CASE WHEN n.has_url THEN 'due' ELSE 'waiting' END, now()
    FROM next n
    WHERE n.has_url OR n.has_duration
    ON CONFLICT (call_id) DO UPDATE SET
        provider = excluded.provider, external_call_id = excluded.external_call_id,
        provider_url = CASE WHEN excluded.url_version IS NOT NULL THEN excluded.provider_url ELSE c.provider_url END,
        url_expires_at = CASE WHEN excluded.url_version IS NOT NULL THEN excluded.url_expires_at ELSE c.url_expires_at END,
        url_version = coalesce(excluded.url_version, c.url_version),
        duration_version = coalesce(excluded.duration_version, c.duration_version),
        state = CASE WHEN excluded.url_version IS NOT NULL AND c.state IN ('waiting', 'failed', 'expired') THEN 'due' ELSE c.state END,
        attempts = CASE WHEN excluded.url_version IS NOT NULL AND c.state IN ('failed', 'expired') THEN 0 ELSE c.attempts END,
        next_at = CASE WHEN excluded.url_version IS NOT NULL AND c.state IN ('waiting', 'failed', 'expired') THEN now() ELSE c.next_at END,
        error = CASE WHEN excluded.url_version IS NOT NULL THEN NULL ELSE c.error END
), recordings AS (
    INSERT INTO call_recordings AS t (organization_id, call_id, duration_seconds)
    SELECT n.organization_id, n.call_id, CASE WHEN n.has_duration THEN n.duration_seconds END
    FROM next n
    WHERE n.has_url OR n.has_duration
    ORDER BY n.call_id
    ON CONFLICT (call_id) DO UPDATE SET duration_seconds = excluded.duration_seconds
    WHERE excluded.duration_seconds IS NOT NULL AND t.duration_seconds IS DISTINCT FROM excluded.duration_seconds
    RETURNING t.organization_id, t.call_id, t.xmax = 0 AS inserted, live_record(t) AS record
)
SELECT 'call_recordings' AS tbl, CASE WHEN r.inserted THEN 'INSERT' ELSE 'UPDATE' END AS type,
       r.organization_id::text AS organization_id, r.record::text AS record,
       (SELECT c.external_call_id FROM calls c WHERE c.id = r.call_id) AS call
FROM recordings r
