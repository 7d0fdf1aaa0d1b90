-- Calls of a batch. $1..$25 rowset calls: events, any number per call, in any order.
-- One row per (provider, external_call_id); a row that was reserved with the attempt id of the metadata and has no external
-- id yet becomes the call's. Status moves forward only; every other column has what the greatest version said
-- that said anything (call_fold()), so a version that is already there changes nothing and writes nothing. A redacted call stays
-- redacted. campaign, agent and contact are the tenant's or NULL; contacts are made from customer_phone.
-- Locks: calls by their keys, then reserved ones, then contacts by (organization_id, phone).
-- Answers (tbl, type, organization_id, record, call) for calls, contacts and (when the start became known) transcript
-- lines that really changed; call is the external id of the one that a row belongs to.
--
-- FULL JOIN because it is always hashed (see upsert_orders.sql); LATERAL with a lock or OFFSET 0, and CASE around what is compared,
-- because these leave only the index that is meant, also in a plan that was made while the tables were small.
WITH call AS MATERIALIZED (
    SELECT v.provider, v.external_call_id, (array_agg(v.organization_id ORDER BY v.source_version))[1] AS organization_id,
           max(v.status::call_status) AS status, min(nullif(v.metadata ->> 'attempt_id', '')) AS attempt_id,
           min(v.source_updated_at) AS seen_at, array_agg(v.source_version) AS versions,
           array_agg(jsonb_build_object(
               'campaign_id', (SELECT CASE WHEN c.organization_id = v.organization_id THEN c.id END
                               FROM campaigns c WHERE c.id = v.campaign_id),
               'agent_id', (SELECT CASE WHEN a.organization_id = v.organization_id THEN a.id END
                            FROM agents a WHERE a.id = v.agent_id),
               'contact_id', (SELECT CASE WHEN k.organization_id = v.organization_id THEN k.id END
                              FROM contacts k WHERE k.id = uuid_or_null(v.contact_id)),
               'call_type', v.call_type, 'from_number', v.from_number, 'to_number', v.to_number, 'outcome', v.outcome,
               'duration_seconds', v.duration_seconds, 'sentiment', v.sentiment, 'sentiment_score', v.sentiment_score,
               'summary', v.summary, 'error_message', v.error_message, 'attempt_number', v.attempt_number,
               'metadata', v.metadata, 'started_at', v.started_at, 'ended_at', v.ended_at,
               'customer_phone', v.customer_phone)) AS fields
    FROM unnest($1::text[], $2::text[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
                $10::text[], $11::text[], $12::integer[], $13::text[], $14::integer[], $15::text[], $16::text[], $17::integer[],
                $18::jsonb[], $19::timestamptz[], $20::timestamptz[], $21::text[], $22::integer[], $23::timestamptz[],
                $24::timestamptz[], $25::bytea[])
        v (provider, external_call_id, organization_id, campaign_id, agent_id, contact_id, call_type, from_number, to_number,
           status, outcome, duration_seconds, sentiment, sentiment_score, summary, error_message, attempt_number, metadata,
           started_at, ended_at, customer_phone, phase, source_updated_at, source_triggered_at, source_version)
    GROUP BY v.provider, v.external_call_id
), known AS MATERIALIZED (
    SELECT c.provider, c.external_call_id, o.old
    FROM (SELECT c.provider, c.external_call_id FROM call c
          ORDER BY c.provider COLLATE "C", c.external_call_id COLLATE "C") c
    CROSS JOIN LATERAL (SELECT t AS old FROM calls t
                        WHERE t.provider = c.provider AND t.external_call_id = c.external_call_id
                        FOR UPDATE OF t) o
), claim AS MATERIALIZED (      -- each call at most one reserved row, each reserved row at most one call
    SELECT DISTINCT ON (r.id) r.id, c.provider, c.external_call_id
    FROM call c
    CROSS JOIN LATERAL (
        SELECT t.id
        FROM calls t
        WHERE md5(t.metadata ->> 'attempt_id') = md5(c.attempt_id) AND t.metadata ->> 'attempt_id' IS NOT NULL
          AND t.external_call_id IS NULL
          AND CASE WHEN t.metadata ->> 'attempt_id' = c.attempt_id
                   THEN t.organization_id = c.organization_id AND coalesce(t.provider = c.provider, true) END
        ORDER BY t.created_at, t.id
        LIMIT 1) r
    WHERE NOT EXISTS (SELECT FROM known k WHERE k.provider = c.provider AND k.external_call_id = c.external_call_id)
    ORDER BY r.id, c.provider, c.external_call_id
), reserved AS MATERIALIZED (   -- the dialer may just now have written the id itself
    SELECT c.provider, c.external_call_id, o.old
    FROM claim c
    CROSS JOIN LATERAL (SELECT t AS old FROM calls t
                        WHERE t.id = c.id
                          AND (t.external_call_id IS NULL
                               OR CASE WHEN t.provider = c.provider THEN t.external_call_id = c.external_call_id END)
                        FOR UPDATE OF t) o
), merged AS MATERIALIZED (
    SELECT c.provider, c.external_call_id, c.organization_id, c.status, c.seen_at, o.old, (o.old).id IS NOT NULL AS found,
           s.said AS old_said, s.customer_phone AS old_phone, s.offsets, f.*,
           jsonb_path_exists(f.said, '$.*[*] ? (@ == "contact_id")') AS contact_named
    FROM call c
    FULL JOIN (SELECT * FROM known UNION ALL SELECT * FROM reserved) o
        ON o.provider = c.provider AND o.external_call_id = c.external_call_id
    LEFT JOIN LATERAL (SELECT * FROM call_voice_state s WHERE s.call_id = (o.old).id OFFSET 0) s ON true
    CROSS JOIN LATERAL call_fold(coalesce(s.said, CASE WHEN (o.old).id IS NOT NULL THEN call_pinned(o.old) END),
                                 c.versions, c.fields) f
), redacting AS MATERIALIZED (
    SELECT id FROM redacting_organizations(ARRAY(SELECT DISTINCT m.organization_id FROM merged m)) id
), judged AS MATERIALIZED (
    SELECT m.*, coalesce((m.old).organization_id, m.organization_id) AS owner, p.metadata AS all_metadata, p.customer_phone, p.started_at,
           coalesce((m.old).redacted, false)
           OR CASE WHEN coalesce((m.old).organization_id, m.organization_id) IN (SELECT id FROM redacting)
                   THEN call_is_redacted(coalesce((m.old).organization_id, m.organization_id), p.customer_phone, p.metadata,
                                         coalesce(p.started_at, least((m.old).created_at, m.seen_at), now()))
                   ELSE false END AS redacted
    FROM merged m
    CROSS JOIN LATERAL (
        SELECT CASE jsonb_typeof((m.old).metadata) WHEN 'object' THEN (m.old).metadata ELSE '{}' END || m.metadata AS metadata,
               coalesce(m.won ->> 'customer_phone', m.old_phone) AS customer_phone,
               coalesce((m.won ->> 'started_at')::timestamptz, (m.old).started_at) AS started_at) p
), phone AS MATERIALIZED (      -- other ends that this batch is the first to tell
    SELECT DISTINCT j.owner, j.customer_phone
    FROM judged j
    WHERE NOT j.redacted AND j.customer_phone IS DISTINCT FROM j.old_phone AND j.customer_phone IS NOT NULL
), met AS MATERIALIZED (
    SELECT k.id, k.organization_id, k.phone
    FROM (SELECT * FROM phone p ORDER BY p.owner, p.customer_phone COLLATE "C") p
    CROSS JOIN LATERAL (SELECT k.id, k.organization_id, k.phone FROM contacts k
                        WHERE k.organization_id = p.owner AND k.phone = p.customer_phone
                        FOR KEY SHARE OF k) k
), introduced AS (              -- a conflict: somebody else just did
    INSERT INTO contacts AS k (organization_id, phone)
    SELECT p.owner, p.customer_phone
    FROM phone p
    WHERE (p.owner, p.customer_phone) NOT IN (SELECT m.organization_id, m.phone FROM met m)
    ORDER BY p.owner, p.customer_phone COLLATE "C"
    ON CONFLICT (organization_id, phone) DO UPDATE SET phone = excluded.phone
    RETURNING k.id, k.organization_id, k.phone, k.xmax = 0 AS inserted, live_record(k) AS record
), next AS MATERIALIZED (
    SELECT j.old, j.found, coalesce((j.old).id, gen_random_uuid()) AS id, j.owner AS organization_id, j.provider, j.external_call_id,
           j.said, j.old_said, j.old_phone, j.offsets, j.redacted, j.started_at,
           CASE WHEN NOT j.redacted THEN j.customer_phone END AS customer_phone,
           coalesce((SELECT CASE WHEN c.organization_id = j.owner THEN c.id END
                     FROM campaigns c WHERE c.id = (j.won ->> 'campaign_id')::uuid), (j.old).campaign_id) AS campaign_id,
           coalesce((SELECT CASE WHEN a.organization_id = j.owner THEN a.id END
                     FROM agents a WHERE a.id = (j.won ->> 'agent_id')::uuid), (j.old).agent_id) AS agent_id,
           CASE WHEN j.redacted THEN NULL
                WHEN j.contact_named
                THEN coalesce((SELECT CASE WHEN k.organization_id = j.owner THEN k.id END
                               FROM contacts k WHERE k.id = (j.won ->> 'contact_id')::uuid), (j.old).contact_id)
                ELSE coalesce(k.id, (j.old).contact_id) END AS contact_id,
           coalesce((j.won ->> 'call_type')::call_type, (j.old).call_type, 'outbound') AS call_type,
           CASE WHEN NOT j.redacted THEN coalesce(j.won ->> 'from_number', (j.old).from_number) END AS from_number,
           CASE WHEN NOT j.redacted THEN coalesce(j.won ->> 'to_number', (j.old).to_number) END AS to_number,
           greatest(j.status, (j.old).status) AS status,
           coalesce((j.won ->> 'outcome')::call_outcome, (j.old).outcome) AS outcome,
           coalesce((j.won ->> 'duration_seconds')::integer, (j.old).duration_seconds) AS duration_seconds,
           coalesce((j.won ->> 'sentiment')::call_sentiment, (j.old).sentiment) AS sentiment,
           coalesce((j.won ->> 'sentiment_score')::integer, (j.old).sentiment_score) AS sentiment_score,
           CASE WHEN NOT j.redacted THEN coalesce(j.won ->> 'summary', (j.old).summary) END AS summary,
           CASE WHEN NOT j.redacted THEN coalesce(j.won ->> 'error_message', (j.old).error_message) END AS error_message,
           coalesce((j.won ->> 'attempt_number')::integer, (j.old).attempt_number, 1) AS attempt_number,
           CASE WHEN j.redacted THEN impersonal_call(j.all_metadata) ELSE j.all_metadata END AS metadata,
           coalesce((j.won ->> 'ended_at')::timestamptz, (j.old).ended_at) AS ended_at
    FROM judged j
    FULL JOIN (SELECT m.id, m.organization_id, m.phone FROM met m
               UNION ALL
               SELECT i.id, i.organization_id, i.phone FROM introduced i) k
        ON k.organization_id = j.owner AND k.phone = j.customer_phone
), stored AS (
    INSERT INTO calls AS t
        (id, organization_id,
         provider, external_call_id, campaign_id, agent_id, contact_id, call_type, from_number, to_number, status, outcome,
         duration_seconds, sentiment, sentiment_score, summary, error_message, attempt_number, metadata, started_at,
         ended_at, redacted)
    SELECT n.id, n.organization_id,
           n.provider, n.external_call_id, n.campaign_id, n.agent_id, n.contact_id, n.call_type, n.from_number,
           n.to_number, n.status, n.outcome, n.duration_seconds, n.sentiment, n.sentiment_score, n.summary,
           n.error_message, n.attempt_number, n.metadata, n.started_at, n.ended_at, n.redacted
    FROM next n
    WHERE NOT n.found
       OR (n.provider, n.external_call_id, n.campaign_id, n.agent_id, n.contact_id, n.call_type, n.from_number,
           n.to_number, n.status, n.outcome, n.duration_seconds, n.sentiment, n.sentiment_score, n.summary,
           n.error_message, n.attempt_number, n.metadata, n.started_at, n.ended_at, n.redacted)
          IS DISTINCT FROM
          ((n.old).provider, (n.old).external_call_id, (n.old).campaign_id, (n.old).agent_id, (n.old).contact_id,
           (n.old).call_type, (n.old).from_number, (n.old).to_number, (n.old).status, (n.old).outcome,
           (n.old).duration_seconds, (n.old).sentiment, (n.old).sentiment_score, (n.old).summary, (n.old).error_message,
           (n.old).attempt_number, (n.old).metadata, (n.old).started_at, (n.old).ended_at, (n.old).redacted)
    ORDER BY n.provider COLLATE "C", n.external_call_id COLLATE "C"
    ON CONFLICT (id) DO UPDATE SET
        provider = excluded.provider, external_call_id = excluded.external_call_id, campaign_id = excluded.campaign_id,
        agent_id = excluded.agent_id, contact_id = excluded.contact_id, call_type = excluded.call_type,
        from_number = excluded.from_number, to_number = excluded.to_number, status = excluded.status,
        outcome = excluded.outcome, duration_seconds = excluded.duration_seconds, sentiment = excluded.sentiment,
        sentiment_score = excluded.sentiment_score, summary = excluded.summary, error_message = excluded.error_message,
        attempt_number = excluded.attempt_number, metadata = excluded.metadata, started_at = excluded.started_at,
        ended_at = excluded.ended_at, redacted = excluded.redacted
    RETURNING t.organization_id, t.external_call_id, t.xmax = 0 AS inserted, live_record(t) AS record
), remembered AS (
    INSERT INTO call_voice_state AS s (call_id, said, customer_phone)
    SELECT n.id, n.said, n.customer_phone
    FROM next n
    WHERE (n.said, n.customer_phone) IS DISTINCT FROM (n.old_said, n.old_phone)
    ON CONFLICT (call_id) DO UPDATE SET said = excluded.said, customer_phone = excluded.customer_phone
), timed AS (                   -- lines that only know how long after the start they were said
    INSERT INTO call_transcripts AS t (id, organization_id, call_id, sequence, timestamp)
    SELECT l.id, n.organization_id, n.id, l.sequence, n.started_at + n.offsets[l.sequence] * interval '1 microsecond'
    FROM next n
    CROSS JOIN LATERAL (SELECT l.id, l.sequence FROM call_transcripts l WHERE l.call_id = n.id OFFSET 0) l
    WHERE n.found AND n.offsets IS NOT NULL AND n.started_at IS DISTINCT FROM (n.old).started_at
      AND n.offsets[l.sequence] IS NOT NULL
    ORDER BY n.id, l.sequence
    ON CONFLICT (call_id, sequence) DO UPDATE SET timestamp = excluded.timestamp
    RETURNING t.organization_id, t.call_id, live_record(t) AS record
)
SELECT 'contacts' AS tbl, 'INSERT' AS type, i.organization_id::text AS organization_id, i.record::text AS record, NULL AS call
FROM introduced i WHERE i.inserted
UNION ALL
SELECT 'calls', CASE WHEN s.inserted THEN 'INSERT' ELSE 'UPDATE' END, s.organization_id::text, s.record::text,
       s.external_call_id
FROM stored s
UNION ALL
SELECT 'call_transcripts', 'UPDATE', t.organization_id::text, t.record::text,
       (SELECT c.external_call_id FROM calls c WHERE c.id = t.call_id)
FROM timed t
