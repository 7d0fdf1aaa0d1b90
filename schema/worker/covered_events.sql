-- Which events of a batch speak of somebody who was redacted, so that nothing of them may stay in the retained stream: those whose
-- rows get no personal data, by the rules of the upserts. Asked about stores with redactions, and about calls.
-- $1 event int[], $2 kind text[] (order, checkout, customer, call), $3 integration_id uuid[], $4 external id text[], then of the
-- buyer: $5 external_customer_id text[], $6 email text[], $7 phone text[], $8 born timestamptz[], $9 changed timestamptz[]; $10 provider
-- text[] -> covered_event int
SELECT DISTINCT e.event AS covered_event
FROM unnest($1::integer[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[],
            $9::timestamptz[], $10::text[])
    e (event, kind, integration_id, external_id, customer, email, phone, born, changed, provider)
WHERE CASE WHEN e.kind = 'call'
           THEN (SELECT c.redacted FROM calls c WHERE c.provider = e.provider AND c.external_call_id = e.external_id)
           ELSE (SELECT d.kind FROM commerce_tombstones d
                 WHERE d.integration_id = e.integration_id AND d.kind = 'redacted_' || e.kind
                   AND d.external_id = e.external_id) IS NOT NULL
                OR is_redacted(e.integration_id, e.customer, e.email, e.phone, e.born, e.changed) END
