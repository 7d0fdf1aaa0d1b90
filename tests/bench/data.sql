-- Tenants with a year of history, the same every time: for measuring lists, and for looking at plans.
--   psql -v tenants=50 -v calls=20000 -v orders=4000 -f tests/bench/data.sql      (calls and orders of each tenant)
-- A tenant also gets orders/2 carts, orders/8 products with two variants each, 2 items per order and cart, 4 campaigns, 3 agents
-- and calls/10 contacts; every tenth call has a transcript and a recording. Tenant n is md5('org/n')::uuid; its owner md5('owner/n'),
-- an admin, a member. Triggers fire, so the rollups are right; nothing is left in live_outbox.
\set ON_ERROR_STOP 1
\if :{?tenants} \else \set tenants 50 \endif
\if :{?calls} \else \set calls 20000 \endif
\if :{?orders} \else \set orders 4000 \endif
SET ringback.writer = 'worker';
SET timezone = 'UTC';
SET bench.tenants = :tenants;
SET bench.calls = :calls;
SET bench.orders = :orders;

CREATE FUNCTION pg_temp.id(_kind text, _tenant integer, _n integer DEFAULT 0) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT md5(_kind || '/' || _tenant || CASE WHEN _n > 0 THEN '/' || _n ELSE '' END)::uuid
$$;
-- One of a list; early ones are likelier.
CREATE FUNCTION pg_temp.pick(_list text[], _random double precision) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT _list[1 + floor(_random * _random * cardinality(_list))::integer]
$$;

DO $$
DECLARE
    tenants CONSTANT integer := current_setting('bench.tenants');
    calls   CONSTANT integer := current_setting('bench.calls');
    orders  CONSTANT integer := current_setting('bench.orders');
    org     uuid;
    store   uuid;
    first   CONSTANT text[] := '{Rahul,Priya,Amit,Neha,Arjun,Fatima,Wei,Olu,Ana,Jan,Sven,Lucía}';
    last    CONSTANT text[] := '{Sharma,Patel,Khan,Singh,Gupta,Das,Chen,Okafor,Silva,Novák,Larsen,Díaz}';
    thing   CONSTANT text[] := '{Headphones,Kettle,Backpack,Lamp,Shirt,Shoes,Watch,Bottle,Charger,Blanket}';
BEGIN
    FOR t IN 1..tenants LOOP
        PERFORM setseed(t / 1000.0);
        org := pg_temp.id('org', t);
        store := pg_temp.id('store', t);
        INSERT INTO organizations (id, name, timezone) VALUES (org, 'Tenant ' || t, (ARRAY['Asia/Kolkata', 'UTC', 'America/New_York'])[1 + t % 3]);
        INSERT INTO organization_members (organization_id, user_id, role)
            SELECT org, pg_temp.id(r, t), r FROM unnest('{owner,admin,member}'::text[]) r;
        INSERT INTO commerce_integrations (id, organization_id, status, store_name, store_domain)
            VALUES (store, org, 'connected', 'Store ' || t, 'bench-' || t || '.myshopify.com');
        INSERT INTO campaigns (id, organization_id, name, status)
            SELECT pg_temp.id('campaign', t, n), org, 'Campaign ' || n, 'paused' FROM generate_series(1, 4) n;
        INSERT INTO agents (id, organization_id, name, status)
            SELECT pg_temp.id('agent', t, n), org, 'Agent ' || n, 'active' FROM generate_series(1, 3) n;
        INSERT INTO campaign_agents (organization_id, campaign_id, agent_id, is_primary)
            SELECT org, pg_temp.id('campaign', t, n), pg_temp.id('agent', t, 1 + n % 3), true FROM generate_series(1, 4) n;
        INSERT INTO contacts (id, organization_id, phone, first_name, last_name)
            SELECT pg_temp.id('contact', t, n), org, '+91' || 7000000000 + t * 10000000 + n, pg_temp.pick(first, random()), pg_temp.pick(last, random())
            FROM generate_series(1, greatest(calls / 10, 1)) n;
        INSERT INTO commerce_products (id, organization_id, integration_id, external_product_id, title, vendor, product_type, status,
                                       description, images, tags, synced_at, created_at, updated_at)
            SELECT pg_temp.id('product', t, n), org, store, n::text, pg_temp.pick('{Premium,Basic,Smart,Classic,Travel}', random()) || ' '
                   || pg_temp.pick(thing, random()) || ' ' || n, pg_temp.pick('{TechBrand,HomeCo,Outdoor & Sons,Nordic}', random()),
                   pg_temp.pick('{Electronics,Home,Fashion,Travel,Sports,Toys}', random()),
                   pg_temp.pick('{active,active,draft,archived}', random())::product_status, repeat('A very good thing. ', 20),
                   jsonb_build_array('https://cdn.example/' || n || '.jpg'), '["new", "sale"]', now(), now() - random() * interval '365 days',
                   now() - random() * interval '100 days'
            FROM generate_series(1, greatest(orders / 8, 1)) n;
        INSERT INTO commerce_product_variants (organization_id, product_id, integration_id, external_variant_id, position, title, sku, price,
                                               inventory_quantity)
            SELECT org, pg_temp.id('product', t, n), store, n || '-' || v, v, (ARRAY['Black', 'White'])[v], 'SKU-' || n || '-' || v,
                   (random() * 5000)::numeric(10, 2), (random() * 100)::integer
            FROM generate_series(1, greatest(orders / 8, 1)) n, generate_series(1, 2) v;
        COMMIT;

        INSERT INTO commerce_orders (id, organization_id, integration_id, external_order_id, order_number, customer_name, customer_email,
                                     customer_phone, total_amount, currency, payment_type, financial_status, fulfillment_status,
                                     shipping_address, order_created_at, created_at, synced_at)
            SELECT pg_temp.id('order', t, n), org, store, n::text, '#' || 1000 + n, name, lower(replace(name, ' ', '.')) || n || '@example.com',
                   CASE WHEN n % 20 > 0 THEN '+91' || 6000000000 + floor(random() * 3999999999)::bigint END, (random() * 9000)::numeric(10, 2), 'INR',
                   pg_temp.pick('{cod,prepaid,unknown}', random())::payment_type,
                   pg_temp.pick('{pending,paid,refunded,partially_refunded,voided}', random())::order_financial_status,
                   pg_temp.pick('{unfulfilled,fulfilled,partial,restocked}', random())::order_fulfillment_status,
                   '{"city": "Pune", "zip": "411001", "country": "India", "address1": "12 Long Street, near the station"}', at, at, at
            FROM (SELECT n, now() - random() * interval '365 days' AS at, pg_temp.pick(first, random()) || ' ' || pg_temp.pick(last, random()) AS name
                  FROM generate_series(1, orders) n) s;
        INSERT INTO commerce_order_items (organization_id, order_id, integration_id, position, product_id, title, variant_title, quantity, price, total)
            SELECT org, pg_temp.id('order', t, n), store, p, pg_temp.id('product', t, 1 + (n * p) % greatest(orders / 8, 1)),
                   pg_temp.pick(thing, random()), 'Black', 1 + p, 100.50, 100.50 * (1 + p)
            FROM generate_series(1, orders) n, generate_series(0, 1) p;
        INSERT INTO commerce_abandoned_carts (id, organization_id, integration_id, checkout_token, external_cart_id, customer_name, customer_email,
                                              customer_phone, total_value, currency, items_count, status, recovery_url, abandoned_at, recovered_at,
                                              created_at)
            SELECT pg_temp.id('cart', t, n), org, store, 'token-' || n, n::text, name, lower(replace(name, ' ', '.')) || n || '@example.com',
                   CASE WHEN n % 20 > 0 THEN '+91' || 6000000000 + floor(random() * 3999999999)::bigint END, (random() * 9000)::numeric(10, 2), 'INR', 2, status,
                   'https://shop.example/recover/' || n, at, CASE status WHEN 'recovered' THEN at + interval '1 day' END, at
            FROM (SELECT n, now() - random() * interval '365 days' AS at, pg_temp.pick('{abandoned,expired,recovered}', random())::cart_status AS status,
                         pg_temp.pick(first, random()) || ' ' || pg_temp.pick(last, random()) AS name
                  FROM generate_series(1, orders / 2) n) s;
        INSERT INTO commerce_cart_items (organization_id, cart_id, integration_id, position, product_id, title, quantity, price, total, image_url)
            SELECT org, pg_temp.id('cart', t, n), store, p, pg_temp.id('product', t, 1 + (n * p) % greatest(orders / 8, 1)),
                   pg_temp.pick(thing, random()), 1, 100.50, 100.50, 'https://cdn.example/1.jpg'
            FROM generate_series(1, orders / 2) n, generate_series(0, 1) p;
        COMMIT;

        INSERT INTO calls (id, organization_id, campaign_id, agent_id, contact_id, from_number, to_number, status, outcome, duration_seconds,
                           sentiment, sentiment_score, summary, metadata, provider, external_call_id, started_at, ended_at, created_at)
            SELECT pg_temp.id('call', t, n), org, pg_temp.id('campaign', t, 1 + floor(power(random(), 2) * 4)::integer),
                   pg_temp.id('agent', t, 1 + floor(power(random(), 2) * 3)::integer), pg_temp.id('contact', t, contact),
                   '+9180' || 10000000 + t, '+91' || 7000000000 + t * 10000000 + contact,
                   CASE WHEN n % 200 = 0 THEN 'in_progress' ELSE 'ended' END::call_status, outcome,
                   CASE outcome WHEN 'answered' THEN 5 + (random() * 400)::integer ELSE 0 END,
                   CASE outcome WHEN 'answered' THEN pg_temp.pick('{positive,neutral,negative}', random()) END::call_sentiment,
                   CASE outcome WHEN 'answered' THEN 50 END, CASE outcome WHEN 'answered' THEN 'The customer confirmed the order and asked when it will come.' END,
                   jsonb_build_object('order_id', pg_temp.id('order', t, 1 + n % orders), 'order_number', '#' || 1001 + n % orders,
                                      'payment_type', CASE WHEN n % 3 > 0 THEN 'cod' ELSE 'prepaid' END),
                   'bench', t || '-' || n, at + interval '3 seconds', at + interval '3 minutes', at
            FROM (SELECT n, now() - random() * interval '365 days' AS at, 1 + floor(random() * greatest(calls / 10, 1))::integer AS contact,
                         CASE WHEN n % 200 > 0 THEN pg_temp.pick('{answered,answered,no_answer,busy,failed,voicemail}', random()) END::call_outcome AS outcome
                  FROM generate_series(1, calls) n) s;
        INSERT INTO call_transcripts (organization_id, call_id, speaker, content, sequence)
            SELECT org, pg_temp.id('call', t, n), (ARRAY['agent', 'caller'])[1 + l % 2]::transcript_speaker, 'Yes, I placed the order yesterday.', l
            FROM generate_series(1, calls, 10) n, generate_series(1, 4) l;
        INSERT INTO call_recordings (organization_id, call_id, storage_path, duration_seconds)
            SELECT org, pg_temp.id('call', t, n), org || '/' || n || '.mp3', 60 FROM generate_series(1, calls, 10) n;
        COMMIT;
    END LOOP;
END $$;
DELETE FROM live_outbox;
VACUUM ANALYZE;
