-- sum(rollup) = aggregate(facts) after every transaction, whatever statements it had: thousands of random writes that
-- insert, upsert, skip, move between days, tenants, currencies and outcomes, delete and truncate.
BEGIN;
\ir lib/setup.sql

CREATE FUNCTION pg_temp.expect_exact(_when text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    drift jsonb;
BEGIN
    SET CONSTRAINTS ALL IMMEDIATE;      -- as a COMMIT would
    SET CONSTRAINTS ALL DEFERRED;
    SELECT jsonb_agg(v) INTO drift FROM (SELECT * FROM rollup_verify() LIMIT 5) v;
    PERFORM pg_temp.expect(drift IS NULL, _when || ': ' || coalesce(drift::text, ''));
    PERFORM pg_temp.expect(NOT EXISTS (SELECT FROM analytics_pending), _when || ': nothing is pending');
END $$;
SELECT pg_temp.expect_exact('at the start') \g /dev/null
SELECT pg_temp.expect(count(*) = 2, 'the seed is counted') FROM analytics_revenue_daily WHERE revenue_recovered = 250.50 AND currency = 'INR' \g /dev/null
SELECT pg_temp.expect(bool_and(orders = 1 AND cod_orders = 1 AND carts_abandoned = 2 AND carts_recovered = 0) AND count(*) = 2, 'the outcomes of the day')
FROM analytics_outcome_daily WHERE day = '2026-01-10' \g /dev/null
SELECT pg_temp.expect(count(*) = 2 AND sum(total_calls) = 2 AND sum(busy) = 2 AND sum(answered) = 0, 'the calls of the day')
FROM analytics_call_daily WHERE day = '2026-01-10' AND campaign_id IS NOT NULL AND agent_id IS NOT NULL \g /dev/null

CREATE FUNCTION pg_temp.pick(_from anyarray) RETURNS anyelement LANGUAGE sql VOLATILE AS $$
    SELECT _from[1 + floor(random() * cardinality(_from))::integer]
$$;
CREATE FUNCTION pg_temp.moment() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT '2026-01-01 00:00+00'::timestamptz + floor(random() * 6 * 24) * interval '1 hour'
$$;
CREATE FUNCTION pg_temp.tenant() RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT pg_temp.pick('{a,a,b}'::text[]) $$;

-- One random statement about orders, carts, calls or products. Keys are few, so that upserts hit.
CREATE FUNCTION pg_temp.write_something() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    what CONSTANT integer := floor(random() * 20);
    t    CONSTANT text := pg_temp.tenant();
    n    bigint;
BEGIN
    CASE what
    WHEN 0, 1, 2 THEN   -- inserted, updated and skipped rows in one statement
        INSERT INTO commerce_orders AS o (organization_id, integration_id, external_order_id, payment_type, order_created_at,
                                          cancelled_at, fulfillment_status, source_version)
        SELECT pg_temp.id(t, 'org'), pg_temp.id(t, 'integration'), k::text, pg_temp.pick('{cod,cod,prepaid,unknown}'::payment_type[]),
               pg_temp.moment(), pg_temp.pick(ARRAY[NULL, pg_temp.moment()]),
               pg_temp.pick('{unfulfilled,unfulfilled,fulfilled}'::order_fulfillment_status[]), pg_temp.pick('{"\\x01","\\x02","\\x03"}'::bytea[])
        FROM generate_series(1, 60) k WHERE random() < 0.3
        ON CONFLICT (integration_id, external_order_id) DO UPDATE SET
            payment_type = excluded.payment_type, order_created_at = excluded.order_created_at,
            cancelled_at = excluded.cancelled_at, source_version = excluded.source_version
        WHERE excluded.source_version > o.source_version;
    WHEN 3 THEN
        UPDATE commerce_orders SET order_created_at = pg_temp.moment() WHERE random() < 0.2;
    WHEN 4 THEN         -- between tenants
        UPDATE commerce_orders SET organization_id = pg_temp.id(t, 'org') WHERE random() < 0.05;
    WHEN 5 THEN
        DELETE FROM commerce_orders WHERE random() < 0.1;
    WHEN 6, 7 THEN
        INSERT INTO commerce_abandoned_carts AS c (organization_id, integration_id, checkout_token, total_value, currency, status,
                                                   abandoned_at, recovered_at, source_version)
        SELECT pg_temp.id(t, 'org'), pg_temp.id(t, 'integration'), k::text,
               pg_temp.pick(ARRAY[NULL, 0, round(random()::numeric * 1000, 2), 12345678901234567890.12]),
               pg_temp.pick('{INR,USD,"",NULL}'::text[]), pg_temp.pick(enum_range(NULL::cart_status)),
               pg_temp.moment(), pg_temp.pick(ARRAY[NULL, pg_temp.moment()]), pg_temp.pick('{"\\x01","\\x02","\\x03"}'::bytea[])
        FROM generate_series(1, 40) k WHERE random() < 0.3
        ON CONFLICT (integration_id, checkout_token) DO UPDATE SET
            total_value = excluded.total_value, status = excluded.status, source_version = excluded.source_version
        WHERE excluded.source_version > c.source_version;
    WHEN 8 THEN
        UPDATE commerce_abandoned_carts SET status = pg_temp.pick(enum_range(NULL::cart_status)), currency = pg_temp.pick('{INR,EUR,NULL}'::text[]),
            recovered_at = pg_temp.pick(ARRAY[recovered_at, NULL, pg_temp.moment()]), abandoned_at = pg_temp.moment(),
            organization_id = pg_temp.id(t, 'org')
        WHERE random() < 0.2;
    WHEN 9 THEN
        DELETE FROM commerce_abandoned_carts WHERE random() < 0.1;
    WHEN 10, 11, 12 THEN
        INSERT INTO calls AS c (organization_id, campaign_id, agent_id, provider, external_call_id, outcome, sentiment, duration_seconds,
                                started_at, metadata)
        SELECT pg_temp.id(t, 'org'), pg_temp.pick(ARRAY[NULL, pg_temp.id(t, 'campaign')]), pg_temp.pick(ARRAY[NULL, pg_temp.id(t, 'agent')]),
               'vapi', k::text, pg_temp.pick(enum_range(NULL::call_outcome) || NULL), pg_temp.pick(enum_range(NULL::call_sentiment) || NULL),
               pg_temp.pick(ARRAY[NULL, 0, 2147483647, k]), pg_temp.pick(ARRAY[NULL, pg_temp.moment()]),
               jsonb_build_object('payment_type', pg_temp.pick('{cod,prepaid}'::text[]), 'order_decision',
                   pg_temp.pick('{confirmed,cancelled,address_changed,NULL}'::text[]),
                   'order_id', pg_temp.pick(ARRAY(SELECT id::text FROM commerce_orders) || 'nonsense'::text))
        FROM generate_series(1, 60) k WHERE random() < 0.3
        ON CONFLICT (provider, external_call_id) WHERE external_call_id IS NOT NULL DO UPDATE SET
            outcome = excluded.outcome, metadata = excluded.metadata, started_at = excluded.started_at
        WHERE c.attempt_number = 1;
    WHEN 13 THEN
        UPDATE calls SET outcome = pg_temp.pick(enum_range(NULL::call_outcome)), started_at = pg_temp.moment(), duration_seconds = 5,
            attempt_number = pg_temp.pick('{1,2}'::integer[]), campaign_id = NULL, organization_id = pg_temp.id(t, 'org')
        WHERE random() < 0.1;
    WHEN 14 THEN
        DELETE FROM calls WHERE random() < 0.1;
    WHEN 15 THEN        -- a deletion that reaches the facts by ON DELETE SET NULL
        INSERT INTO campaigns (id, organization_id, name) VALUES (gen_random_uuid(), pg_temp.id('a', 'org'), 'brief') ON CONFLICT DO NOTHING;
        UPDATE calls SET campaign_id = (SELECT id FROM campaigns WHERE name = 'brief' LIMIT 1) WHERE random() < 0.1;
        DELETE FROM campaigns WHERE name = 'brief';
    WHEN 16 THEN        -- what only lists are filtered by
        UPDATE commerce_orders SET financial_status = pg_temp.pick(enum_range(NULL::order_financial_status)), customer_phone = pg_temp.pick('{+911,NULL}'::text[])
        WHERE random() < 0.2;
        UPDATE calls SET status = pg_temp.pick(enum_range(NULL::call_status)), sentiment = pg_temp.pick(enum_range(NULL::call_sentiment) || NULL)
        WHERE random() < 0.2;
    WHEN 17 THEN
        INSERT INTO commerce_products AS p (organization_id, integration_id, external_product_id, status, product_type)
        SELECT pg_temp.id(t, 'org'), pg_temp.id(t, 'integration'), k::text, pg_temp.pick(enum_range(NULL::product_status) || NULL),
               pg_temp.pick(ARRAY['Toys', 'Shoes', '', NULL, repeat('x', 3000)])
        FROM generate_series(1, 40) k WHERE random() < 0.3
        ON CONFLICT (integration_id, external_product_id) DO UPDATE SET status = excluded.status, product_type = excluded.product_type;
    WHEN 18 THEN
        IF random() < 0.1 THEN
            TRUNCATE commerce_products CASCADE;
        ELSE
            DELETE FROM commerce_products WHERE random() < 0.1;
        END IF;
    ELSE
        IF random() < 0.03 THEN
            TRUNCATE calls CASCADE;
        ELSIF random() < 0.03 THEN
            TRUNCATE commerce_orders CASCADE;       -- and the carts, which refer to orders
        ELSIF random() < 0.03 THEN
            TRUNCATE commerce_abandoned_carts CASCADE;
        ELSE                -- what a savepoint takes back counts for nothing
            BEGIN
                UPDATE commerce_orders SET order_created_at = pg_temp.moment();
                UPDATE calls SET outcome = 'answered';
                RAISE EXCEPTION SQLSTATE 'RB002';
            EXCEPTION WHEN SQLSTATE 'RB002' THEN
                NULL;
            END;
        END IF;
    END CASE;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN what || ' ' || n;
END $$;

SELECT setseed(0.42) \g /dev/null
DO $$
DECLARE
    history text[];
    seen    boolean[] := '{f,f,f,f}';
BEGIN
    FOR round IN 1 .. 200 LOOP
        history := '{}';
        FOR statement IN 1 .. 1 + floor(random() * 6)::integer LOOP
            history := history || pg_temp.write_something();
        END LOOP;
        IF random() < 0.3 THEN
            PERFORM rollup_apply();     -- as the worker does, once or in between
            PERFORM pg_temp.write_something();
        END IF;
        PERFORM pg_temp.expect_exact(format('round %s (%s)', round, array_to_string(history, ', ')));
        SELECT ARRAY[seen[1] OR sum(orders) > 50, seen[2] OR sum(rto_prevented) > 1, seen[3] OR sum(cod_confirmed) > 5,
                     seen[4] OR sum(carts_recovered) > 5] INTO seen
        FROM analytics_outcome_daily;
    END LOOP;
    PERFORM pg_temp.expect(seen = '{t,t,t,t}', 'there was something of each to count: ' || seen::text);
END $$;

-- Statements that change nothing leave no trace.
UPDATE commerce_orders SET notes = 'x';
UPDATE calls SET summary = 'x';
UPDATE commerce_abandoned_carts SET items_count = 1;
UPDATE commerce_products SET vendor = 'x';
SELECT pg_temp.expect(count(*) = 0, 'no delta, no row') FROM analytics_pending \g /dev/null

-- Something of each to bend, whatever the last rounds left.
INSERT INTO commerce_orders (organization_id, integration_id, external_order_id, payment_type, order_created_at)
    SELECT pg_temp.id('a', 'org'), pg_temp.id('a', 'integration'), 'bent-' || k, (enum_range(NULL::payment_type))[k % 3 + 1], '2026-02-01'::timestamptz + k * interval '1 day'
    FROM generate_series(1, 9) k;
INSERT INTO commerce_products (organization_id, integration_id, external_product_id) VALUES (pg_temp.id('a', 'org'), pg_temp.id('a', 'integration'), 'bent');
INSERT INTO calls (organization_id, outcome, started_at) VALUES (pg_temp.id('a', 'org'), 'answered', '2026-02-01');
INSERT INTO commerce_abandoned_carts (organization_id, integration_id, checkout_token, status, total_value, currency, recovered_at)
    VALUES (pg_temp.id('b', 'org'), pg_temp.id('b', 'integration'), 'bent', 'recovered', 9, 'INR', '2026-02-01');
SELECT pg_temp.expect_exact('before anything is bent') \g /dev/null

-- verify finds what somebody bent, and says what and where; rebuild mends it, also when writes of this transaction wait.
UPDATE analytics_call_daily SET answered = answered + 1
WHERE id = (SELECT id FROM analytics_call_daily WHERE organization_id = pg_temp.id('a', 'org') ORDER BY day LIMIT 1);
UPDATE analytics_revenue_daily SET revenue_recovered = revenue_recovered - 0.01
WHERE id = (SELECT id FROM analytics_revenue_daily WHERE organization_id = pg_temp.id('b', 'org') ORDER BY day LIMIT 1);
DELETE FROM analytics_outcome_daily WHERE organization_id = pg_temp.id('a', 'org');
UPDATE list_totals SET n = n + 1 WHERE list = 'orders';
DELETE FROM list_totals WHERE list = 'products' AND n > 0;
SELECT pg_temp.expect(count(*) FILTER (WHERE rollup = 'analytics_call_daily' AND column_name = 'answered' AND rollup_value = fact_value + 1
                                         AND key ->> 'organization_id' = pg_temp.id('a', 'org')::text) = 1
                      AND count(*) FILTER (WHERE rollup = 'analytics_revenue_daily' AND fact_value - rollup_value = 0.01) = 1
                      AND count(*) FILTER (WHERE rollup = 'analytics_outcome_daily' AND rollup_value = 0 AND fact_value > 0) > 2
                      AND count(*) FILTER (WHERE rollup = 'list_totals' AND rollup_value = fact_value + 1) > 2
                      AND count(*) FILTER (WHERE rollup = 'list_totals' AND rollup_value = 0 AND key ->> 'list' = 'products') > 0
                      AND count(*) FILTER (WHERE rollup = 'analytics_rto_orders') = 0, 'all drift is found')
FROM rollup_verify() \g /dev/null
UPDATE commerce_orders SET order_created_at = order_created_at + interval '1 day';
SELECT pg_temp.expect(rollup_rebuild() > 3, 'rebuilt') \g /dev/null
SELECT pg_temp.expect_exact('after the rebuild') \g /dev/null
SELECT pg_temp.expect(rollup_rebuild() = 0, 'nothing left to rebuild') \g /dev/null

-- So is what somebody bent in the list of prevented orders.
INSERT INTO calls (organization_id, outcome, metadata)
    SELECT organization_id, 'answered', jsonb_build_object('order_id', id, 'order_decision', 'cancelled') FROM commerce_orders WHERE payment_type = 'cod';
SELECT pg_temp.expect_exact('after many calls') \g /dev/null
DELETE FROM analytics_rto_orders WHERE order_id IN (SELECT order_id FROM analytics_rto_orders LIMIT 3);
INSERT INTO analytics_rto_orders VALUES (pg_temp.id('a', 'org'), gen_random_uuid(), '2026-01-01');
SELECT pg_temp.expect(count(*) FILTER (WHERE rollup = 'analytics_rto_orders' AND fact_value = 1) = 3
                      AND count(*) FILTER (WHERE rollup = 'analytics_rto_orders' AND fact_value = 0) = 1, 'bent orders are found')
FROM rollup_verify() \g /dev/null
SELECT rollup_rebuild() \g /dev/null
SELECT pg_temp.expect_exact('after the second rebuild') \g /dev/null

TRUNCATE commerce_orders, commerce_abandoned_carts, calls, commerce_products CASCADE;
SELECT pg_temp.expect_exact('after truncating all') \g /dev/null
SELECT pg_temp.expect(sum(orders + cod_orders + carts_abandoned + carts_recovered + cod_confirmed + rto_prevented) = 0, 'all zero') FROM analytics_outcome_daily \g /dev/null
SELECT pg_temp.expect(sum(total_calls) = 0 AND sum(duration_seconds) = 0, 'all zero') FROM analytics_call_daily \g /dev/null
SELECT pg_temp.expect(sum(abs(revenue_recovered)) = 0, 'all zero') FROM analytics_revenue_daily \g /dev/null
SELECT pg_temp.expect(count(DISTINCT list) = 4 AND sum(abs(n)) = 0, 'all zero') FROM list_totals \g /dev/null
ROLLBACK;
