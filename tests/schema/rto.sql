-- rto_prevented: COD orders with an answered call that were afterwards cancelled before fulfilment, or whose call
-- recorded the decision; once per order, on the earliest such day, in whatever order the facts arrive.
BEGIN;
\ir lib/setup.sql

-- Each case: the order's columns, its calls (outcome, started_at, decision), and the day that must come out. Tenant a
-- lives in Kolkata: 20:00 UTC is the next day.
CREATE TEMP TABLE cases (name text, assignments text, calls text[], wanted date);
INSERT INTO cases VALUES
    ('no call', $$cancelled_at = '2026-02-03 20:00+00'$$, '{}', NULL),
    ('answered, then cancelled', $$cancelled_at = '2026-02-03 20:00+00'$$, '{answered|2026-02-02 10:00+00|}', '2026-02-04'),
    ('answered, restocked', $$cancelled_at = '2026-02-03 20:00+00', fulfillment_status = 'restocked'$$,
        '{answered|2026-02-02 10:00+00|}', '2026-02-04'),
    ('answered, not cancelled', 'cancelled_at = NULL', '{answered|2026-02-02 10:00+00|}', NULL),
    ('cancelled before the call', $$cancelled_at = '2026-02-01 20:00+00'$$, '{answered|2026-02-02 10:00+00|}', NULL),
    ('second call is before', $$cancelled_at = '2026-02-03 20:00+00'$$,
        '{answered|2026-02-05 10:00+00|,answered|2026-02-02 10:00+00|}', '2026-02-04'),
    ('not answered', $$cancelled_at = '2026-02-03 20:00+00'$$, '{no_answer|2026-02-02 10:00+00|,voicemail|2026-02-02 11:00+00|cancelled}', NULL),
    ('fulfilled first', $$cancelled_at = '2026-02-03 20:00+00', fulfillment_status = 'fulfilled'$$, '{answered|2026-02-02 10:00+00|}', NULL),
    ('partly sent first', $$cancelled_at = '2026-02-03 20:00+00', fulfillment_status = 'partial'$$, '{answered|2026-02-02 10:00+00|}', NULL),
    ('not cod', $$cancelled_at = '2026-02-03 20:00+00', payment_type = 'prepaid'$$, '{answered|2026-02-02 10:00+00|cancelled}', NULL),
    ('unknown payment', $$payment_type = 'unknown'$$, '{answered|2026-02-02 10:00+00|cancelled}', NULL),
    ('decision cancelled', 'cancelled_at = NULL', '{answered|2026-02-02 20:00+00|cancelled}', '2026-02-03'),
    ('decision address', $$fulfillment_status = 'fulfilled'$$, '{answered|2026-02-02 10:00+00|address_changed}', '2026-02-02'),
    ('decision confirmed', 'cancelled_at = NULL', '{answered|2026-02-02 10:00+00|confirmed}', NULL),
    ('decision is earlier', $$cancelled_at = '2026-02-05 10:00+00'$$, '{answered|2026-02-02 10:00+00|cancelled}', '2026-02-02'),
    ('cancellation is earlier', $$cancelled_at = '2026-02-03 10:00+00'$$,
        '{answered|2026-02-02 10:00+00|,answered|2026-02-06 10:00+00|cancelled}', '2026-02-03'),
    ('once per order', $$cancelled_at = '2026-02-03 10:00+00'$$,
        '{answered|2026-02-02 10:00+00|cancelled,answered|2026-02-02 11:00+00|cancelled,answered|2026-02-02 12:00+00|}', '2026-02-02');

CREATE FUNCTION pg_temp.put_calls(_order uuid, _calls text[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO calls (organization_id, outcome, started_at, metadata)
    SELECT pg_temp.id('a', 'org'), split_part(c, '|', 1)::call_outcome, split_part(c, '|', 2)::timestamptz,
           jsonb_strip_nulls(jsonb_build_object('order_id', _order, 'order_decision', nullif(split_part(c, '|', 3), '')))
    FROM unnest(_calls) c
$$;
CREATE FUNCTION pg_temp.prevented_on(_order uuid) RETURNS date LANGUAGE sql VOLATILE AS $$
    SELECT day FROM analytics_rto_orders WHERE order_id = _order
$$;
CREATE FUNCTION pg_temp.commit_now() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    SET CONSTRAINTS ALL IMMEDIATE;
    SET CONSTRAINTS ALL DEFERRED;
END $$;
CREATE FUNCTION pg_temp.check(_case cases, _order uuid, _way text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    day date;
    drift jsonb;
BEGIN
    SET CONSTRAINTS ALL IMMEDIATE;      -- as a COMMIT would
    SET CONSTRAINTS ALL DEFERRED;
    day := pg_temp.prevented_on(_order);
    PERFORM pg_temp.expect(day IS NOT DISTINCT FROM _case.wanted, format('%s, %s: got %s', _case.name, _way, day));
    SELECT jsonb_agg(v) INTO drift FROM rollup_verify() v;
    PERFORM pg_temp.expect(drift IS NULL, format('%s, %s: drift %s', _case.name, _way, drift));
END $$;

DO $$
DECLARE
    c cases;
    o uuid;
    n bigint := 0;
BEGIN
    FOR c IN SELECT * FROM cases LOOP
        FOR way IN 1 .. 5 LOOP
            n := n + 1;
            o := gen_random_uuid();
            IF way = 3 THEN     -- the calls are there before the order is
                PERFORM pg_temp.put_calls(o, c.calls);
            END IF;
            INSERT INTO commerce_orders (id, organization_id, integration_id, external_order_id, payment_type)
                VALUES (o, pg_temp.id('a', 'org'), pg_temp.id('a', 'integration'), 'rto-' || n, 'cod');
            IF way = 1 THEN     -- calls, then the change of the order
                PERFORM pg_temp.put_calls(o, c.calls);
            ELSIF way = 4 THEN  -- calls that get their outcome later
                INSERT INTO calls (organization_id, started_at, metadata, external_call_id, summary)
                SELECT pg_temp.id('a', 'org'), '2026-02-02', jsonb_build_object('order_id', o), n || '-' || i, k
                FROM unnest(c.calls) WITH ORDINALITY AS u (k, i);
            END IF;
            EXECUTE format('UPDATE commerce_orders SET %s WHERE id = %L', c.assignments, o);
            IF way = 2 THEN     -- the change of the order, then calls
                PERFORM pg_temp.put_calls(o, c.calls);
            ELSIF way = 4 THEN
                UPDATE calls SET outcome = split_part(summary, '|', 1)::call_outcome,
                    started_at = split_part(summary, '|', 2)::timestamptz,
                    metadata = metadata || jsonb_build_object('order_decision', split_part(summary, '|', 3))
                WHERE external_call_id LIKE n || '-%';
            ELSIF way = 5 THEN  -- calls of another order, which are then found to be about this one
                INSERT INTO calls (organization_id, outcome, started_at, metadata)
                SELECT organization_id, outcome, started_at, metadata - 'order_id' FROM calls WHERE false;
                PERFORM pg_temp.put_calls(pg_temp.id('a', 'order'), c.calls);
                UPDATE calls SET metadata = metadata || jsonb_build_object('order_id', o)
                WHERE metadata ->> 'order_id' = pg_temp.id('a', 'order')::text;
            END IF;
            PERFORM pg_temp.check(c, o, 'way ' || way);
            PERFORM pg_temp.expect(pg_temp.prevented_on(pg_temp.id('a', 'order')) IS NULL, 'the other order has none');
        END LOOP;
        -- Taking the calls away takes it back.
        DELETE FROM calls WHERE metadata ->> 'order_id' = o::text;
        c.wanted := NULL;
        PERFORM pg_temp.check(c, o, 'calls deleted');
    END LOOP;
END $$;

-- Another tenant's call that names the order counts for nothing, now or later.
UPDATE commerce_orders SET cancelled_at = '2026-02-03 20:00+00' WHERE id = pg_temp.id('a', 'order');
INSERT INTO calls (organization_id, outcome, started_at, metadata) VALUES
    (pg_temp.id('b', 'org'), 'answered', '2026-02-01', jsonb_build_object('order_id', pg_temp.id('a', 'order'), 'order_decision', 'cancelled'));
SELECT pg_temp.commit_now() \g /dev/null
SELECT pg_temp.expect(pg_temp.prevented_on(pg_temp.id('a', 'order')) IS NULL, 'not by another tenant''s call') \g /dev/null
UPDATE commerce_orders SET notes = 'x', payment_type = 'prepaid' WHERE id = pg_temp.id('a', 'order');
UPDATE commerce_orders SET payment_type = 'cod' WHERE id = pg_temp.id('a', 'order');
SELECT pg_temp.commit_now() \g /dev/null
SELECT pg_temp.expect(pg_temp.prevented_on(pg_temp.id('a', 'order')) IS NULL, 'nor later') \g /dev/null
-- It does once the call is the tenant's own, and moves with the order.
UPDATE calls SET organization_id = pg_temp.id('a', 'org') WHERE metadata ->> 'order_id' = pg_temp.id('a', 'order')::text;
SELECT pg_temp.commit_now() \g /dev/null
SELECT pg_temp.expect(pg_temp.prevented_on(pg_temp.id('a', 'order')) = '2026-02-01', 'the tenant''s own call') \g /dev/null
UPDATE calls SET organization_id = pg_temp.id('b', 'org') WHERE metadata ->> 'order_id' = pg_temp.id('a', 'order')::text;
UPDATE commerce_orders SET organization_id = pg_temp.id('b', 'org') WHERE id = pg_temp.id('a', 'order');
SELECT pg_temp.commit_now() \g /dev/null
SELECT pg_temp.expect(string_agg(organization_id::text, ',') = pg_temp.id('b', 'org')::text, 'counted for the new tenant only')
FROM analytics_rto_orders WHERE order_id = pg_temp.id('a', 'order') \g /dev/null
SELECT pg_temp.expect(count(*) = 0, 'no drift') FROM rollup_verify() \g /dev/null
UPDATE commerce_orders SET payment_type = 'prepaid' WHERE id = pg_temp.id('a', 'order');
SELECT pg_temp.commit_now() \g /dev/null
SELECT pg_temp.expect(pg_temp.prevented_on(pg_temp.id('a', 'order')) IS NULL, 'not cod after all') \g /dev/null

-- Deleting an order, and TRUNCATE of the calls, take it back.
SELECT pg_temp.put_calls(id, '{answered|2026-02-02 10:00+00|cancelled}') FROM commerce_orders WHERE external_order_id LIKE 'rto-%' \g /dev/null
SELECT pg_temp.commit_now() \g /dev/null
SELECT pg_temp.expect(count(*) > 60, 'many prevented') FROM analytics_rto_orders \g /dev/null
DELETE FROM commerce_orders WHERE id IN (SELECT order_id FROM analytics_rto_orders LIMIT 10);
SELECT pg_temp.commit_now() \g /dev/null
SELECT pg_temp.expect(count(*) = 0, 'gone with their orders') FROM analytics_rto_orders t
WHERE NOT EXISTS (SELECT FROM commerce_orders o WHERE o.id = t.order_id) \g /dev/null
SELECT pg_temp.expect(count(*) = 0, 'no drift') FROM rollup_verify() \g /dev/null
TRUNCATE calls CASCADE;
SELECT pg_temp.commit_now() \g /dev/null
SELECT pg_temp.expect(count(*) = 0, 'no calls, none prevented') FROM analytics_rto_orders \g /dev/null
SELECT pg_temp.expect(count(*) = 0, 'no drift') FROM rollup_verify() \g /dev/null
ROLLBACK;
