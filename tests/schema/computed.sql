-- Columns that follow from others are right whoever writes: trigger_ready, days in the tenant's zone, redaction.
BEGIN;
\ir lib/setup.sql

CREATE FUNCTION pg_temp.order_with(_assignments text) RETURNS commerce_orders LANGUAGE plpgsql AS $$
DECLARE
    o commerce_orders;
BEGIN
    UPDATE commerce_orders SET payment_type = 'cod', test = false, cancelled_at = NULL, closed_at = NULL,
        fulfillment_status = 'unfulfilled', financial_status = 'pending', customer_phone = '+919876543210'
    WHERE id = pg_temp.id('a', 'order');
    EXECUTE format('UPDATE commerce_orders SET %s WHERE id = %L RETURNING *', _assignments, pg_temp.id('a', 'order')) INTO o;
    RETURN o;
END $$;

SELECT pg_temp.expect((pg_temp.order_with(v.change)).trigger_ready = v.ready::trigger_ready_status, v.change || ' -> ' || v.ready)
FROM (VALUES ('notes = NULL', 'ready'),
             ('customer_phone = NULL', 'missing_phone'),
             ('customer_phone = ''''', 'missing_phone'),
             ('payment_type = ''prepaid''', 'not_applicable'),
             ('payment_type = ''unknown''', 'not_applicable'),
             ('test = true', 'not_applicable'),
             ('cancelled_at = now()', 'not_applicable'),
             ('closed_at = now()', 'not_applicable'),
             ('fulfillment_status = ''fulfilled''', 'not_applicable'),
             ('fulfillment_status = ''partial''', 'ready'),
             ('fulfillment_status = ''restocked''', 'ready'),
             ('financial_status = ''paid''', 'not_applicable'),
             ('financial_status = ''refunded''', 'not_applicable'),
             ('financial_status = ''voided''', 'not_applicable'),
             ('financial_status = ''partially_refunded''', 'ready'),
             ('test = true, customer_phone = NULL', 'not_applicable'),
             ('trigger_ready = ''not_applicable''', 'ready')) AS v (change, ready) \g /dev/null

-- A tenant's day: 18:30 UTC is the next day in Kolkata; 04:59 UTC is still yesterday in New York.
SELECT pg_temp.expect(o.order_day = d.day::date, format('order of %s at %s on %s', o.organization_id, o.order_created_at, o.order_day))
FROM (VALUES ('a', '2026-01-10 18:29:59+00', '2026-01-10'), ('a', '2026-01-10 18:30:00+00', '2026-01-11'),
             ('b', '2026-01-10 04:59:59+00', '2026-01-09'), ('b', '2026-01-10 05:00:00+00', '2026-01-10'),
             ('b', '2026-07-10 03:59:59+00', '2026-07-09'), ('b', '2026-07-10 04:00:00+00', '2026-07-10')) AS d (tenant, at, day)
CROSS JOIN LATERAL (
    SELECT (pg_temp.order_with(format('organization_id = %L, order_created_at = %L', pg_temp.id(d.tenant, 'org'), d.at))).*) o \g /dev/null
SELECT pg_temp.expect((pg_temp.order_with($$order_day = '1999-01-01'$$)).order_day <> '1999-01-01', 'order_day cannot be written') \g /dev/null
SELECT pg_temp.order_with(format('organization_id = %L', pg_temp.id('a', 'org'))) \g /dev/null
INSERT INTO commerce_orders (organization_id, external_order_id, created_at) VALUES (pg_temp.id('a', 'org'), 'undated', '2026-03-01 20:00+00');
SELECT pg_temp.expect(order_day = '2026-03-02', 'an undated order is of the day it was recorded')
FROM commerce_orders WHERE external_order_id = 'undated' \g /dev/null

INSERT INTO calls (organization_id, external_call_id, created_at) VALUES (pg_temp.id('a', 'org'), 'later', '2026-03-01 20:00+00');
SELECT pg_temp.expect(call_day = '2026-03-02', 'a call that has not begun is of the day it was created')
FROM calls WHERE external_call_id = 'later' \g /dev/null
UPDATE calls SET started_at = '2026-03-04 00:00+00' WHERE external_call_id = 'later';
SELECT pg_temp.expect(call_day = '2026-03-04', 'then of the day it began') FROM calls WHERE external_call_id = 'later' \g /dev/null
SELECT pg_temp.expect_error($$INSERT INTO calls (provider, external_call_id, organization_id)
    SELECT provider, external_call_id, organization_id FROM calls WHERE external_call_id = 'later'$$, '23505') \g /dev/null

-- A call's order: only when metadata names one as a uuid.
UPDATE calls SET metadata = jsonb_build_object('order_id', v.text) FROM (VALUES (NULL)) AS v (text) WHERE external_call_id = 'later';
DO $$
DECLARE
    v record;
    got uuid;
BEGIN
    FOR v IN SELECT * FROM (VALUES ('"#1001"', NULL), ('17', NULL), ('null', NULL), ('{"a": 1}', NULL),
                                   ('"6C1F4F36-0000-4000-8000-000000000001"', '6c1f4f36-0000-4000-8000-000000000001'),
                                   ('" 6c1f4f36-0000-4000-8000-000000000001"', NULL)) AS t (given, wanted)
    LOOP
        UPDATE calls SET metadata = jsonb_build_object('order_id', v.given::jsonb) WHERE external_call_id = 'later'
        RETURNING order_id INTO got;
        PERFORM pg_temp.expect(got IS NOT DISTINCT FROM v.wanted::uuid, v.given || ' as order_id');
    END LOOP;
    UPDATE calls SET metadata = '[1, 2]' WHERE external_call_id = 'later' RETURNING order_id INTO got;
    PERFORM pg_temp.expect(got IS NULL, 'metadata that is no object');
END $$;

-- Carts.
CREATE FUNCTION pg_temp.cart_with(_assignments text) RETURNS commerce_abandoned_carts LANGUAGE plpgsql AS $$
DECLARE
    c commerce_abandoned_carts;
BEGIN
    UPDATE commerce_abandoned_carts SET status = 'abandoned', customer_phone = '+919876543210', recovered_at = NULL
    WHERE id = pg_temp.id('a', 'cart');
    EXECUTE format('UPDATE commerce_abandoned_carts SET %s WHERE id = %L RETURNING *', _assignments, pg_temp.id('a', 'cart')) INTO c;
    RETURN c;
END $$;
SELECT pg_temp.expect((pg_temp.cart_with(v.change)).trigger_ready = v.ready::trigger_ready_status, v.change || ' -> ' || v.ready)
FROM (VALUES ('items_count = 1', 'ready'), ('customer_phone = NULL', 'missing_phone'), ('customer_phone = ''''', 'missing_phone'),
             ('status = ''recovered''', 'not_applicable'), ('status = ''expired''', 'not_applicable'),
             ('trigger_ready = ''not_applicable''', 'ready')) AS v (change, ready) \g /dev/null
SELECT pg_temp.expect((pg_temp.cart_with($$abandoned_at = '2026-01-10 18:30+00'$$)).abandoned_day = '2026-01-11', 'abandoned_day') \g /dev/null
SELECT pg_temp.expect((pg_temp.cart_with($$status = 'recovered', recovered_at = '2026-01-10 18:30+00'$$)).recovered_day = '2026-01-11', 'recovered_day') \g /dev/null
SELECT pg_temp.expect((pg_temp.cart_with($$status = 'recovered'$$)).recovered_at = now(), 'recovered now') \g /dev/null
SELECT pg_temp.expect((pg_temp.cart_with($$status = 'expired', recovered_at = now()$$)).recovered_day IS NULL, 'not recovered, no day') \g /dev/null
SELECT pg_temp.expect((pg_temp.cart_with($$abandoned_day = '1999-01-01', recovered_day = '1999-01-01'$$)).recovered_day IS NULL, 'days cannot be written') \g /dev/null
SELECT pg_temp.expect_error(format($$UPDATE commerce_abandoned_carts SET total_value = %L$$, v), '23514')
FROM unnest('{NaN,Infinity,-Infinity}'::text[]) v \g /dev/null
SELECT pg_temp.expect_error(format($$UPDATE commerce_checkouts SET total_value = %L$$, v), '23514')
FROM unnest('{NaN,Infinity,-Infinity}'::text[]) v \g /dev/null

-- An indexed text of any length is a clean refusal of one row (23514), never a failing index (54000).
SELECT pg_temp.expect_error(format('UPDATE %s SET %s = %L', v.tbl, v.col, string_agg(md5(i::text), '')), '23514')
FROM (VALUES ('commerce_orders', 'external_order_id'), ('commerce_orders', 'checkout_token'), ('commerce_orders', 'cart_token'),
             ('commerce_orders', 'external_customer_id'), ('commerce_checkouts', 'token'), ('commerce_checkouts', 'cart_token'),
             ('commerce_checkouts', 'currency'), ('commerce_abandoned_carts', 'checkout_token'),
             ('commerce_abandoned_carts', 'external_cart_id'), ('commerce_abandoned_carts', 'currency'),
             ('commerce_products', 'external_product_id'), ('commerce_product_variants', 'external_variant_id'),
             ('commerce_order_items', 'external_product_id'), ('commerce_cart_items', 'external_product_id'),
             ('commerce_customers', 'external_customer_id'), ('commerce_tombstones', 'external_id'),
             ('commerce_checkout_activity', 'token'), ('calls', 'external_call_id'), ('contacts', 'phone'),
             ('commerce_integrations', 'store_domain')) AS v (tbl, col),
     generate_series(1, 400) i
GROUP BY v.tbl, v.col \g /dev/null
-- dead_letters take any length: there is no further place for what fails.
UPDATE dead_letters SET key = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 400) i), topic = repeat('x', 9000)
WHERE organization_id = pg_temp.id('a', 'org');
SELECT pg_temp.expect_error(format($$INSERT INTO dead_letters (source, topic, key, reason, digest)
    SELECT source, topic, key, reason, digest FROM dead_letters$$), '23505') \g /dev/null

-- Redaction is for ever: personal columns of a redacted row stay empty whatever is written later.
UPDATE commerce_orders SET redacted = true WHERE id = pg_temp.id('a', 'order');
UPDATE commerce_orders SET redacted = false, customer_name = 'x', customer_email = 'x', customer_phone = '+1', notes = 'x',
    shipping_address = '{"a": 1}', billing_address = '{"a": 1}', external_customer_id = '1', customer_id = pg_temp.id('a', 'customer'),
    total_amount = 77
WHERE id = pg_temp.id('a', 'order');
SELECT pg_temp.expect(redacted AND total_amount = 77
    AND num_nonnulls(customer_name, customer_email, customer_phone, notes, shipping_address, billing_address,
                     external_customer_id, customer_id) = 0, 'a redacted order stays so')
FROM commerce_orders WHERE id = pg_temp.id('a', 'order') \g /dev/null
UPDATE commerce_abandoned_carts SET redacted = true WHERE id = pg_temp.id('a', 'cart');
UPDATE commerce_abandoned_carts SET redacted = false, customer_name = 'x', customer_email = 'x', customer_phone = '+1', recovery_url = 'x',
    external_customer_id = '1', customer_id = pg_temp.id('a', 'customer') WHERE id = pg_temp.id('a', 'cart');
SELECT pg_temp.expect(redacted AND num_nonnulls(customer_name, customer_email, customer_phone, recovery_url,
                                                external_customer_id, customer_id) = 0, 'a redacted cart stays so')
FROM commerce_abandoned_carts WHERE id = pg_temp.id('a', 'cart') \g /dev/null
UPDATE commerce_checkouts SET redacted = true;
UPDATE commerce_checkouts SET redacted = false, customer_name = 'x', customer_email = 'x', customer_phone = '+1', recovery_url = 'x';
SELECT pg_temp.expect(redacted AND num_nonnulls(customer_name, customer_email, customer_phone, recovery_url) = 0,
                      'a redacted checkout stays so') FROM commerce_checkouts \g /dev/null
UPDATE calls SET summary = 'x', metadata = '{"name": "x", "payment_type": "cod"}' WHERE id = pg_temp.id('a', 'call');
UPDATE calls SET redacted = true WHERE id = pg_temp.id('a', 'call');
UPDATE calls SET redacted = false, from_number = '+1', to_number = '+1', summary = 'x', error_message = 'x', outcome = 'answered',
    contact_id = pg_temp.id('a', 'contact'), metadata = metadata || '{"name": "x"}' WHERE id = pg_temp.id('a', 'call');
SELECT pg_temp.expect(redacted AND outcome = 'answered' AND metadata = '{"payment_type": "cod"}'
    AND num_nonnulls(from_number, to_number, summary, error_message, contact_id) = 0, 'a redacted call stays so')
FROM calls WHERE id = pg_temp.id('a', 'call') \g /dev/null
SELECT pg_temp.expect((SELECT bool_and(content = '') FROM call_transcripts WHERE call_id = pg_temp.id('a', 'call'))
    AND NOT EXISTS (SELECT FROM call_recordings WHERE call_id = pg_temp.id('a', 'call')), 'and what was said is gone') \g /dev/null
SELECT pg_temp.expect(state = 'erase' AND storage_path = 'a/b.mp3' AND provider_url IS NULL, 'and its file is to be erased')
FROM call_recording_copies WHERE call_id = pg_temp.id('a', 'call') \g /dev/null

-- Every table that has updated_at keeps it.
DO $$
DECLARE
    t record;
    n bigint;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR t IN
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'updated_at'
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
    LOOP
        SET LOCAL session_replication_role = replica;
        EXECUTE format('UPDATE %I SET updated_at = ''2000-01-01''', t.relname);
        SET LOCAL session_replication_role = origin;
        EXECUTE format('UPDATE %I SET created_at = created_at', t.relname);
        EXECUTE format('SELECT count(*) FROM %I WHERE updated_at = now()', t.relname) INTO n;
        PERFORM pg_temp.expect(n > 0, t.relname || '.updated_at moves');
    END LOOP;
END $$;

-- The same hash as the C side (SHA-256, first four bytes, big-endian, unsigned).
SELECT pg_temp.expect(route_hash('a.myshopify.com') = ('x' || substr(encode(sha256('a.myshopify.com'), 'hex'), 1, 8))::bit(32)::bigint
                      AND route_hash('shop.myshopify.com') = 1399604073 AND route_hash('') = 3820012610, 'route_hash') \g /dev/null
SELECT pg_temp.expect(bool_and(route_hash(i::text) BETWEEN 0 AND 4294967295) AND max(route_hash(i::text)) > 2147483647, 'unsigned')
FROM generate_series(1, 100) i \g /dev/null
ROLLBACK;
