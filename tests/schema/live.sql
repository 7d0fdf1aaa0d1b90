-- Writers other than the worker leave their changes in live_outbox, as dashboards may see them; the worker leaves rollup rows only.
BEGIN;
\ir lib/setup.sql
DELETE FROM live_outbox;

CREATE FUNCTION pg_temp.outbox() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    lines text;
BEGIN
    SELECT string_agg(tbl || ' ' || type, ', ' ORDER BY id) INTO lines FROM live_outbox;
    DELETE FROM live_outbox;
    RETURN lines;
END $$;
CREATE FUNCTION pg_temp.commit_now() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    SET CONSTRAINTS ALL IMMEDIATE;
    SET CONSTRAINTS ALL DEFERRED;
END $$;

-- Every table that members may read, but for those that are not live, has its three triggers.
SELECT pg_temp.expect(count(t.oid) = 3, c.relname || ' is live')
FROM pg_class c LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgfoid = 'live_outbox_changed'::regproc
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND has_any_column_privilege('authenticated', c.oid, 'SELECT')
  AND c.relname NOT IN ('user_roles', 'commerce_checkouts', 'commerce_data_requests', 'dead_letters', 'list_totals')
GROUP BY c.relname \g /dev/null

-- Each verb, with the row as it is afterwards (DELETE: as it was).
INSERT INTO commerce_orders (id, organization_id, integration_id, external_order_id, total_amount, source_version, source_held, order_created_at)
    VALUES (pg_temp.id('a', 'order', 2), pg_temp.id('a', 'org'), pg_temp.id('a', 'integration'), '2', 12345678901234567890.10, '\x01', '{}',
            '2026-01-10 12:00+05:30');
SELECT pg_temp.commit_now() \g /dev/null
SELECT pg_temp.expect(o.record ->> 'total_amount' = '12345678901234567890.10' AND o.record ->> 'order_created_at' = '2026-01-10T06:30:00+00:00'
    AND o.record ->> 'id' = pg_temp.id('a', 'order', 2)::text AND o.record ->> 'trigger_ready' = 'not_applicable'
    AND NOT o.record ?| '{source_version,source_held,source_triggered_at}'
    AND o.organization_id = pg_temp.id('a', 'org') AND o.route = route_hash('a.myshopify.com'), 'the record: ' || o.record::text)
FROM live_outbox o WHERE o.tbl = 'commerce_orders' \g /dev/null
SELECT pg_temp.expect(pg_temp.outbox() = 'commerce_orders INSERT, analytics_outcome_daily UPDATE', 'an order and its rollup') \g /dev/null
UPDATE commerce_orders SET notes = 'x' WHERE id = pg_temp.id('a', 'order', 2);
DELETE FROM commerce_orders WHERE id = pg_temp.id('a', 'order', 2);
SELECT pg_temp.expect(pg_temp.outbox() = 'commerce_orders UPDATE, commerce_orders DELETE', 'update and delete') \g /dev/null
SELECT pg_temp.commit_now() \g /dev/null
SELECT pg_temp.expect(pg_temp.outbox() = 'analytics_outcome_daily UPDATE', 'the rollup') \g /dev/null
UPDATE commerce_orders SET notes = 'x' WHERE false;
SELECT pg_temp.expect(pg_temp.outbox() IS NULL, 'no row, no update') \g /dev/null

-- What a statement reaches indirectly: cascades, and rollups of calls about orders.
INSERT INTO calls (organization_id, outcome, metadata) VALUES
    (pg_temp.id('a', 'org'), 'answered', jsonb_build_object('order_id', pg_temp.id('a', 'order'), 'order_decision', 'cancelled'));
SELECT pg_temp.commit_now() \g /dev/null
SELECT pg_temp.expect(pg_temp.outbox() = 'calls INSERT, analytics_call_daily INSERT, analytics_outcome_daily INSERT', 'a call and its rollups') \g /dev/null
DELETE FROM commerce_orders WHERE id = pg_temp.id('b', 'order');
SELECT pg_temp.expect(string_agg(tbl || ' ' || type, ', ' ORDER BY tbl) = 'commerce_order_items DELETE, commerce_orders DELETE', 'an order and its items')
FROM live_outbox \g /dev/null
SELECT pg_temp.expect(bool_and(organization_id = pg_temp.id('b', 'org') AND route = route_hash('b.myshopify.com')), 'tenant and route of b')
FROM live_outbox \g /dev/null
SELECT pg_temp.commit_now() \g /dev/null
DELETE FROM live_outbox;

-- No record of any table holds a secret, nor bytes, nor the upserts' own columns.
UPDATE commerce_integrations SET store_name = 'Renamed';
SELECT pg_temp.expect(count(*) = 2 AND bool_and(record::text NOT LIKE '%secret%'), 'no secrets') FROM live_outbox \g /dev/null
SELECT pg_temp.expect(live_record(i)::text NOT LIKE '%secret%' AND live_record(to_jsonb(i)) = live_record(i), 'live_record of a row and of a jsonb')
FROM commerce_integrations i \g /dev/null
DO $$
DECLARE
    c record;
    r jsonb;
BEGIN
    FOR c IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'dead_letters' LOOP
        FOR r IN EXECUTE format('SELECT live_record(t) FROM %I t LIMIT 1', c.relname) LOOP
            PERFORM pg_temp.expect(NOT EXISTS (
                SELECT FROM jsonb_object_keys(r) k JOIN pg_attribute a ON a.attrelid = c.relname::regclass AND a.attname = k
                WHERE a.atttypid = 'bytea'::regtype OR k LIKE '%\_encrypted'), c.relname || ' shows bytes or a secret');
        END LOOP;
    END LOOP;
END $$;
DELETE FROM live_outbox;

-- Rows of an organization without a store, and the organization itself, have a route too.
INSERT INTO organizations (id, name) VALUES (pg_temp.id('c', 'org'), 'Storeless');
INSERT INTO campaigns (organization_id, name) VALUES (pg_temp.id('c', 'org'), 'x');
SELECT pg_temp.expect(count(*) = 2 AND bool_and(route = route_hash(pg_temp.id('c', 'org')::text) AND organization_id = pg_temp.id('c', 'org')), 'storeless')
FROM live_outbox \g /dev/null
INSERT INTO campaigns (organization_id, name) VALUES (pg_temp.id('a', 'org'), 'x');
SELECT pg_temp.expect(count(*) = 1, 'rows without a store go the way of the organization''s') FROM live_outbox
WHERE tbl = 'campaigns' AND route = route_hash('a.myshopify.com') \g /dev/null
DELETE FROM live_outbox;

-- A member's change through the API is live, though the member may not touch the outbox. Its clock is UTC all the same.
SET LOCAL timezone = 'Asia/Kolkata';
SELECT pg_temp.act_as(pg_temp.id('a', 'member')) \g /dev/null
UPDATE campaigns SET status = 'running' WHERE id = pg_temp.id('a', 'campaign');
SELECT pg_temp.end_act() \g /dev/null
SELECT pg_temp.expect(count(*) = 1 AND bool_and(tbl = 'campaigns' AND record ->> 'started_at' LIKE '%+00:00'), 'a member''s change') FROM live_outbox \g /dev/null
DELETE FROM live_outbox;

-- The worker publishes for itself, but for rollup rows: several streams write the same one.
SELECT set_config('ringback.writer', 'worker', true) \g /dev/null
UPDATE commerce_orders SET notes = 'y', order_created_at = '2026-02-02';
SELECT rollup_apply() \g /dev/null
SELECT pg_temp.expect(pg_temp.outbox() ~ '^analytics_outcome_daily (INSERT|UPDATE)(, analytics_outcome_daily (INSERT|UPDATE))*$', 'rollup rows only')
\g /dev/null
SELECT pg_temp.expect(count(*) = 0, 'no drift') FROM rollup_verify() \g /dev/null
ROLLBACK;
