-- The traces that redactions of these stores left (redact()): of every connection that a store ever had, as far as they are not older
-- than the redaction at hand. $1 integration_id uuid[], $2 microseconds since 1970 bigint, $3 most int
-- -> kind, external_id: an id, or personal_hash() of an e-mail address or a phone number.
SELECT DISTINCT d.kind, d.external_id
FROM (SELECT DISTINCT i.id
      FROM commerce_integrations own
      JOIN commerce_integrations i ON i.id = own.id
                                      OR (i.source = own.source AND lower(i.store_domain) = lower(own.store_domain))
      WHERE own.id = ANY ($1::uuid[])) i
JOIN commerce_tombstones d ON d.integration_id = i.id
WHERE d.kind IN ('redacted_customer', 'redacted_order', 'redacted_email', 'redacted_phone')
  AND coalesce(d.at >= to_timestamp($2::bigint / 1000000.0) - interval '1 second', true)
LIMIT $3::integer
