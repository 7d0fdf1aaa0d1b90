-- What a search costs those who write. Measured on orders in batches of 200, per row: an index of number, name, e-mail and phone 48 us of
-- CPU with a list of fresh rows of 512 kB and 25 with 4 MB; without the e-mail 19 and 10. Writing an order costs 50 to 60 in all,
-- so the e-mail is in no index: a text with an @ is looked for in the tenant's own rows.

DROP FUNCTION search_calls(text), search_orders(text), search_carts(text), search_products(text);
DROP INDEX commerce_orders_search, commerce_abandoned_carts_search;
DROP FUNCTION people_searched(text, text, text, text);
CREATE FUNCTION people_searched(_number text, _name text, _phone text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(_number, '') || E'\n' || coalesce(_name, '') || E'\n' || coalesce(_phone, '')
$$;

DO $$
DECLARE
    ops text;
BEGIN
    SELECT quote_ident(n.nspname) || '.gin_trgm_ops' INTO ops
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
    EXECUTE format('CREATE INDEX commerce_orders_search ON commerce_orders USING gin (organization_id, '
                   'people_searched(order_number, customer_name, customer_phone) %s) WITH (gin_pending_list_limit = 1024)', ops);
    EXECUTE format('CREATE INDEX commerce_abandoned_carts_search ON commerce_abandoned_carts USING gin (organization_id, '
                   'people_searched(NULL, customer_name, customer_phone) %s) WITH (gin_pending_list_limit = 1024)', ops);
    ALTER INDEX calls_search SET (gin_pending_list_limit = 1024);
END $$;

-- search_calls(), search_orders(), ...: rows of the request's organization, with the columns that their list is filtered and sorted
-- by. Of a text without a trigram the index would be read from end to end, all tenants' part of it; so the tenant's rows are read
-- instead, and "|| ''" keeps the index out. A number that was typed with blanks or dashes is also looked for without them.
DO $$
DECLARE
    list     record;
    columns  text;
    selected text;
BEGIN
    FOR list IN
        SELECT * FROM (VALUES
            ('search_calls', 'calls', 'calls_searched(t.to_number, t.from_number)', 'search_number(_text)', 'false',
             '{created_at,started_at,duration_seconds,campaign_id,agent_id,status,outcome,sentiment}'::text[]),
            ('search_orders', 'commerce_orders', 'people_searched(t.order_number, t.customer_name, t.customer_phone)', '_text',
             't.customer_email ILIKE pattern',
             '{order_created_at,created_at,total_amount,payment_type,trigger_ready,financial_status,fulfillment_status}'),
            ('search_carts', 'commerce_abandoned_carts', 'people_searched(NULL, t.customer_name, t.customer_phone)', '_text',
             't.customer_email ILIKE pattern', '{abandoned_at,created_at,total_value,status,trigger_ready}'),
            ('search_products', 'commerce_products', 'products_searched(t.title, t.vendor)', '_text', 'false',
             '{updated_at,created_at,title,status,product_type}')) AS l (name, tbl, searched, typed, mail, columns)
    LOOP
        SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, NULL)), ', ' ORDER BY c.n),
               string_agg(format('t.%I', a.attname), ', ' ORDER BY c.n)
        INTO columns, selected
        FROM unnest('id'::text || list.columns) WITH ORDINALITY c (name, n)
        JOIN pg_attribute a ON a.attrelid = list.tbl::regclass AND a.attname = c.name;
        EXECUTE format($f$
            CREATE FUNCTION %1$I(_text text) RETURNS TABLE (%2$s)
            LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 100 AS $body$
DECLARE
    org     CONSTANT uuid := search_organization_id();
    typed   CONSTANT text := %3$s;
    pattern CONSTANT text := search_pattern(typed);
    number  CONSTANT text := search_number_pattern(typed);
BEGIN
    IF position('@' IN typed) > 0 OR NOT search_has_trigram(typed) THEN
        RETURN QUERY SELECT %4$s FROM %5$I t
        WHERE t.organization_id = org AND (%6$s || '' ILIKE ANY (ARRAY[pattern, number]) OR %7$s);
    ELSIF number = pattern OR NOT search_has_trigram(number) THEN
        RETURN QUERY SELECT %4$s FROM %5$I t WHERE t.organization_id = org AND %6$s ILIKE pattern;
    ELSE
        RETURN QUERY SELECT %4$s FROM %5$I t WHERE t.organization_id = org AND (%6$s ILIKE pattern OR %6$s ILIKE number);
    END IF;
END $body$ $f$, list.name, columns, list.typed, selected, list.tbl, list.searched, CASE list.mail WHEN 'false' THEN 'false'
            ELSE format('position(''@'' IN typed) > 0 AND %s', list.mail) END);
        EXECUTE format('REVOKE ALL ON FUNCTION %I(text) FROM PUBLIC, anon', list.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %I(text) TO authenticated, service_role', list.name);
    END LOOP;
END $$;
