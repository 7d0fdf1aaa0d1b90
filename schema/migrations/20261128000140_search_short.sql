-- What was typed as a number and has too few digits together for a trigram ("+91 6") is looked for in both forms too; and the plus
-- counts, where numbers are E.164.
CREATE OR REPLACE FUNCTION search_number_pattern(_text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN _text ~ '^[0-9+(). /-]*$' AND _text ~ '[0-9]' THEN '%' || translate(_text, ' ()-./', '') || '%'
                ELSE search_pattern(_text) END
$$;

DO $$
DECLARE
    list record;
    old  text;
BEGIN
    FOR list IN
        SELECT p.oid::regprocedure AS signature, p.prosrc AS body, pg_get_functiondef(p.oid) AS text
        FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proname IN ('search_calls', 'search_orders', 'search_carts', 'search_products')
    LOOP
        old := substring(list.body FROM $r$\|\| '' ILIKE pattern;$r$);
        IF old IS NULL THEN
            RAISE EXCEPTION '% is not as expected', list.signature;
        END IF;
        EXECUTE replace(list.text, old, $r$|| '' ILIKE ANY (ARRAY[pattern, number]);$r$);
    END LOOP;
END $$;
