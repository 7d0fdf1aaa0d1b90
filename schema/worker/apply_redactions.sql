-- customers/redact and shop/redact: erases personal data and leaves tombstones. $1..$8 rowset redactions.
-- Rare, and it reaches into many tables: redact() does the work, one request after the other. What it changes is
-- announced through live_outbox, so this answers no rows.
--
-- A store may have been connected more than once, also by different organizations. A customer is forgotten in all of
-- its connections. A store's own request speaks of a connection that ended, so where there are such ones, it is for them
-- and not for the one that lives.
SELECT NULL::text AS tbl, NULL::text AS type, NULL::text AS organization_id, NULL::text AS record
FROM (SELECT r.kind, r.external_customer_id, r.email, r.phone, r.order_ids, r.redacted_at, i.id AS integration_id, i.organization_id
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::jsonb[], $8::timestamptz[])
          r (integration_id, kind, external_customer_id, email, organization_id, phone, order_ids, redacted_at)
      CROSS JOIN LATERAL (
          SELECT i.id, i.organization_id, i.status = 'disconnected' AS ended,
                 bool_or(i.status = 'disconnected') OVER () AS any_ended
          FROM commerce_integrations own
          JOIN commerce_integrations i ON i.id = own.id
                                          OR (i.source = own.source AND lower(i.store_domain) = lower(own.store_domain))
          WHERE own.id = r.integration_id) i
      WHERE r.kind <> 'shop' OR i.ended OR NOT i.any_ended
      ORDER BY i.id, r.kind, r.external_customer_id COLLATE "C", r.email COLLATE "C") r
WHERE redact(r.integration_id, r.kind, nullif(r.external_customer_id, ''), nullif(r.email, ''), r.organization_id,
             nullif(r.phone, ''), r.order_ids, r.redacted_at) IS NULL
