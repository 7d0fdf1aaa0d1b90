-- Included by every test in the transaction that the test rolls back: two tenants, a and b, with one row in every
-- table, and the words that tests are written in.
\set ON_ERROR_STOP 1
SET LOCAL client_min_messages = warning;
SET LOCAL timezone = 'UTC';

CREATE FUNCTION pg_temp.expect(_true boolean, _claim text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF _true IS NOT TRUE THEN
        RAISE EXCEPTION 'not so: %', _claim USING ERRCODE = 'RB001';
    END IF;
END $$;

-- The statement must fail, with an SQLSTATE and, if given, with that hint.
CREATE FUNCTION pg_temp.expect_error(_statement text, _sqlstate text, _hint text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    state   text;
    message text;
    hint    text;
BEGIN
    BEGIN
        EXECUTE _statement;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    END;
    IF state IS NULL THEN
        RAISE EXCEPTION 'not refused: %', _statement USING ERRCODE = 'RB001';
    END IF;
    IF state <> _sqlstate OR hint IS DISTINCT FROM coalesce(_hint, hint) THEN
        RAISE EXCEPTION '% failed with % (%, hint %), wanted % hint %', _statement, state, message, hint, _sqlstate, _hint
            USING ERRCODE = 'RB001';
    END IF;
END $$;

-- Rows that a statement changed.
CREATE FUNCTION pg_temp.changed(_statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE _statement;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

CREATE FUNCTION pg_temp.counted(_query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE 'SELECT count(*) FROM (' || _query || ') q' INTO n;
    RETURN n;
END $$;

-- uuid of the n-th thing of a kind ("org", "order", ...) of tenant a or b.
CREATE FUNCTION pg_temp.id(_tenant text, _kind text, _n integer DEFAULT 1) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT md5(_tenant || '/' || _kind || '/' || _n)::uuid
$$;

-- From here to the next call (or end_act) statements run as a signed-in user, as the API runs them.
CREATE FUNCTION pg_temp.act_as(_user uuid, _organization uuid DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('request.jwt.claims', json_build_object('sub', _user, 'role', 'authenticated')::text, true);
    PERFORM set_config('request.organization_id', coalesce(_organization::text, ''), true);
    SET LOCAL ROLE authenticated;
END $$;
CREATE FUNCTION pg_temp.end_act() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RESET ROLE;
    PERFORM set_config('request.jwt.claims', '', true);
    PERFORM set_config('request.organization_id', '', true);
END $$;

CREATE FUNCTION pg_temp.seed(_t text, _zone text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    org         CONSTANT uuid := pg_temp.id(_t, 'org');
    integration CONSTANT uuid := pg_temp.id(_t, 'integration');
BEGIN
    INSERT INTO organizations (id, name, timezone) VALUES (org, 'Tenant ' || _t, _zone);
    INSERT INTO organization_members (organization_id, user_id, role)
        SELECT org, pg_temp.id(_t, r), r FROM unnest('{owner,admin,member}'::text[]) r;
    INSERT INTO user_roles (user_id, role) VALUES (pg_temp.id(_t, 'member'), 'beta-tester');
    INSERT INTO commerce_integrations (id, organization_id, status, store_name, store_domain, access_token_encrypted,
                                       refresh_token_encrypted, webhook_secret_encrypted)
        VALUES (integration, org, 'connected', 'Store ' || _t, _t || '.myshopify.com', 'secret-token', 'secret-refresh',
                'secret-webhook');
    INSERT INTO commerce_customers (id, organization_id, integration_id, external_customer_id, first_name, phone)
        VALUES (pg_temp.id(_t, 'customer'), org, integration, '1', 'Rahul', '+919876543210');
    INSERT INTO commerce_products (id, organization_id, integration_id, external_product_id, title)
        VALUES (pg_temp.id(_t, 'product'), org, integration, '1', 'Headphones');
    INSERT INTO commerce_product_variants (id, organization_id, product_id, integration_id, external_variant_id, price)
        VALUES (pg_temp.id(_t, 'variant'), org, pg_temp.id(_t, 'product'), integration, '1', 10);
    INSERT INTO commerce_orders (id, organization_id, integration_id, external_order_id, customer_id, customer_phone,
                                 payment_type, total_amount, order_created_at)
        VALUES (pg_temp.id(_t, 'order'), org, integration, '1', pg_temp.id(_t, 'customer'), '+919876543210', 'cod',
                4999.00, '2026-01-10 12:00+00');
    INSERT INTO commerce_order_items (id, organization_id, order_id, integration_id, product_id, variant_id, title)
        VALUES (pg_temp.id(_t, 'item'), org, pg_temp.id(_t, 'order'), integration, pg_temp.id(_t, 'product'),
                pg_temp.id(_t, 'variant'), 'Headphones');
    INSERT INTO commerce_checkouts (organization_id, integration_id, token) VALUES (org, integration, 'c1');
    INSERT INTO commerce_checkout_activity (organization_id, integration_id, token, at, contactable)
        VALUES (org, integration, 'c1', now(), true);
    INSERT INTO commerce_abandoned_carts (id, organization_id, integration_id, checkout_token, customer_id, total_value,
                                          currency, abandoned_at)
        VALUES (pg_temp.id(_t, 'cart'), org, integration, 'c1', pg_temp.id(_t, 'customer'), 100, 'INR',
                '2026-01-10 12:00+00');
    INSERT INTO commerce_cart_items (organization_id, cart_id, integration_id, product_id, title)
        VALUES (org, pg_temp.id(_t, 'cart'), integration, pg_temp.id(_t, 'product'), 'Headphones');
    INSERT INTO commerce_tombstones (integration_id, kind, external_id, organization_id)
        VALUES (integration, 'order', '99', org);
    INSERT INTO commerce_data_requests (organization_id, integration_id, external_request_id) VALUES (org, integration, '1');
    INSERT INTO campaigns (id, organization_id, name, status) VALUES (pg_temp.id(_t, 'campaign'), org, 'Confirm', 'paused');
    INSERT INTO agents (id, organization_id, name, status) VALUES (pg_temp.id(_t, 'agent'), org, 'Asha', 'active');
    INSERT INTO campaign_agents (id, campaign_id, agent_id, is_primary)
        VALUES (pg_temp.id(_t, 'link'), pg_temp.id(_t, 'campaign'), pg_temp.id(_t, 'agent'), true);
    INSERT INTO contacts (id, organization_id, phone) VALUES (pg_temp.id(_t, 'contact'), org, '+919876543211');
    INSERT INTO calls (id, organization_id, campaign_id, agent_id, contact_id, provider, external_call_id, outcome, started_at)
        VALUES (pg_temp.id(_t, 'call'), org, pg_temp.id(_t, 'campaign'), pg_temp.id(_t, 'agent'), pg_temp.id(_t, 'contact'),
                'retell', _t || '-1', 'busy', '2026-01-10 12:00+00');
    -- An order that a call kept from coming back; so every rollup has a row, with the recovered cart below.
    INSERT INTO calls (organization_id, provider, external_call_id, outcome, started_at, metadata)
        VALUES (org, 'retell', _t || '-2', 'answered', '2026-01-12 12:00+00', jsonb_build_object('order_decision', 'cancelled',
                'payment_type', 'cod', 'order_id', pg_temp.id(_t, 'order', 9)));
    INSERT INTO commerce_orders (id, organization_id, integration_id, external_order_id, payment_type, order_created_at)
        VALUES (pg_temp.id(_t, 'order', 9), org, integration, '9', 'cod', '2026-01-12 12:00+00');
    INSERT INTO call_transcripts (organization_id, call_id, content, sequence) VALUES (org, pg_temp.id(_t, 'call'), 'Hello', 1);
    INSERT INTO call_recordings (organization_id, call_id, storage_path) VALUES (org, pg_temp.id(_t, 'call'), 'a/b.mp3');
    INSERT INTO call_recording_copies (call_id, organization_id, provider_url) VALUES (pg_temp.id(_t, 'call'), org, 'https://x/secret');
    INSERT INTO dead_letters (source, topic, key, organization_id, reason, digest)
        VALUES ('shopify', 'orders/create', _t || '.myshopify.com', org, 'malformed', '\x01');
    INSERT INTO commerce_abandoned_carts (id, organization_id, integration_id, checkout_token, total_value, currency, status,
                                          abandoned_at, recovered_at)
        VALUES (pg_temp.id(_t, 'cart', 2), org, integration, 'c2', 250.50, 'INR', 'recovered', '2026-01-10 12:00+00',
                '2026-01-11 12:00+00');
END $$;

SELECT pg_temp.seed('a', 'Asia/Kolkata') \g /dev/null
SELECT pg_temp.seed('b', 'America/New_York') \g /dev/null
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
