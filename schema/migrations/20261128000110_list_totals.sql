-- How many rows a list of the API has, without counting them: one more rollup (20261123000008_rollups.sql), kept exact by the
-- same signed deltas at the same moment. A row counts the facts of one combination of what a list may be filtered by, so the total
-- under any of these filters is the sum of a few rows; without a filter it is one row. Ranges in time and searches are counted where
-- they are asked for.

CREATE TABLE list_totals (
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    list            text NOT NULL,
    facets          jsonb NOT NULL,     -- {"status": "ended", ...}: what a filter may name, NULL as null; {}: all of them
    n               bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (organization_id, list, facets)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);
COMMENT ON TABLE list_totals IS
    'Rows of the long lists by what they may be filtered by. Written by rollup_apply() only, in the transaction of the facts.';
ALTER TABLE list_totals ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON list_totals FROM PUBLIC, anon, authenticated;
GRANT ALL ON list_totals TO service_role;
GRANT SELECT ON list_totals TO authenticated;
CREATE POLICY "Users can view org list_totals" ON list_totals FOR SELECT TO authenticated
    USING (organization_id = (SELECT get_user_organization_id((SELECT auth.uid()))) OR (SELECT has_role((SELECT auth.uid()), 'admin')));

-- seq: deltas of a transaction are applied together, so for the others of them there is nothing left to do at its end. Looking for
-- the rows to know that would read all that were deleted, for each.
ALTER TABLE analytics_pending
    ADD COLUMN seq    bigint GENERATED ALWAYS AS IDENTITY (CACHE 100),
    ADD COLUMN list   text,
    ADD COLUMN facets jsonb,
    ADD COLUMN n      bigint,
    DROP CONSTRAINT analytics_pending_rollup_check,
    DROP CONSTRAINT analytics_pending_check,
    ADD CHECK (rollup IN ('call', 'outcome', 'revenue', 'rto', 'list')),
    ADD CHECK (day IS NOT NULL OR rollup IN ('rto', 'list'));
REVOKE ALL ON SEQUENCE analytics_pending_seq_seq FROM PUBLIC, anon, authenticated;

-- Adds this transaction's deltas. Deltas of an organization that is itself being removed go nowhere.
CREATE OR REPLACE FUNCTION rollup_apply() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
    me          CONSTANT xid8 := pg_current_xact_id_if_assigned();
    has_call    boolean;
    has_outcome boolean;
    has_revenue boolean;
    has_rto     boolean;
    has_list    boolean;
BEGIN
    SELECT bool_or(rollup = 'call'), bool_or(rollup = 'outcome'), bool_or(rollup = 'revenue'), bool_or(rollup = 'rto'),
           bool_or(rollup = 'list')
    INTO has_call, has_outcome, has_revenue, has_rto, has_list
    FROM analytics_pending WHERE txid = me;
    IF has_rto IS NULL THEN
        RETURN;
    END IF;
    IF has_rto THEN
        has_outcome := rollup_settle_rto(me) OR has_outcome;
    END IF;

    IF has_call THEN
        INSERT INTO analytics_call_daily AS t
            (organization_id, day, campaign_id, agent_id, total_calls, answered, no_answer, busy, failed, voicemail,
             positive, neutral, negative, duration_seconds)
        SELECT p.organization_id, p.day, p.campaign_id, p.agent_id, sum(p.total_calls), sum(p.answered),
               sum(p.no_answer), sum(p.busy), sum(p.failed), sum(p.voicemail),
               sum(p.positive), sum(p.neutral), sum(p.negative), sum(p.duration_seconds)
        FROM analytics_pending p
        WHERE p.txid = me AND p.rollup = 'call'
          AND EXISTS (SELECT FROM organizations o WHERE o.id = p.organization_id)
        GROUP BY p.organization_id, p.day, p.campaign_id, p.agent_id
        HAVING (sum(p.total_calls), sum(p.answered), sum(p.no_answer), sum(p.busy), sum(p.failed), sum(p.voicemail),
                sum(p.positive), sum(p.neutral), sum(p.negative), sum(p.duration_seconds))
               <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        ORDER BY p.organization_id, p.day, p.campaign_id, p.agent_id
        ON CONFLICT (organization_id, day, campaign_id, agent_id) DO UPDATE SET
            total_calls      = t.total_calls + excluded.total_calls,
            answered         = t.answered + excluded.answered,
            no_answer        = t.no_answer + excluded.no_answer,
            busy             = t.busy + excluded.busy,
            failed           = t.failed + excluded.failed,
            voicemail        = t.voicemail + excluded.voicemail,
            positive         = t.positive + excluded.positive,
            neutral          = t.neutral + excluded.neutral,
            negative         = t.negative + excluded.negative,
            duration_seconds = t.duration_seconds + excluded.duration_seconds;
    END IF;
    IF has_outcome THEN
        INSERT INTO analytics_outcome_daily AS t
            (organization_id, day, carts_abandoned, carts_recovered, cod_confirmed, rto_prevented, orders, cod_orders)
        SELECT p.organization_id, p.day, coalesce(sum(p.carts_abandoned), 0), coalesce(sum(p.carts_recovered), 0),
               coalesce(sum(p.cod_confirmed), 0), coalesce(sum(p.rto_prevented), 0),
               coalesce(sum(p.orders), 0), coalesce(sum(p.cod_orders), 0)
        FROM analytics_pending p
        WHERE p.txid = me AND p.rollup = 'outcome'
          AND EXISTS (SELECT FROM organizations o WHERE o.id = p.organization_id)
        GROUP BY p.organization_id, p.day
        HAVING (coalesce(sum(p.carts_abandoned), 0), coalesce(sum(p.carts_recovered), 0),
                coalesce(sum(p.cod_confirmed), 0), coalesce(sum(p.rto_prevented), 0),
                coalesce(sum(p.orders), 0), coalesce(sum(p.cod_orders), 0)) <> (0, 0, 0, 0, 0, 0)
        ORDER BY p.organization_id, p.day
        ON CONFLICT (organization_id, day) DO UPDATE SET
            carts_abandoned = t.carts_abandoned + excluded.carts_abandoned,
            carts_recovered = t.carts_recovered + excluded.carts_recovered,
            cod_confirmed   = t.cod_confirmed + excluded.cod_confirmed,
            rto_prevented   = t.rto_prevented + excluded.rto_prevented,
            orders          = t.orders + excluded.orders,
            cod_orders      = t.cod_orders + excluded.cod_orders;
    END IF;
    IF has_revenue THEN
        INSERT INTO analytics_revenue_daily AS t (organization_id, day, currency, revenue_recovered)
        SELECT p.organization_id, p.day, p.currency, sum(p.revenue_recovered)
        FROM analytics_pending p
        WHERE p.txid = me AND p.rollup = 'revenue'
          AND EXISTS (SELECT FROM organizations o WHERE o.id = p.organization_id)
        GROUP BY p.organization_id, p.day, p.currency
        HAVING sum(p.revenue_recovered) <> 0
        ORDER BY p.organization_id, p.day, p.currency
        ON CONFLICT (organization_id, day, currency) DO UPDATE SET
            revenue_recovered = t.revenue_recovered + excluded.revenue_recovered;
    END IF;
    IF has_list THEN
        INSERT INTO list_totals AS t (organization_id, list, facets, n)
        SELECT p.organization_id, p.list, p.facets, sum(p.n)
        FROM analytics_pending p
        WHERE p.txid = me AND p.rollup = 'list'
          AND EXISTS (SELECT FROM organizations o WHERE o.id = p.organization_id)
        GROUP BY p.organization_id, p.list, p.facets
        HAVING sum(p.n) <> 0
        ORDER BY p.organization_id, p.list, p.facets
        ON CONFLICT (organization_id, list, facets) DO UPDATE SET n = t.n + excluded.n;
    END IF;
    DELETE FROM analytics_pending WHERE txid = me;
    PERFORM set_config('ringback.rollups_applied', currval('analytics_pending_seq_seq')::text, true);
END $$;

CREATE OR REPLACE FUNCTION analytics_pending_apply() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    -- The first of a transaction's rows that was not applied yet applies them all.
    IF NEW.seq > coalesce(nullif(current_setting('ringback.rollups_applied', true), ''), '0')::bigint THEN
        PERFORM rollup_apply();
    END IF;
    RETURN NULL;
END $$;

-- TRUNCATE holds the table alone: what the totals say, together with what this transaction has pending, is what it had.
CREATE FUNCTION list_totals_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO analytics_pending (rollup, organization_id, list, facets, n)
    SELECT 'list', s.organization_id, TG_ARGV[0], s.facets, -sum(s.n)
    FROM (SELECT organization_id, facets, n FROM list_totals WHERE list = TG_ARGV[0]
          UNION ALL
          SELECT organization_id, facets, n FROM analytics_pending
          WHERE txid = pg_current_xact_id() AND rollup = 'list' AND list = TG_ARGV[0]) s
    GROUP BY s.organization_id, s.facets
    HAVING sum(s.n) <> 0;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION list_totals_truncate() FROM PUBLIC, anon, authenticated;

-- Each list once: its table, and the columns that it may be filtered by. From them come the triggers, as in
-- 20261123000008_rollups.sql (new rows count +1, old rows -1), and the view of what the totals must be. A filter names at most 255
-- characters: longer product types, which would not fit into the key, count as none.
DO $$
DECLARE
    fact    record;
    event   record;
    name    text;
    added   text;
    removed text;
    facts   text[] := '{}';
BEGIN
    FOR fact IN
        SELECT l.tbl, l.list, string_agg(c.col, ', ' ORDER BY c.n) AS columns,
               string_agg(CASE c.col WHEN 'product_type' THEN 'CASE WHEN char_length(product_type) <= 255 THEN product_type END AS product_type'
                                     ELSE c.col END, ', ' ORDER BY c.n) AS read,
               string_agg(format('%L, s.%I', c.col, c.col), ', ' ORDER BY c.n) AS facets, l.columns[1] AS first
        FROM (VALUES
            ('calls', 'calls', '{campaign_id,agent_id,status,outcome,sentiment}'::text[]),
            ('commerce_orders', 'orders', '{payment_type,trigger_ready,financial_status,fulfillment_status}'),
            ('commerce_abandoned_carts', 'carts', '{status,trigger_ready}'),
            ('commerce_products', 'products', '{status,product_type}')) AS l (tbl, list, columns)
        CROSS JOIN LATERAL unnest(l.columns) WITH ORDINALITY c (col, n)
        GROUP BY l.tbl, l.list, l.columns
    LOOP
        facts := facts || format('SELECT s.organization_id, %L AS list, '
                                 'CASE GROUPING(%s) WHEN 0 THEN jsonb_build_object(%s) ELSE ''{}'' END AS facets, count(*) AS n '
                                 'FROM (SELECT organization_id, %s FROM %I) s '
                                 'GROUP BY GROUPING SETS ((s.organization_id, %s), (s.organization_id))',
                                 fact.list, fact.first, fact.facets, fact.read, fact.tbl, fact.columns);
        added := format('SELECT 1 AS sign, organization_id, %s FROM new_rows', fact.read);
        removed := format('SELECT -1, organization_id, %s FROM old_rows', fact.read);
        FOR event IN
            SELECT * FROM (VALUES
                ('insert', added, 'NEW TABLE AS new_rows'),
                ('update', added || ' UNION ALL ' || removed, 'OLD TABLE AS old_rows NEW TABLE AS new_rows'),
                ('delete', replace(removed, 'SELECT -1,', 'SELECT -1 AS sign,'), 'OLD TABLE AS old_rows')) AS e (name, facts, transition)
        LOOP
            name := concat_ws('_', fact.tbl, 'totals', event.name);
            EXECUTE format('CREATE FUNCTION %I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS %L',
                           name, format($body$
BEGIN
    INSERT INTO analytics_pending (rollup, organization_id, list, facets, n)
    SELECT 'list', s.organization_id, %L, CASE s.whole WHEN 0 THEN jsonb_build_object(%s) ELSE '{}' END, s.n
    FROM (SELECT f.organization_id, %s, GROUPING(%s) AS whole, sum(f.sign) AS n
          FROM (%s) f
          GROUP BY GROUPING SETS ((f.organization_id, %3$s), (f.organization_id))
          HAVING sum(f.sign) <> 0) s;
    RETURN NULL;
END $body$, fact.list, fact.facets, fact.columns, fact.first, event.facts));
            EXECUTE format('CREATE TRIGGER %I AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT EXECUTE FUNCTION %1$I()',
                           name, event.name, fact.tbl, event.transition);
            EXECUTE format('REVOKE ALL ON FUNCTION %I() FROM PUBLIC, anon, authenticated', name);
        END LOOP;
        EXECUTE format('CREATE TRIGGER %I AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION list_totals_truncate(%L)',
                       fact.tbl || '_totals_truncate', fact.tbl, fact.list);
    END LOOP;
    EXECUTE 'CREATE VIEW list_totals_facts WITH (security_invoker = true) AS ' || array_to_string(facts, ' UNION ALL ');
END $$;
REVOKE ALL ON list_totals_facts FROM PUBLIC, anon, authenticated;
GRANT SELECT ON list_totals_facts TO service_role;

-- Every number in which a rollup differs from the facts; no rows: exact. One snapshot, so writers need not stop.
-- Orders that are wrongly in analytics_rto_orders, or wrongly not, are reported too (1: is there, 0: is not).
CREATE OR REPLACE FUNCTION rollup_verify()
RETURNS TABLE (rollup text, key jsonb, column_name text, rollup_value numeric, fact_value numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET jit = off AS $$
    WITH sides (rollup, side, line) AS (
        SELECT 'analytics_call_daily', 'rollup', to_jsonb(t) - 'id' FROM analytics_call_daily t
        UNION ALL
        SELECT 'analytics_call_daily', 'facts', to_jsonb(t) FROM analytics_call_daily_facts t
        UNION ALL
        SELECT 'analytics_outcome_daily', 'rollup', to_jsonb(t) - 'id' FROM analytics_outcome_daily t
        UNION ALL
        SELECT 'analytics_outcome_daily', 'facts', to_jsonb(t) FROM analytics_outcome_daily_facts t
        UNION ALL
        SELECT 'analytics_revenue_daily', 'rollup', to_jsonb(t) - 'id' FROM analytics_revenue_daily t
        UNION ALL
        SELECT 'analytics_revenue_daily', 'facts', to_jsonb(t) FROM analytics_revenue_daily_facts t
        UNION ALL
        SELECT 'list_totals', 'rollup', to_jsonb(t) FROM list_totals t
        UNION ALL
        SELECT 'list_totals', 'facts', to_jsonb(t) FROM list_totals_facts t
    ), numbers AS (
        SELECT s.rollup, s.side, s.line - ARRAY(SELECT jsonb_object_keys(s.line) EXCEPT SELECT unnest(k.names)) AS key,
               m.key AS column_name, m.value::numeric AS value
        FROM sides s
        CROSS JOIN (VALUES ('{organization_id,day,campaign_id,agent_id,currency,list,facets}'::text[])) AS k (names)
        CROSS JOIN LATERAL jsonb_each_text(s.line - k.names) m
    )
    SELECT n.rollup, n.key, n.column_name,
           coalesce(sum(n.value) FILTER (WHERE n.side = 'rollup'), 0),
           coalesce(sum(n.value) FILTER (WHERE n.side = 'facts'), 0)
    FROM numbers n
    GROUP BY n.rollup, n.key, n.column_name
    HAVING coalesce(sum(n.value) FILTER (WHERE n.side = 'rollup'), 0)
           <> coalesce(sum(n.value) FILTER (WHERE n.side = 'facts'), 0)
    UNION ALL
    SELECT 'analytics_rto_orders', jsonb_build_object('organization_id', organization_id, 'order_id', order_id), 'prevented',
           (t.day IS NOT NULL)::integer, (v.day IS NOT NULL)::integer
    FROM analytics_rto_orders t FULL JOIN rto_prevented_orders v USING (organization_id, order_id)
    WHERE t.day IS NULL OR v.day IS NULL
    ORDER BY 1, 2, 3
$$;

-- Brings the rollups to what the facts say, while writers go on: the drift seen in one snapshot is added like any
-- other delta, so what others commit meanwhile stays counted. Returns the number of rollup rows mended.
CREATE OR REPLACE FUNCTION rollup_rebuild() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET jit = off AS $$
DECLARE
    mended bigint;
    n      bigint;
BEGIN
    INSERT INTO analytics_pending (rollup, organization_id, rto_orders)
    SELECT 'rto', organization_id, array_agg(order_id)
    FROM analytics_rto_orders t FULL JOIN rto_prevented_orders v USING (organization_id, order_id)
    WHERE t.day IS DISTINCT FROM v.day
    GROUP BY organization_id;
    PERFORM rollup_apply();     -- so that only drift is left below

    INSERT INTO analytics_pending (rollup, organization_id, day, campaign_id, agent_id, total_calls, answered,
                                   no_answer, busy, failed, voicemail, positive, neutral, negative, duration_seconds)
    SELECT 'call', s.organization_id, s.day, s.campaign_id, s.agent_id, sum(s.total_calls), sum(s.answered),
           sum(s.no_answer), sum(s.busy), sum(s.failed), sum(s.voicemail),
           sum(s.positive), sum(s.neutral), sum(s.negative), sum(s.duration_seconds)
    FROM (SELECT * FROM analytics_call_daily_facts
          UNION ALL
          SELECT organization_id, day, campaign_id, agent_id, -total_calls, -answered, -no_answer, -busy, -failed,
                 -voicemail, -positive, -neutral, -negative, -duration_seconds FROM analytics_call_daily) s
    GROUP BY s.organization_id, s.day, s.campaign_id, s.agent_id
    HAVING (sum(s.total_calls), sum(s.answered), sum(s.no_answer), sum(s.busy), sum(s.failed), sum(s.voicemail),
            sum(s.positive), sum(s.neutral), sum(s.negative), sum(s.duration_seconds)) <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    GET DIAGNOSTICS mended = ROW_COUNT;

    INSERT INTO analytics_pending (rollup, organization_id, day, carts_abandoned, carts_recovered, cod_confirmed,
                                   rto_prevented, orders, cod_orders)
    SELECT 'outcome', s.organization_id, s.day, sum(s.carts_abandoned), sum(s.carts_recovered), sum(s.cod_confirmed),
           sum(s.rto_prevented), sum(s.orders), sum(s.cod_orders)
    FROM (SELECT * FROM analytics_outcome_daily_facts
          UNION ALL
          SELECT organization_id, day, -carts_abandoned, -carts_recovered, -cod_confirmed, -rto_prevented, -orders,
                 -cod_orders FROM analytics_outcome_daily) s
    GROUP BY s.organization_id, s.day
    HAVING (sum(s.carts_abandoned), sum(s.carts_recovered), sum(s.cod_confirmed), sum(s.rto_prevented),
            sum(s.orders), sum(s.cod_orders)) <> (0, 0, 0, 0, 0, 0);
    GET DIAGNOSTICS n = ROW_COUNT;
    mended := mended + n;

    INSERT INTO analytics_pending (rollup, organization_id, day, currency, revenue_recovered)
    SELECT 'revenue', s.organization_id, s.day, s.currency, sum(s.revenue_recovered)
    FROM (SELECT * FROM analytics_revenue_daily_facts
          UNION ALL
          SELECT organization_id, day, currency, -revenue_recovered FROM analytics_revenue_daily) s
    GROUP BY s.organization_id, s.day, s.currency
    HAVING sum(s.revenue_recovered) <> 0;
    GET DIAGNOSTICS n = ROW_COUNT;
    mended := mended + n;

    INSERT INTO analytics_pending (rollup, organization_id, list, facets, n)
    SELECT 'list', s.organization_id, s.list, s.facets, sum(s.n)
    FROM (SELECT organization_id, list, facets, t.n FROM list_totals_facts t
          UNION ALL
          SELECT organization_id, list, facets, -t.n FROM list_totals t) s
    GROUP BY s.organization_id, s.list, s.facets
    HAVING sum(s.n) <> 0;
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM rollup_apply();
    RETURN mended + n;
END $$;

-- What is there already. The triggers hold the tables until this commits, so nothing is missed or counted twice.
INSERT INTO list_totals (organization_id, list, facets, n)
SELECT organization_id, list, facets, n FROM list_totals_facts ORDER BY organization_id, list, facets;
