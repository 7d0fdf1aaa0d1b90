-- What was said on calls of a batch. $1..$10 rowset call_turns. Runs behind upsert_calls.sql: the calls are there, and theirs are the
-- locks that are taken here.
-- Of whole lists the one with the greatest version is the transcript. Single live turns, in the order of their versions, are it
-- only while no whole list has come. An empty list (position -1) says nothing and takes nothing away.
-- Lines are keyed (call_id, sequence), from 1; lines that stay as they are, are not written. A line that only knows its offset gets its
-- time from the call's start, now or (upsert_calls.sql) as soon as that is known. Of a redacted call only who spoke and when is kept.
-- The forms of the joins: see upsert_calls.sql.
-- Answers (tbl, type, organization_id, record, call) for lines that really changed; call is the external id of theirs.
WITH line AS MATERIALIZED (
    SELECT l.provider, l.external_call_id, encode(l.source_version, 'hex') COLLATE "C" AS version, l.position, l.whole,
           l.speaker::transcript_speaker AS speaker, coalesce(l.content, '') AS content, l.confidence,
           CASE WHEN l.spoken_at IS NULL THEN l.offset_us::bigint END AS offset_us, l.spoken_at
    FROM unnest($1::text[], $2::text[], $3::bytea[], $4::integer[], $5::boolean[], $6::text[], $7::text[], $8::numeric[],
                $9::text[], $10::timestamptz[])
        l (provider, external_call_id, source_version, position, whole, speaker, content, confidence, offset_us, spoken_at)
    WHERE l.position >= 0
), told AS MATERIALIZED (
    SELECT l.provider, l.external_call_id, max(l.version) FILTER (WHERE l.whole) AS version
    FROM line l
    GROUP BY l.provider, l.external_call_id
), call AS MATERIALIZED (
    SELECT k.provider, k.external_call_id, k.version, t.*,
           decode(k.version, 'hex') > coalesce(s.transcript_version, '') AS replaced,
           k.version IS NULL AND s.transcript_version IS NULL AS live
    FROM (SELECT * FROM told k ORDER BY k.provider COLLATE "C", k.external_call_id COLLATE "C") k
    CROSS JOIN LATERAL (SELECT t.id, t.organization_id, t.started_at, t.redacted FROM calls t
                        WHERE t.provider = k.provider AND t.external_call_id = k.external_call_id
                        FOR UPDATE OF t) t
    LEFT JOIN LATERAL (SELECT * FROM call_voice_state s WHERE s.call_id = t.id OFFSET 0) s ON true
), fresh AS MATERIALIZED (
    SELECT c.id AS call_id, c.live, l.version, l.position, l.speaker,
           CASE WHEN c.redacted THEN '' ELSE l.content END AS content, l.confidence, l.offset_us, l.spoken_at
    FROM call c
    FULL JOIN line l ON l.provider = c.provider AND l.external_call_id = c.external_call_id
    WHERE CASE WHEN num_nonnulls(c.id, l.external_call_id) < 2 THEN false
               WHEN c.live THEN NOT l.whole
               ELSE c.replaced AND l.whole AND l.version = c.version END
), noted AS (
    INSERT INTO call_live_turns (call_id, source_version, position, speaker, content, confidence, offset_us, spoken_at)
    SELECT f.call_id, decode(f.version, 'hex'), f.position, f.speaker, f.content, f.confidence, f.offset_us, f.spoken_at
    FROM fresh f
    WHERE f.live
    ORDER BY f.call_id, f.version, f.position
    ON CONFLICT (call_id, source_version, position) DO NOTHING
    RETURNING *
), stale AS (                   -- a whole list has come
    DELETE FROM call_live_turns v WHERE v.call_id = ANY (ARRAY(SELECT c.id FROM call c WHERE c.replaced))
), next AS MATERIALIZED (
    SELECT n.*, row_number() OVER (PARTITION BY n.call_id ORDER BY n.source_version, n.position)::integer AS sequence
    FROM (SELECT f.call_id, decode(f.version, 'hex') AS source_version, f.position, f.speaker, f.content, f.confidence, f.offset_us,
                 f.spoken_at
          FROM fresh f
          WHERE NOT f.live
          UNION ALL
          SELECT v.* FROM noted v
          UNION ALL
          SELECT v.*
          FROM (SELECT DISTINCT n.call_id FROM noted n) n
          CROSS JOIN LATERAL (SELECT * FROM call_live_turns v WHERE v.call_id = n.call_id OFFSET 0) v) n
), list AS MATERIALIZED (
    SELECT n.call_id, max(n.sequence) AS n, array_agg(n.offset_us ORDER BY n.sequence) AS offsets
    FROM next n
    GROUP BY n.call_id
), timed AS MATERIALIZED (
    SELECT n.*, c.organization_id, coalesce(n.spoken_at, c.started_at + n.offset_us * interval '1 microsecond') AS at
    FROM next n
    FULL JOIN call c ON c.id = n.call_id
    WHERE num_nonnulls(n.call_id, c.id) = 2
), kept AS (
    INSERT INTO call_transcripts AS t (organization_id, call_id, sequence, speaker, content, confidence, timestamp)
    SELECT n.organization_id, n.call_id, n.sequence, n.speaker, n.content, n.confidence, n.at
    FROM timed n
    ORDER BY n.call_id, n.sequence
    ON CONFLICT (call_id, sequence) DO UPDATE SET
        speaker = excluded.speaker, content = excluded.content, confidence = excluded.confidence, timestamp = excluded.timestamp
    WHERE (t.speaker, t.content, t.confidence, t.timestamp)
          IS DISTINCT FROM (excluded.speaker, excluded.content, excluded.confidence, excluded.timestamp)
    RETURNING t.organization_id, t.call_id, t.sequence, t.xmax = 0 AS inserted, live_record(t) AS record
), gone AS (
    DELETE FROM call_transcripts t
    WHERE t.id = ANY (ARRAY(SELECT x.id
                            FROM list l
                            CROSS JOIN LATERAL (SELECT x.id FROM call_transcripts x
                                                WHERE x.call_id = l.call_id AND x.sequence > l.n OFFSET 0) x))
    RETURNING t.organization_id, t.call_id, t.sequence, live_record(t) AS record
), remembered AS (
    INSERT INTO call_voice_state AS s (call_id, transcript_version, offsets)
    SELECT c.id, CASE WHEN c.replaced THEN decode(c.version, 'hex') END,
           CASE WHEN num_nonnulls(VARIADIC l.offsets) > 0 THEN l.offsets END
    FROM list l
    FULL JOIN call c ON c.id = l.call_id
    WHERE num_nonnulls(l.call_id, c.id) = 2
    ON CONFLICT (call_id) DO UPDATE SET transcript_version = excluded.transcript_version, offsets = excluded.offsets
)
SELECT u.tbl, u.type, u.organization_id::text AS organization_id, u.record::text AS record,
       (SELECT c.external_call_id FROM calls c WHERE c.id = u.call_id) AS call
FROM (SELECT 'call_transcripts' AS tbl, CASE WHEN k.inserted THEN 'INSERT' ELSE 'UPDATE' END AS type, k.organization_id,
             k.record, k.call_id, k.sequence
      FROM kept k
      UNION ALL
      SELECT 'call_transcripts', 'DELETE', g.organization_id, g.record, g.call_id, g.sequence FROM gone g) u
ORDER BY u.call_id, u.sequence
