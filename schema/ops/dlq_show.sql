-- One dead letter with all that is kept of it. $1 id bigint.
-- -> the columns of dlq_list.sql, then envelope_version, app_version, digest (hex), headers (JSON), payload (bytea).
SELECT d.id, d.source, d.topic, d.key, d.organization_id, d.reason, d.detail, d.sqlstate, d.attempts, d.entry_id, d.partition,
       d.received_at, d.first_seen_at, d.last_seen_at, d.replayed_at, d.redacted, octet_length(d.payload) AS payload_bytes,
       d.envelope_version, d.app_version, encode(d.digest, 'hex') AS digest, d.headers, d.payload
FROM dead_letters d
WHERE d.id = $1::bigint
