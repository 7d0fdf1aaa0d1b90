-- customers/data_request: kept for the merchant to answer. $1..$8 rowset data_requests. The first delivery counts.
INSERT INTO commerce_data_requests
    (integration_id, external_request_id, organization_id, external_customer_id, email, phone, order_ids, requested_at)
SELECT DISTINCT ON (r.integration_id, r.external_request_id COLLATE "C")
       r.integration_id, r.external_request_id, r.organization_id, r.external_customer_id, r.email, r.phone,
       coalesce(r.order_ids, '[]'), r.requested_at
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::timestamptz[])
    r (integration_id, external_request_id, organization_id, external_customer_id, email, phone, order_ids, requested_at)
ORDER BY r.integration_id, r.external_request_id COLLATE "C", r.requested_at
ON CONFLICT (integration_id, external_request_id) DO NOTHING
