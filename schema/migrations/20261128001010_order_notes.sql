-- What orders contribute to rollups and to the totals of lists was noted by two triggers with three INSERTs per statement; now by one trigger
-- with one. And of the orders that the worker inserts none is noted to be looked at for rto_prevented: a call names an order that there is, the
-- worker's orders get ids that nobody has seen, and the look takes a lock of the organization until the transaction has reached the disk,
-- for which the batches of all its stores waited. (A new order with an id of somebody's choice is looked at, as before.)
DO $$
DECLARE
    event record;
BEGIN
    FOR event IN
        SELECT * FROM (VALUES
            ('insert', 'new_rows', 'SELECT 1 AS sign, n.* FROM new_rows n', 'NEW TABLE AS new_rows',
             'IF current_setting(''ringback.writer'', true) = ''worker'' THEN
        RETURN NULL;
    END IF;'),
            ('update', 'new_rows', 'SELECT 1 AS sign, n.* FROM new_rows n UNION ALL SELECT -1, o.* FROM old_rows o',
             'OLD TABLE AS old_rows NEW TABLE AS new_rows', ''),
            ('delete', 'old_rows', 'SELECT -1 AS sign, o.* FROM old_rows o', 'OLD TABLE AS old_rows', '')
        ) AS e (name, rows, facts, transition, unseen)
    LOOP
        EXECUTE format('DROP TRIGGER commerce_orders_rollup_%s ON commerce_orders', event.name);
        EXECUTE format('DROP TRIGGER commerce_orders_totals_%s ON commerce_orders', event.name);
        EXECUTE format('DROP FUNCTION commerce_orders_rollup_%s()', event.name);
        EXECUTE format('DROP FUNCTION commerce_orders_totals_%s()', event.name);
        EXECUTE format('CREATE FUNCTION commerce_orders_noted_%s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER '
                       'SET search_path = public, pg_temp AS %L', event.name, format($body$
BEGIN
    IF NOT EXISTS (SELECT FROM %1$s) THEN
        RETURN NULL;
    END IF;
    INSERT INTO analytics_pending (rollup, organization_id, day, orders, cod_orders, list, facets, n)
    SELECT CASE WHEN s.per_day THEN 'outcome' ELSE 'list' END, s.organization_id, s.order_day,
           CASE WHEN s.per_day THEN s.n END, CASE WHEN s.per_day THEN s.cod END,
           CASE WHEN NOT s.per_day THEN 'orders' END,
           CASE WHEN s.per_facets
                THEN jsonb_build_object('payment_type', s.payment_type, 'trigger_ready', s.trigger_ready,
                                        'financial_status', s.financial_status, 'fulfillment_status', s.fulfillment_status)
                WHEN NOT s.per_day THEN '{}' END,
           CASE WHEN NOT s.per_day THEN s.n END
    FROM (SELECT f.organization_id, f.order_day, f.payment_type, f.trigger_ready, f.financial_status, f.fulfillment_status,
                 GROUPING(f.order_day) = 0 AS per_day, GROUPING(f.payment_type) = 0 AS per_facets,
                 sum(f.sign) AS n, coalesce(sum(f.sign) FILTER (WHERE f.payment_type = 'cod'), 0) AS cod
          FROM (%2$s) f
          GROUP BY GROUPING SETS ((f.organization_id, f.order_day),
                                  (f.organization_id, f.payment_type, f.trigger_ready, f.financial_status, f.fulfillment_status),
                                  (f.organization_id))) s
    WHERE s.n <> 0 OR (s.per_day AND s.cod <> 0);
    %3$s
    INSERT INTO analytics_pending (rollup, organization_id, rto_orders)
    SELECT 'rto', s.organization_id, array_agg(DISTINCT s.id)
    FROM (SELECT f.organization_id, f.id
          FROM (%2$s) f
          WHERE f.payment_type = 'cod'
          GROUP BY f.organization_id, f.id, f.fulfillment_status, f.cancelled_at
          HAVING count(*) = 1) s    -- an old and an equal new row: nothing changed
    GROUP BY s.organization_id;
    RETURN NULL;
END $body$, event.rows, event.facts, event.unseen));
        EXECUTE format('REVOKE ALL ON FUNCTION commerce_orders_noted_%s() FROM PUBLIC, anon, authenticated', event.name);
        EXECUTE format('CREATE TRIGGER commerce_orders_noted_%s AFTER %1$s ON commerce_orders REFERENCING %s '
                       'FOR EACH STATEMENT EXECUTE FUNCTION commerce_orders_noted_%1$s()', event.name, event.transition);
    END LOOP;
END $$;
