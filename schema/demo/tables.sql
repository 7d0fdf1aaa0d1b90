-- What deploy/run shows after the demo day. psql variables: none.
\pset border 1
\pset footer off
\echo
\echo 'Orders by store'
SELECT i.store_domain AS store, count(*) AS orders, count(*) FILTER (WHERE o.payment_type = 'cod') AS cod,
       count(*) FILTER (WHERE o.payment_type = 'prepaid') AS prepaid,
       count(*) FILTER (WHERE o.trigger_ready = 'ready') AS to_call,
       count(*) FILTER (WHERE o.cancelled_at IS NOT NULL) AS cancelled,
       sum(o.total_amount) AS total_amount, o.currency
FROM commerce_orders o JOIN commerce_integrations i ON i.id = o.integration_id
GROUP BY i.store_domain, o.currency ORDER BY 1;
\echo 'Cash on delivery, by status'
SELECT o.financial_status, o.fulfillment_status, o.trigger_ready, count(*) AS orders
FROM commerce_orders o WHERE o.payment_type = 'cod'
GROUP BY 1, 2, 3 ORDER BY count(*) DESC LIMIT 8;
\echo 'Abandoned carts'
SELECT i.store_domain AS store, c.status, count(*) AS carts, count(*) FILTER (WHERE c.trigger_ready = 'ready') AS to_call,
       sum(c.total_value) AS value, c.currency
FROM commerce_abandoned_carts c JOIN commerce_integrations i ON i.id = c.integration_id
GROUP BY 1, 2, c.currency ORDER BY 1, 2;
\echo 'Calls'
SELECT c.provider, c.outcome, count(*) AS calls, sum(c.duration_seconds) AS seconds,
       sum(t.turns) AS transcript_lines, count(r.call_id) AS recordings,
       count(*) FILTER (WHERE c.sentiment = 'positive') AS positive, count(*) FILTER (WHERE c.sentiment = 'negative') AS negative
FROM calls c
LEFT JOIN LATERAL (SELECT count(*) AS turns FROM call_transcripts t WHERE t.call_id = c.id) t ON true
LEFT JOIN call_recordings r ON r.call_id = c.id
GROUP BY c.provider, c.outcome ORDER BY c.provider, c.outcome;
\echo 'Analytics per day (rollups)'
SELECT d.day, d.orders, d.cod_orders, d.cod_confirmed, d.rto_prevented, d.carts_abandoned, d.carts_recovered,
       (SELECT string_agg(r.revenue_recovered || ' ' || r.currency, ', ' ORDER BY r.currency)
        FROM analytics_revenue_daily r
        WHERE r.organization_id = d.organization_id AND r.day = d.day AND r.revenue_recovered <> 0) AS revenue_recovered
FROM analytics_outcome_daily d ORDER BY d.organization_id, d.day DESC LIMIT 8;
