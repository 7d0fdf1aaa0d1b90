-- customers/redact and shop/redact: erases personal data and leaves tombstones. $1..$8 rowset redactions.
-- Rare, and it reaches into many tables: redact() does the work, one request after the other. What it changes is
-- announced through live_outbox, so this answers no rows.
SELECT NULL::text AS tbl, NULL::text AS type, NULL::text AS organization_id, NULL::text AS record
FROM (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::jsonb[], $8::timestamptz[])
          r (integration_id, kind, external_customer_id, email, organization_id, phone, order_ids, redacted_at)
      ORDER BY r.integration_id, r.kind, r.external_customer_id COLLATE "C", r.email COLLATE "C") r
WHERE redact(r.integration_id, r.kind, nullif(r.external_customer_id, ''), nullif(r.email, ''), r.organization_id,
             nullif(r.phone, ''), r.order_ids, r.redacted_at) IS NULL
