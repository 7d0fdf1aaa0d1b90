-- Compares the database with what `ringback simulate --json` says must be in it: one row per check.
-- psql variable: doc, the JSON. Returns check, expected, found; text.
WITH doc AS (
    SELECT :'doc'::jsonb AS j
), expected AS (
    SELECT t.key AS name, t.value AS n
    FROM doc, jsonb_each_text(doc.j -> 'totals') t
    WHERE jsonb_typeof(doc.j -> 'totals' -> t.key) = 'number'
    UNION ALL
    SELECT part.name || ' ' || e.key, e.value
    FROM doc, (VALUES ('financial_status'), ('fulfillment_status'), ('payment_type'), ('orders_trigger_ready'),
                      ('carts_trigger_ready')) AS part (name),
         jsonb_each_text(doc.j -> 'totals' -> part.name) e
    UNION ALL
    SELECT part.name || ' ' || e.key, (e.value::numeric)::text
    FROM doc, (VALUES ('total_amount'), ('revenue_recovered')) AS part (name),
         jsonb_each_text(doc.j -> 'totals' -> part.name) e
    UNION ALL
    SELECT 'orders of ' || (s ->> 'domain'), s ->> 'orders'
    FROM doc, jsonb_array_elements(doc.j -> 'stores') s
    UNION ALL
    SELECT c.name, e.value
    FROM doc, jsonb_each_text(doc.j -> 'calls') e
    CROSS JOIN LATERAL (VALUES ('calls: ' || e.key), ('call rollup: ' || e.key)) AS c (name)
    WHERE jsonb_typeof(doc.j -> 'calls' -> e.key) = 'number' AND e.key <> 'callbacks'
      AND (c.name LIKE 'calls%' OR e.key IN ('calls', 'seconds', 'cod_confirmed'))
    UNION ALL
    SELECT kind.name || ' ' || part.name || ' ' || e.key, e.value
    FROM doc, (VALUES ('outcome'), ('sentiment'), ('status')) AS part (name),
         (VALUES ('calls:'), ('call rollup:')) AS kind (name),
         jsonb_each_text(doc.j -> 'calls' -> part.name) e
    WHERE (kind.name, part.name) <> ('call rollup:', 'status')
    UNION ALL
    SELECT 'calls of organization ' || (o ->> 'organization_id'), o ->> 'calls'
    FROM doc, jsonb_array_elements(doc.j -> 'calls' -> 'organizations') o
    UNION ALL
    SELECT 'calls without campaign, agent or contact', '0'
    UNION ALL
    SELECT 'dead letters', '0'
    UNION ALL
    SELECT 'rows outside their store''s organization', '0'
), found AS (
    SELECT 'orders' AS name, count(*)::text AS n FROM commerce_orders
    UNION ALL SELECT 'cod_orders', count(*)::text FROM commerce_orders WHERE payment_type = 'cod'
    UNION ALL SELECT 'orders_cancelled', count(*)::text FROM commerce_orders WHERE cancelled_at IS NOT NULL
    UNION ALL SELECT 'items', count(*)::text FROM commerce_order_items
    UNION ALL SELECT 'customers', count(*)::text FROM commerce_customers
    UNION ALL SELECT 'products', count(*)::text FROM commerce_products
    UNION ALL SELECT 'variants', count(*)::text FROM commerce_product_variants
    UNION ALL SELECT 'carts_' || s.status, count(c.id)::text
              FROM unnest(enum_range(NULL::cart_status)) AS s (status)
              LEFT JOIN commerce_abandoned_carts c ON c.status = s.status GROUP BY s.status
    UNION ALL SELECT 'financial_status ' || financial_status, count(*)::text FROM commerce_orders GROUP BY financial_status
    UNION ALL SELECT 'fulfillment_status ' || fulfillment_status, count(*)::text FROM commerce_orders GROUP BY fulfillment_status
    UNION ALL SELECT 'payment_type ' || payment_type, count(*)::text FROM commerce_orders GROUP BY payment_type
    UNION ALL SELECT 'orders_trigger_ready ' || trigger_ready, count(*)::text FROM commerce_orders GROUP BY trigger_ready
    UNION ALL SELECT 'carts_trigger_ready ' || trigger_ready, count(*)::text FROM commerce_abandoned_carts GROUP BY trigger_ready
    UNION ALL SELECT 'total_amount ' || currency, sum(total_amount)::text FROM commerce_orders GROUP BY currency
    UNION ALL SELECT 'revenue_recovered ' || currency, sum(total_value)::text
              FROM commerce_abandoned_carts WHERE status = 'recovered' GROUP BY currency
    UNION ALL SELECT 'orders of ' || i.store_domain, count(*)::text
              FROM commerce_orders o JOIN commerce_integrations i ON i.id = o.integration_id GROUP BY i.store_domain
    UNION ALL SELECT 'calls: calls', count(*)::text FROM calls
    UNION ALL SELECT 'calls: later_attempts', count(*)::text FROM calls WHERE attempt_number > 1
    UNION ALL SELECT 'calls: seconds', sum(duration_seconds)::text FROM calls
    UNION ALL SELECT 'calls: turns', count(*)::text FROM call_transcripts
    UNION ALL SELECT 'calls: recordings', count(*)::text FROM call_recordings
    UNION ALL SELECT 'calls: cod_confirmed', count(*)::text FROM calls
              WHERE outcome = 'answered' AND metadata ->> 'payment_type' = 'cod'
    UNION ALL SELECT 'calls: contacts', count(DISTINCT contact_id)::text FROM calls
    UNION ALL SELECT 'calls: status ' || status, count(*)::text FROM calls GROUP BY status
    UNION ALL SELECT 'calls: outcome ' || outcome, count(*)::text FROM calls WHERE outcome IS NOT NULL GROUP BY outcome
    UNION ALL SELECT 'calls: sentiment ' || sentiment, count(*)::text FROM calls WHERE sentiment IS NOT NULL GROUP BY sentiment
    UNION ALL SELECT 'calls of organization ' || organization_id, count(*)::text FROM calls GROUP BY organization_id
    UNION ALL SELECT 'calls without campaign, agent or contact', count(*)::text
              FROM calls WHERE campaign_id IS NULL OR agent_id IS NULL OR contact_id IS NULL
    UNION ALL SELECT 'call rollup: ' || r.name, r.n::text
              FROM (SELECT sum(total_calls) AS calls, sum(duration_seconds) AS seconds, sum(answered) AS answered,
                           sum(no_answer) AS no_answer, sum(busy) AS busy, sum(failed) AS failed, sum(voicemail) AS voicemail,
                           sum(positive) AS positive, sum(neutral) AS neutral, sum(negative) AS negative
                    FROM analytics_call_daily) d
              CROSS JOIN LATERAL (VALUES ('calls', d.calls), ('seconds', d.seconds), ('outcome answered', d.answered),
                  ('outcome no_answer', d.no_answer), ('outcome busy', d.busy), ('outcome failed', d.failed),
                  ('outcome voicemail', d.voicemail), ('sentiment positive', d.positive), ('sentiment neutral', d.neutral),
                  ('sentiment negative', d.negative)) AS r (name, n)
    UNION ALL SELECT 'call rollup: cod_confirmed', sum(cod_confirmed)::text FROM analytics_outcome_daily
    UNION ALL SELECT 'dead letters', count(*)::text FROM dead_letters
    UNION ALL SELECT 'rows outside their store''s organization', count(*)::text
              FROM (SELECT integration_id, organization_id FROM commerce_orders
                    UNION ALL SELECT integration_id, organization_id FROM commerce_abandoned_carts
                    UNION ALL SELECT integration_id, organization_id FROM commerce_customers
                    UNION ALL SELECT integration_id, organization_id FROM commerce_products) r
              JOIN commerce_integrations i ON i.id = r.integration_id
              WHERE r.organization_id <> i.organization_id
)
SELECT e.name AS check, e.n AS expected, coalesce(f.n, '0') AS found,
       CASE WHEN e.n::numeric = coalesce(f.n, '0')::numeric THEN 'ok' ELSE 'fail' END AS verdict
FROM expected e
LEFT JOIN found f ON f.name = e.name
-- What the simulator counts but no table shows as such.
WHERE e.name NOT IN ('events', 'orders_deleted', 'checkouts', 'carts_never')
ORDER BY verdict, e.name
