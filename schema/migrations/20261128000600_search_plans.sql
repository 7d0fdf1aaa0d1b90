-- The REST API's connections do without bitmap scans: the few children of a row (an order's items) come by their index in its order,
-- without a bitmap and a sort for each, which took a sixth of a list's time. A search needs them, for that is all a GIN index gives.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid FROM pg_proc p
             WHERE p.pronamespace = 'public'::regnamespace
               AND p.proname IN ('search_calls', 'search_orders', 'search_carts', 'search_products')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET enable_bitmapscan = on', f);
    END LOOP;
END $$;
