-- The store has what the API was promised: the plan's tables column by column with their types, its enums, the foreign
-- keys that embedded selects need; and a place for every column that the handlers produce (handlers/rowsets.def).
BEGIN;
\ir lib/setup.sql

CREATE TEMP TABLE promised (tbl text, columns text);
INSERT INTO promised VALUES
    ('campaigns',
     'id uuid, organization_id uuid, name text, description text, status campaign_status, concurrency '
     'integer, schedule jsonb, settings jsonb, started_at timestamptz, completed_at timestamptz, '
     'deleted_at timestamptz, created_at timestamptz, updated_at timestamptz'),
    ('campaign_agents', 'id uuid, campaign_id uuid, agent_id uuid, is_primary boolean'),
    ('agents',
     'id uuid, organization_id uuid, name text, language text, tone agent_tone, status agent_status, '
     'system_prompt text, sentiment_rules jsonb, voice_settings jsonb, deleted_at timestamptz, created_at '
     'timestamptz, updated_at timestamptz'),
    ('calls',
     'id uuid, organization_id uuid, campaign_id uuid, agent_id uuid, contact_id uuid, call_type '
     'call_type, from_number text, to_number text, status call_status, outcome call_outcome, '
     'duration_seconds integer, sentiment call_sentiment, sentiment_score integer, summary text, '
     'attempt_number integer, error_message text, tags jsonb, metadata jsonb, external_call_id text, '
     'started_at timestamptz, ended_at timestamptz, created_at timestamptz'),
    ('call_transcripts',
     'id uuid, call_id uuid, speaker transcript_speaker, content text, sequence integer, confidence '
     'numeric, timestamp timestamptz'),
    ('call_recordings', 'id uuid, call_id uuid, storage_path text, duration_seconds integer, file_size_bytes bigint'),
    ('commerce_products',
     'id uuid, organization_id uuid, integration_id uuid, external_product_id text, source '
     'commerce_source, title text, description text, vendor text, product_type text, status '
     'product_status, images jsonb, tags jsonb, synced_at timestamptz, created_at timestamptz, updated_at '
     'timestamptz'),
    ('commerce_product_variants',
     'id uuid, product_id uuid, external_variant_id text, title text, sku text, price numeric, '
     'compare_at_price numeric, inventory_quantity integer, requires_shipping boolean, weight numeric, '
     'weight_unit text'),
    ('commerce_orders',
     'id uuid, organization_id uuid, integration_id uuid, external_order_id text, order_number text, '
     'source commerce_source, customer_id uuid, customer_name text, customer_email text, customer_phone '
     'text, total_amount numeric, subtotal numeric, total_tax numeric, total_discounts numeric, currency '
     'text, payment_type payment_type, financial_status order_financial_status, fulfillment_status '
     'order_fulfillment_status, trigger_ready trigger_ready_status, shipping_address jsonb, '
     'billing_address jsonb, notes text, tags jsonb, order_created_at timestamptz, synced_at timestamptz, '
     'created_at timestamptz, updated_at timestamptz'),
    ('commerce_order_items',
     'id uuid, order_id uuid, product_id uuid, variant_id uuid, title text, variant_title text, sku text, '
     'quantity integer, price numeric, total numeric'),
    ('commerce_abandoned_carts',
     'id uuid, organization_id uuid, integration_id uuid, external_cart_id text, source commerce_source, '
     'customer_id uuid, customer_name text, customer_email text, customer_phone text, total_value numeric, '
     'currency text, items_count integer, status cart_status, trigger_ready trigger_ready_status, '
     'recovery_url text, abandoned_at timestamptz, synced_at timestamptz, created_at timestamptz, '
     'updated_at timestamptz'),
    ('commerce_cart_items',
     'id uuid, cart_id uuid, product_id uuid, variant_id uuid, title text, variant_title text, quantity '
     'integer, price numeric, total numeric, image_url text'),
    ('commerce_integrations',
     'id uuid, organization_id uuid, source commerce_source, status integration_status, store_name text, '
     'store_domain text, external_store_id text, access_token_encrypted text, webhook_status '
     'webhook_status, settings jsonb, last_sync_at timestamptz, last_products_sync_at timestamptz, '
     'last_orders_sync_at timestamptz, created_at timestamptz, updated_at timestamptz'),
    ('organizations', 'id uuid, name text, timezone text'),
    ('organization_members', 'organization_id uuid, user_id uuid, role text'),
    ('contacts', 'id uuid, organization_id uuid, first_name text, last_name text, phone text, email text');
SELECT pg_temp.expect(count(*) = 16, 'all tables are listed') FROM promised \g /dev/null
SELECT pg_temp.expect(format_type(a.atttypid, NULL) = CASE split_part(c.col, ' ', 2) WHEN 'timestamptz' THEN 'timestamp with time zone'
                                                       ELSE split_part(c.col, ' ', 2) END,
                      format('%s.%s, not %s', p.tbl, c.col, format_type(a.atttypid, NULL)))
FROM promised p
CROSS JOIN LATERAL regexp_split_to_table(p.columns, ', *') AS c (col)
LEFT JOIN pg_attribute a ON a.attrelid = to_regclass(p.tbl) AND a.attname = split_part(c.col, ' ', 1) AND NOT a.attisdropped \g /dev/null

CREATE TEMP TABLE produced (tbl text, columns text);
INSERT INTO produced VALUES
    ('commerce_customers',
     'integration_id, external_customer_id, organization_id, first_name, last_name, email, phone, '
     'default_address, tags, source_created_at, source_updated_at, source_triggered_at, source_version'),
    ('commerce_products',
     'integration_id, external_product_id, organization_id, title, description, vendor, product_type, '
     'status, images, tags, source_updated_at, source_triggered_at, source_version'),
    ('commerce_orders',
     'integration_id, external_order_id, organization_id, order_number, external_customer_id, '
     'customer_name, customer_email, customer_phone, total_amount, subtotal, total_tax, total_discounts, '
     'total_outstanding, currency, presentment_currency, payment_type, financial_status, '
     'fulfillment_status, shipping_address, billing_address, notes, tags, test, source_name, '
     'checkout_token, cart_token, order_created_at, cancelled_at, closed_at, source_updated_at, '
     'source_triggered_at, source_version'),
    ('commerce_order_items',
     'integration_id, position, external_line_item_id, external_product_id, external_variant_id, title, '
     'variant_title, sku, quantity, price, total_discount'),
    ('commerce_checkouts',
     'integration_id, token, organization_id, external_checkout_id, cart_token, external_customer_id, '
     'customer_name, customer_email, customer_phone, total_value, currency, items_count, items, '
     'recovery_url, source_created_at, completed_at, source_updated_at, source_triggered_at, '
     'source_version'),
    ('commerce_checkout_activity', 'integration_id, token, at, organization_id, contactable'),
    ('commerce_data_requests',
     'integration_id, external_request_id, organization_id, external_customer_id, email, phone, order_ids, '
     'requested_at'),
    ('commerce_product_variants',
     'integration_id, position, external_variant_id, title, sku, price, compare_at_price, '
     'inventory_quantity, requires_shipping, weight, weight_unit');
SELECT pg_temp.expect(a.attname IS NOT NULL, format('%s has %s', p.tbl, c.col))
FROM produced p
CROSS JOIN LATERAL regexp_split_to_table(p.columns, ', *') AS c (col)
LEFT JOIN pg_attribute a ON a.attrelid = to_regclass(p.tbl) AND a.attname = c.col AND NOT a.attisdropped \g /dev/null

SELECT pg_temp.expect(enum_range(NULL::campaign_status)::text = '{draft,scheduled,running,paused,completed,cancelled}'
    AND enum_range(NULL::agent_status)::text = '{active,inactive,draft}'
    AND enum_range(NULL::agent_tone)::text = '{professional,friendly,casual,formal,empathetic}'
    AND enum_range(NULL::call_type)::text = '{inbound,outbound,webcall}'
    AND enum_range(NULL::call_status)::text = '{queued,ringing,in_progress,ended}'
    AND enum_range(NULL::call_outcome)::text = '{answered,no_answer,busy,failed,voicemail}'
    AND enum_range(NULL::call_sentiment)::text = '{positive,neutral,negative}'
    AND enum_range(NULL::transcript_speaker)::text = '{agent,caller,system}'
    AND enum_range(NULL::payment_type)::text = '{cod,prepaid,unknown}'
    AND enum_range(NULL::trigger_ready_status)::text = '{ready,missing_phone,not_applicable}'
    AND enum_range(NULL::order_financial_status)::text = '{pending,paid,refunded,partially_refunded,voided}'
    AND enum_range(NULL::order_fulfillment_status)::text = '{unfulfilled,partial,fulfilled,restocked}'
    AND enum_range(NULL::product_status)::text = '{active,draft,archived}'
    AND enum_range(NULL::cart_status)::text = '{abandoned,recovered,expired}'
    AND enum_range(NULL::commerce_source)::text = '{shopify,woocommerce,custom_webhook}'
    AND enum_range(NULL::integration_status)::text = '{connected,disconnected,error,pending}'
    AND enum_range(NULL::webhook_status)::text = '{active,failed,pending}', 'the enums') \g /dev/null

-- Foreign keys, each with an index that starts with its column (deleting the parent must not scan the children).
CREATE TEMP TABLE keys AS
SELECT c.conrelid AS tbl, c.conkey[1] AS col, format('%s.%s -> %s', c.conrelid::regclass, a.attname, c.confrelid::regclass) AS name
FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace;
SELECT pg_temp.expect(EXISTS (SELECT FROM keys k WHERE k.name = wanted), wanted)
FROM unnest('{campaigns.organization_id -> organizations,agents.organization_id -> organizations,
    campaign_agents.campaign_id -> campaigns,campaign_agents.agent_id -> agents,calls.organization_id -> organizations,
    calls.campaign_id -> campaigns,calls.agent_id -> agents,calls.contact_id -> contacts,call_transcripts.call_id -> calls,
    call_recordings.call_id -> calls,commerce_products.organization_id -> organizations,
    commerce_products.integration_id -> commerce_integrations,commerce_product_variants.product_id -> commerce_products,
    commerce_orders.organization_id -> organizations,commerce_orders.integration_id -> commerce_integrations,
    commerce_orders.customer_id -> commerce_customers,commerce_order_items.order_id -> commerce_orders,
    commerce_order_items.product_id -> commerce_products,commerce_order_items.variant_id -> commerce_product_variants,
    commerce_abandoned_carts.organization_id -> organizations,commerce_abandoned_carts.integration_id -> commerce_integrations,
    commerce_abandoned_carts.customer_id -> commerce_customers,commerce_abandoned_carts.recovered_order_id -> commerce_orders,
    commerce_cart_items.cart_id -> commerce_abandoned_carts,commerce_cart_items.product_id -> commerce_products,
    commerce_cart_items.variant_id -> commerce_product_variants,commerce_integrations.organization_id -> organizations}'::text[]) wanted \g /dev/null
SELECT pg_temp.expect(EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.tbl AND i.indkey[0] = k.col), k.name || ' has an index')
FROM keys k \g /dev/null

-- Lists of one tenant are read from an index, newest first, also under the policy; the API's long ones by each column that they
-- are sorted by, with the id behind it (schema/api).
SELECT pg_temp.expect(EXISTS (SELECT FROM pg_indexes i WHERE i.tablename = v.tbl AND i.indexdef LIKE '%(organization_id, ' || v.sort || ' DESC)'),
                      v.tbl || ' by ' || v.sort)
FROM (VALUES ('campaigns', 'updated_at'), ('agents', 'updated_at'), ('contacts', 'created_at'), ('commerce_integrations', 'created_at'),
             ('commerce_customers', 'created_at')) AS v (tbl, sort) \g /dev/null
SELECT pg_temp.expect(EXISTS (SELECT FROM pg_indexes i WHERE i.tablename = v.tbl AND i.indexdef LIKE
                              '%(organization_id, ' || v.sort || ' DESC NULLS LAST, id DESC NULLS LAST)'), v.tbl || ' by ' || v.sort)
FROM (VALUES ('commerce_orders', 'order_created_at'), ('commerce_orders', 'created_at'), ('commerce_orders', 'total_amount'),
             ('commerce_abandoned_carts', 'abandoned_at'), ('commerce_abandoned_carts', 'created_at'), ('commerce_abandoned_carts', 'total_value'),
             ('commerce_products', 'updated_at'), ('commerce_products', 'created_at'), ('commerce_products', 'title'),
             ('calls', 'created_at'), ('calls', 'started_at'), ('calls', 'duration_seconds')) AS v (tbl, sort) \g /dev/null

-- Every table says who writes it.
SELECT pg_temp.expect(obj_description(c.oid, 'pg_class') ~ '(Written|Seeded|written|Emptied|emptied)', c.relname || ' says who writes it')
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' \g /dev/null
-- What is not required can be left out: a row needs its tenant, its parent, and a name where the plan shows one.
INSERT INTO commerce_orders (organization_id) VALUES (pg_temp.id('a', 'org'));
INSERT INTO commerce_abandoned_carts (organization_id) VALUES (pg_temp.id('a', 'org')), (pg_temp.id('a', 'org'));
INSERT INTO commerce_products (organization_id) VALUES (pg_temp.id('a', 'org'));
INSERT INTO commerce_customers (organization_id) VALUES (pg_temp.id('a', 'org'));
INSERT INTO commerce_integrations (organization_id) VALUES (pg_temp.id('a', 'org')), (pg_temp.id('a', 'org'));
INSERT INTO calls (organization_id) VALUES (pg_temp.id('a', 'org')), (pg_temp.id('a', 'org'));
INSERT INTO contacts (organization_id) VALUES (pg_temp.id('a', 'org')), (pg_temp.id('a', 'org'));
INSERT INTO agents (organization_id, name) VALUES (pg_temp.id('a', 'org'), 'x');
INSERT INTO campaigns (organization_id, name) VALUES (pg_temp.id('a', 'org'), 'x');
ROLLBACK;
