-- Events that could not be stored. The same event that fails again is the same letter (dead_letters.identity): attempts and
-- last_seen_at grow, the first entry and first_seen_at stay. What was redacted stays erased, and what a redaction covers
-- is not kept in the first place.
-- $1..$16: source, topic, key, organization_id, reason, detail, sqlstate, payload, headers, entry_id, partition, attempts,
-- envelope_version, app_version, digest, received_at.
WITH letter AS MATERIALIZED (
    SELECT DISTINCT ON (s.identity) s.*, sum(s.attempts) OVER (PARTITION BY s.identity) AS all_attempts,
           dead_letter_redacted(s.key, s.payload, s.received_at) AS redacted
    FROM (SELECT d.*, entry_order(d.entry_id) AS entry_order,
                 coalesce(d.source, '') || E'\n' || coalesce(d.topic, '') || E'\n' || coalesce(d.key, '') || E'\n'
                 || coalesce(encode(d.digest, 'hex'), d.entry_id, '') AS identity
          FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::jsonb[],
                      $10::text[], $11::integer[], $12::integer[], $13::integer[], $14::text[], $15::bytea[], $16::timestamptz[])
              d (source, topic, key, organization_id, reason, detail, sqlstate, payload, headers, entry_id, partition, attempts,
                 envelope_version, app_version, digest, received_at)) s
    ORDER BY s.identity, s.entry_order
)
INSERT INTO dead_letters AS t
    (source, topic, key, organization_id, reason, detail, sqlstate, payload, headers, entry_id, partition, attempts,
     envelope_version, app_version, digest, received_at, redacted)
SELECT l.source, l.topic, l.key, l.organization_id, l.reason, l.detail, l.sqlstate,
       CASE WHEN NOT l.redacted THEN l.payload END, CASE WHEN NOT l.redacted THEN l.headers END,
       l.entry_id, l.partition, l.all_attempts, l.envelope_version, l.app_version, l.digest, l.received_at, l.redacted
FROM letter l
ORDER BY l.identity
ON CONFLICT (identity) DO UPDATE SET
    organization_id = coalesce(excluded.organization_id, t.organization_id), reason = excluded.reason, detail = excluded.detail,
    sqlstate = excluded.sqlstate,
    payload = CASE WHEN NOT t.redacted AND NOT excluded.redacted THEN coalesce(excluded.payload, t.payload) END,
    headers = CASE WHEN NOT t.redacted AND NOT excluded.redacted THEN coalesce(excluded.headers, t.headers) END,
    entry_id = CASE WHEN entry_order(excluded.entry_id) < entry_order(t.entry_id) THEN excluded.entry_id
                    ELSE coalesce(t.entry_id, excluded.entry_id) END,
    partition = excluded.partition, attempts = t.attempts + excluded.attempts, envelope_version = excluded.envelope_version,
    app_version = excluded.app_version, received_at = least(t.received_at, excluded.received_at),
    redacted = t.redacted OR excluded.redacted, last_seen_at = now(), replayed_at = NULL
