-- Every table of the schema has row level security; a member of tenant a reads, inserts, changes and deletes nothing
-- of tenant b, on any table; and does on its own what the plan allows. A new table that setup.sql does not fill, or that
-- has no security, fails here.
BEGIN;
\ir lib/setup.sql

-- What a member may do with its own organization's rows: s(elect) i(nsert) u(pdate) d(elete). "admin": org admins only.
CREATE TEMP TABLE rights (tbl text PRIMARY KEY, member text NOT NULL, admin text NOT NULL, copy jsonb NOT NULL);
INSERT INTO rights VALUES
    ('organizations', 's', 'su', '{}'),
    ('organization_members', 's', 'siud', '{"user_id": "6c1f4f36-0000-4000-8000-000000000001"}'),
    ('commerce_integrations', 's', 'siud', '{"store_domain": "new.myshopify.com"}'),
    ('commerce_customers', 'siud', 'siud', '{"external_customer_id": "new"}'),
    ('commerce_products', 'siud', 'siud', '{"external_product_id": "new"}'),
    ('commerce_product_variants', 'siud', 'siud', '{"external_variant_id": "new"}'),
    ('commerce_orders', 'siud', 'siud', '{"external_order_id": "new"}'),
    ('commerce_order_items', 'siud', 'siud', '{"position": 7}'),
    ('commerce_checkouts', 's', 's', '{"token": "new"}'),
    ('commerce_checkout_activity', '', '', '{"token": "new"}'),
    ('commerce_abandoned_carts', 'siud', 'siud', '{"checkout_token": "new"}'),
    ('commerce_cart_items', 'siud', 'siud', '{"position": 7}'),
    ('commerce_tombstones', '', '', '{"external_id": "new"}'),
    ('commerce_data_requests', '', 's', '{"external_request_id": "new"}'),
    ('campaigns', 'siud', 'siud', '{"status": "draft"}'),
    ('agents', 'siu', 'siud', '{}'),
    ('campaign_agents', 'siud', 'siud', '{"is_primary": false}'),
    ('contacts', 'siud', 'siud', '{"phone": "+919876543219"}'),
    ('calls', 'siud', 'siud', '{"external_call_id": "new"}'),
    ('call_transcripts', 'siud', 'siud', '{"sequence": 7}'),
    ('call_recordings', 'siud', 'siud', '{}'),
    ('call_recording_copies', '', '', '{}'),
    ('dead_letters', '', 's', '{"key": "new"}'),
    ('live_outbox', '', '', '{}'),
    ('analytics_call_daily', 's', 's', '{"day": "2020-01-01"}'),
    ('analytics_outcome_daily', 's', 's', '{"day": "2020-01-01"}'),
    ('analytics_revenue_daily', 's', 's', '{"day": "2020-01-01"}'),
    ('list_totals', 's', 's', '{"list": "new"}'),
    ('analytics_rto_orders', '', '', '{"order_id": "6c1f4f36-0000-4000-8000-000000000001"}');

-- Tables without an organization of their own (access.sql), and one that is never filled at a commit; tested by name elsewhere.
SELECT pg_temp.expect(count(*) = 0, 'these tables have no row in "rights": ' || string_agg(c.relname, ', '))
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'f', 'm')
  AND c.relname NOT IN (SELECT tbl FROM rights) AND c.relname NOT IN ('user_roles', 'analytics_pending', 'call_voice_state', 'call_live_turns', 'dead_letter_retries') \g /dev/null
SELECT pg_temp.expect(count(*) = 0, 'these tables have no row level security: ' || string_agg(c.relname, ', '))
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity \g /dev/null
SELECT pg_temp.expect(count(*) = 0, 'these views run with their owner''s rights: ' || string_agg(c.relname, ', '))
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'v'
  AND NOT coalesce(c.reloptions @> '{security_invoker=true}', false) \g /dev/null

-- Nothing at all for anon: no table, no column, no sequence, no view.
SELECT pg_temp.expect(count(*) = 0, 'anon has rights on ' || string_agg(c.relname, ', '))
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace
  AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege('anon', c.oid, 'USAGE, SELECT, UPDATE')
           WHEN c.relkind IN ('r', 'p', 'v', 'm', 'f') THEN
                has_table_privilege('anon', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                OR has_any_column_privilege('anon', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES') END \g /dev/null
SELECT pg_temp.expect(count(*) = 0, 'clients may truncate or build on ' || string_agg(c.relname, ', '))
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND has_table_privilege('authenticated', c.oid, 'TRUNCATE, REFERENCES, TRIGGER') \g /dev/null

-- Functions that run with their owner's rights: clients may call the four that policies need and the four that search, and no other.
SELECT pg_temp.expect(count(*) = 0, 'clients may call ' || string_agg(p.oid::regprocedure::text, ', '))
FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
  AND (has_function_privilege('anon', p.oid, 'EXECUTE')
       OR has_function_privilege('authenticated', p.oid, 'EXECUTE')
          AND p.proname NOT IN ('get_user_organization_id', 'get_admin_organization_id', 'get_owner_organization_id',
                                'has_role', 'search_calls', 'search_orders', 'search_carts', 'search_products')) \g /dev/null
SELECT pg_temp.expect(count(*) = 0, 'no fixed search_path: ' || string_agg(p.oid::regprocedure::text, ', '))
FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
  AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%') \g /dev/null

-- A table for which tenant b has nothing would prove nothing.
CREATE FUNCTION pg_temp.owner_column(_tbl text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE _tbl WHEN 'organizations' THEN 'id' ELSE 'organization_id' END
$$;
SELECT pg_temp.expect(pg_temp.counted(format('SELECT FROM %I WHERE %I = %L', r.tbl, pg_temp.owner_column(r.tbl),
                                             pg_temp.id(t, 'org'))) > 0, 'tenant ' || t || ' has rows in ' || r.tbl)
FROM rights r, unnest('{a,b}'::text[]) t \g /dev/null

-- A row as JSON, as it would be inserted again: without generated columns, with other keys.
CREATE TEMP TABLE specimens (tbl text, tenant text, line jsonb, columns text);
GRANT SELECT ON specimens, rights TO authenticated;
DO $$
DECLARE
    r record;
    t text;
    l jsonb;
BEGIN
    FOR r IN SELECT * FROM rights LOOP
        FOREACH t IN ARRAY '{a,b}'::text[] LOOP
            EXECUTE format('SELECT to_jsonb(x) FROM %I x WHERE %I = %L LIMIT 1', r.tbl, pg_temp.owner_column(r.tbl),
                           pg_temp.id(t, 'org')) INTO l;
            SELECT (l || r.copy) - coalesce(array_agg(a.attname::text), '{}') INTO l
            FROM pg_attribute a
            WHERE a.attrelid = r.tbl::regclass AND a.attnum > 0
              AND (a.attgenerated <> '' OR a.attidentity <> '' OR a.attname = 'id');
            IF r.tbl = 'commerce_integrations' THEN     -- what a client may name
                l := jsonb_build_object('organization_id', l -> 'organization_id', 'store_name', 'Second store');
            ELSIF r.tbl = 'organization_members' THEN
                l := jsonb_build_object('organization_id', l -> 'organization_id', 'user_id', l -> 'user_id', 'role', 'member');
            END IF;
            INSERT INTO specimens
            SELECT r.tbl, t, l, string_agg(quote_ident(k), ', ') FROM jsonb_object_keys(l) k;
        END LOOP;
    END LOOP;
END $$;

CREATE FUNCTION pg_temp.insert_text(_tbl text, _tenant text) RETURNS text LANGUAGE sql AS $$
    SELECT format('INSERT INTO %I (%s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$I, %3$L)', s.tbl, s.columns, s.line)
    FROM specimens s WHERE s.tbl = _tbl AND s.tenant = _tenant
$$;
-- A column that the role may write, so that a refusal is the policy's and not the column's; NULL: none.
CREATE FUNCTION pg_temp.writable_column(_tbl text) RETURNS text LANGUAGE sql AS $$
    SELECT a.attname::text FROM pg_attribute a
    WHERE a.attrelid = _tbl::regclass AND a.attnum > 0 AND a.attgenerated = '' AND a.attidentity = ''
      AND has_column_privilege('authenticated', a.attrelid, a.attnum, 'UPDATE')
      AND has_column_privilege('authenticated', a.attrelid, a.attnum, 'SELECT')
    ORDER BY a.attname = 'organization_id', a.attname = 'id', a.attnum LIMIT 1
$$;

-- One user, every table, every verb.
CREATE FUNCTION pg_temp.try_everything(_user uuid, _as_admin boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r      record;
    may    text;
    col    text;
    key    text;
    own    CONSTANT text := quote_literal(pg_temp.id('a', 'org'));
    alien  CONSTANT text := quote_literal(pg_temp.id('b', 'org'));
    n      bigint;
BEGIN
    PERFORM pg_temp.act_as(_user);
    FOR r IN SELECT * FROM rights ORDER BY tbl LOOP
        may := CASE WHEN _as_admin THEN r.admin ELSE r.member END;
        key := pg_temp.owner_column(r.tbl);
        col := pg_temp.writable_column(r.tbl);

        IF has_any_column_privilege('authenticated', r.tbl, 'SELECT') THEN
            n := pg_temp.counted(format('SELECT FROM %I WHERE %I = %s', r.tbl, key, own));
            PERFORM pg_temp.expect((n > 0) = (may LIKE '%s%'), format('%s sees own %s: %s', _user, r.tbl, n));
            n := pg_temp.counted(format('SELECT FROM %I WHERE %I <> %s', r.tbl, key, own));
            PERFORM pg_temp.expect(n = 0, format('%s sees alien %s', _user, r.tbl));
        ELSE
            PERFORM pg_temp.expect(may = '', r.tbl || ' cannot be read');
            PERFORM pg_temp.expect_error(format('SELECT count(*) FROM %I', r.tbl), '42501');
        END IF;

        -- Insert: never for tenant b; the policy speaks before any unique key could tell what exists.
        IF r.tbl = 'campaign_agents' THEN
            PERFORM pg_temp.expect_error(pg_temp.insert_text(r.tbl, 'b'), 'P0001', 'not_found');
        ELSE
            PERFORM pg_temp.expect_error(pg_temp.insert_text(r.tbl, 'b'), '42501');
        END IF;
        IF may NOT LIKE '%i%' THEN
            PERFORM pg_temp.expect_error(pg_temp.insert_text(r.tbl, 'a'), '42501');
        END IF;

        -- Update: rows of b do not exist; rows of a cannot be given away.
        IF col IS NULL THEN
            PERFORM pg_temp.expect_error(format('UPDATE %I SET %I = %2$I', r.tbl, key), '42501');
        ELSE
            n := pg_temp.changed(format('UPDATE %I SET %I = %2$I WHERE %I = %s', r.tbl, col, key, alien));
            PERFORM pg_temp.expect(n = 0, format('%s changes alien %s', _user, r.tbl));
            n := pg_temp.changed(format('UPDATE %I SET %I = %2$I WHERE %I = %s', r.tbl, col, key, own));
            PERFORM pg_temp.expect((n > 0) = (may LIKE '%u%' OR col = 'answered_at' AND _as_admin),
                                   format('%s changes own %s: %s rows', _user, r.tbl, n));
            IF key = 'organization_id' AND has_column_privilege('authenticated', r.tbl, key, 'UPDATE') THEN
                BEGIN
                    EXECUTE format('UPDATE %I SET organization_id = %s', r.tbl, alien);
                    PERFORM pg_temp.expect(false, format('%s gives %s away', _user, r.tbl));
                EXCEPTION
                    WHEN insufficient_privilege THEN NULL;
                    WHEN raise_exception THEN
                        PERFORM pg_temp.expect(r.tbl IN ('campaigns', 'agents', 'campaign_agents'), r.tbl || ' refused by a rule');
                END;
            END IF;
        END IF;

        -- Delete: rows of b stay. (Own rows are deleted below.)
        IF has_table_privilege('authenticated', r.tbl, 'DELETE') THEN
            n := pg_temp.changed(format('DELETE FROM %I WHERE %I = %s', r.tbl, key, alien));
            PERFORM pg_temp.expect(n = 0, format('%s deletes alien %s', _user, r.tbl));
            IF may NOT LIKE '%d%' THEN
                n := pg_temp.changed(format('DELETE FROM %I', r.tbl));
                PERFORM pg_temp.expect(n = 0, format('%s deletes own %s', _user, r.tbl));
            END IF;
        ELSE
            PERFORM pg_temp.expect(may NOT LIKE '%d%', r.tbl || ' can be deleted from');
            PERFORM pg_temp.expect_error(format('DELETE FROM %I', r.tbl), '42501');
        END IF;
    END LOOP;

    -- Own inserts and deletes: insert a copy, delete exactly the copies again.
    FOR r IN SELECT * FROM rights ORDER BY tbl LOOP
        may := CASE WHEN _as_admin THEN r.admin ELSE r.member END;
        IF may LIKE '%i%' AND may LIKE '%d%' THEN
            IF r.tbl = 'call_recordings' THEN
                PERFORM pg_temp.expect(pg_temp.changed('DELETE FROM call_recordings') = 1, 'own recording deleted');
                PERFORM pg_temp.expect(pg_temp.changed(pg_temp.insert_text(r.tbl, 'a')) = 1, 'own recording inserted');
            ELSIF r.tbl = 'campaign_agents' THEN
                PERFORM pg_temp.expect(pg_temp.changed('DELETE FROM campaign_agents') = 1, 'own link deleted');
                PERFORM pg_temp.expect(pg_temp.changed(format('INSERT INTO campaign_agents (campaign_id, agent_id, is_primary) VALUES (%L, %L, true)',
                    pg_temp.id('a', 'campaign'), pg_temp.id('a', 'agent'))) = 1, 'own link inserted');
            ELSE
                EXECUTE format('CREATE TEMP TABLE before_insert ON COMMIT DROP AS SELECT id FROM %I', r.tbl);
                PERFORM pg_temp.expect(pg_temp.changed(pg_temp.insert_text(r.tbl, 'a')) = 1, 'own insert into ' || r.tbl);
                n := pg_temp.changed(format('DELETE FROM %I WHERE id NOT IN (SELECT id FROM before_insert)', r.tbl));
                PERFORM pg_temp.expect(n = 1, format('own delete from %s: %s', r.tbl, n));
                DROP TABLE before_insert;
            END IF;
        ELSIF may LIKE '%i%' THEN
            PERFORM pg_temp.expect(pg_temp.changed(pg_temp.insert_text(r.tbl, 'a')) = 1, 'own insert into ' || r.tbl);
        END IF;
    END LOOP;
    PERFORM pg_temp.end_act();
END $$;

SELECT pg_temp.try_everything(pg_temp.id('a', 'member'), false) \g /dev/null
SELECT pg_temp.try_everything(pg_temp.id('a', 'admin'), true) \g /dev/null
SELECT pg_temp.try_everything(pg_temp.id('a', 'owner'), true) \g /dev/null

-- A row of one's own may not refer to another tenant's: every foreign key between tenants' tables is guarded.
CREATE TEMP TABLE guards AS
SELECT c.conrelid::regclass::text AS tbl, a.attname::text AS col, c.confrelid::regclass::text AS parent
FROM pg_constraint c
JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace AND c.confrelid <> 'organizations'::regclass
  AND has_table_privilege('authenticated', c.conrelid, 'INSERT');
SELECT pg_temp.expect(count(*) >= 20, 'there are foreign keys to test') FROM guards \g /dev/null
DO $$
DECLARE
    g     record;
    alien uuid;
    own   uuid;
BEGIN
    PERFORM set_config('ringback.writer', 'worker', true);
    FOR g IN SELECT * FROM guards LOOP
        EXECUTE format('SELECT id FROM %I WHERE organization_id = %L LIMIT 1', g.parent, pg_temp.id('b', 'org')) INTO alien;
        EXECUTE format('SELECT id FROM %I WHERE organization_id = %L LIMIT 1', g.tbl, pg_temp.id('a', 'org')) INTO own;
        PERFORM pg_temp.act_as(pg_temp.id('a', 'owner'));
        IF g.tbl = 'campaign_agents' THEN
            PERFORM pg_temp.expect_error(format('UPDATE %I SET %I = %L WHERE id = %L', g.tbl, g.col, alien, own), 'P0001', 'not_found');
        ELSE
            PERFORM pg_temp.expect_error(format('UPDATE %I SET %I = %L WHERE id = %L', g.tbl, g.col, alien, own), '42501');
        END IF;
        PERFORM pg_temp.end_act();
    END LOOP;
END $$;

-- The rights of clients do not depend on a policy alone: tenant b still has all it had.
SELECT pg_temp.expect(pg_temp.counted(format('SELECT FROM %I WHERE %I = %L', r.tbl, pg_temp.owner_column(r.tbl),
                                             pg_temp.id('b', 'org'))) > 0, 'tenant b still has ' || r.tbl)
FROM rights r \g /dev/null

-- service_role sees both tenants on every table.
SET LOCAL ROLE service_role;
SELECT pg_temp.expect(count(DISTINCT organization_id) = 2, 'service_role sees all') FROM commerce_orders \g /dev/null
SELECT pg_temp.expect(count(*) = 2, 'service_role reads tokens') FROM commerce_integrations
WHERE access_token_encrypted = 'secret-token' AND webhook_secret_encrypted = 'secret-webhook' \g /dev/null
RESET ROLE;
ROLLBACK;
