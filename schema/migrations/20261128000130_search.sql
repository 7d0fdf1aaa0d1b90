-- Search in the lists of the API: any part of a phone number, order number, name, e-mail address, title or vendor, by trigrams.
-- The tenant is the first key of the index (btree_gin), so that a search reads its rows only.

-- On Supabase extensions live in a schema of their own.
DO $$
DECLARE
    extension text;
BEGIN
    FOREACH extension IN ARRAY ARRAY['pg_trgm', 'btree_gin'] LOOP
        IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = extension) THEN
            EXECUTE format('CREATE EXTENSION %I SCHEMA %I', extension,
                           CASE WHEN to_regnamespace('extensions') IS NULL THEN 'public' ELSE 'extensions' END);
        END IF;
    END LOOP;
END $$;

-- What is searched, as one text. Phones without what people put between the digits.
CREATE FUNCTION search_number(_text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate(_text, ' ()-./+', '')
$$;
CREATE FUNCTION calls_searched(_to text, _from text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate(coalesce(_to, ''), ' ()-./+', '') || ' ' || translate(coalesce(_from, ''), ' ()-./+', '')
$$;
CREATE FUNCTION people_searched(_number text, _name text, _email text, _phone text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(_number, '') || E'\n' || coalesce(_name, '') || E'\n' || coalesce(_email, '') || E'\n' || coalesce(_phone, '')
$$;
CREATE FUNCTION products_searched(_title text, _vendor text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(_title, '') || E'\n' || coalesce(_vendor, '')
$$;

-- A short list of fresh rows (gin_pending_list_limit, in kB), because every search reads it all.
DO $$
DECLARE
    ops text;
BEGIN
    SELECT quote_ident(n.nspname) || '.gin_trgm_ops' INTO ops
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
    EXECUTE format('CREATE INDEX calls_search ON calls USING gin (organization_id, calls_searched(to_number, from_number) %s) '
                   'WITH (gin_pending_list_limit = 512)', ops);
    EXECUTE format('CREATE INDEX commerce_orders_search ON commerce_orders USING gin (organization_id, '
                   'people_searched(order_number, customer_name, customer_email, customer_phone) %s) WITH (gin_pending_list_limit = 512)', ops);
    EXECUTE format('CREATE INDEX commerce_abandoned_carts_search ON commerce_abandoned_carts USING gin (organization_id, '
                   'people_searched(NULL, customer_name, customer_email, customer_phone) %s) WITH (gin_pending_list_limit = 512)', ops);
    EXECUTE format('CREATE INDEX commerce_products_search ON commerce_products USING gin (organization_id, '
                   'products_searched(title, vendor) %s) WITH (gin_pending_list_limit = 512)', ops);
END $$;

-- A policy lets no index serve LIKE: the operator could tell about rows that it hides. So the rows are found with the owner's
-- rights, which these functions use for nothing but the ids of the request's organization, and only for somebody whom the policies would
-- let read it; the statement then reads the rows under the policies as always.
CREATE FUNCTION search_organization_id() RETURNS uuid LANGUAGE plpgsql STABLE AS $$
DECLARE
    asked CONSTANT uuid := public.request_organization_id();
    me    CONSTANT uuid := auth.uid();
BEGIN
    IF asked = public.get_user_organization_id(me) OR public.has_role(me, 'admin') THEN
        RETURN asked;
    END IF;
    RETURN NULL;
END $$;

-- The pattern of "contains this": % and _ mean themselves.
CREATE FUNCTION search_pattern(_text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '%' || replace(replace(replace(_text, '\', '\\'), '%', '\%'), '_', '\_') || '%'
$$;
-- The same for what may be a phone number as people write it: without what stands between the digits.
CREATE FUNCTION search_number_pattern(_text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN _text ~ '^[0-9+(). /-]*$' AND _text ~ '[0-9]' THEN '%' || search_number(_text) || '%' ELSE search_pattern(_text) END
$$;

-- Whether a text has a trigram to look for. Without one the index would be read from end to end, all tenants' part of it, so the
-- functions below read the tenant's rows instead: ("|| ''" keeps the index out.)
CREATE FUNCTION search_has_trigram(_text text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT _text ~ '[[:alnum:]]{3}'
$$;

-- search_calls(), search_orders(), ...: what is found, with the columns that its list is filtered and sorted by. What is searched stands
-- here once; a number that was typed with blanks or dashes is also looked for without them.
DO $$
DECLARE
    list    record;
    columns text;
BEGIN
    FOR list IN
        SELECT * FROM (VALUES
            ('search_calls', 'calls', 'calls_searched(t.to_number, t.from_number)', 'search_number(_text)',
             '{created_at,started_at,duration_seconds,campaign_id,agent_id,status,outcome,sentiment}'::text[]),
            ('search_orders', 'commerce_orders', 'people_searched(t.order_number, t.customer_name, t.customer_email, t.customer_phone)',
             '_text', '{order_created_at,created_at,total_amount,payment_type,trigger_ready,financial_status,fulfillment_status}'),
            ('search_carts', 'commerce_abandoned_carts', 'people_searched(NULL, t.customer_name, t.customer_email, t.customer_phone)',
             '_text', '{abandoned_at,created_at,total_value,status,trigger_ready}'),
            ('search_products', 'commerce_products', 'products_searched(t.title, t.vendor)',
             '_text', '{updated_at,created_at,title,status,product_type}')) AS l (name, tbl, searched, typed, columns)
    LOOP
        SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, NULL)), ', ' ORDER BY c.n) INTO columns
        FROM unnest('id'::text || list.columns) WITH ORDINALITY c (name, n)
        JOIN pg_attribute a ON a.attrelid = list.tbl::regclass AND a.attname = c.name;
        EXECUTE format($f$
            CREATE FUNCTION %I(_text text) RETURNS TABLE (%s)
            LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 100 AS $body$
DECLARE
    org     CONSTANT uuid := search_organization_id();
    typed   CONSTANT text := %s;
    pattern CONSTANT text := search_pattern(typed);
    number  CONSTANT text := search_number_pattern(typed);
BEGIN
    IF NOT search_has_trigram(typed) THEN
        RETURN QUERY SELECT %s FROM %I t WHERE t.organization_id = org AND %s || '' ILIKE pattern;
    ELSIF number = pattern OR NOT search_has_trigram(number) THEN
        RETURN QUERY SELECT %4$s FROM %5$I t WHERE t.organization_id = org AND %6$s ILIKE pattern;
    ELSE
        RETURN QUERY SELECT %4$s FROM %5$I t WHERE t.organization_id = org AND (%6$s ILIKE pattern OR %6$s ILIKE number);
    END IF;
END $body$ $f$, list.name, columns, list.typed,
            (SELECT string_agg('t.' || c, ', ' ORDER BY n) FROM unnest('id'::text || list.columns) WITH ORDINALITY u (c, n)), list.tbl, list.searched);
        EXECUTE format('REVOKE ALL ON FUNCTION %I(text) FROM PUBLIC, anon', list.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %I(text) TO authenticated, service_role', list.name);
    END LOOP;
END $$;
