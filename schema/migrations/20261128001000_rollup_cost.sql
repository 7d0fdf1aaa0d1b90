-- A small transaction costs PostgreSQL less. rollup_apply() was a third of what a batch of one order took: the rollup rows that it wrote went
-- to the outbox by triggers, which cost more than writing them. It writes the outbox in the same statement now; the triggers stay for
-- whoever else writes a rollup row.

-- Adds this transaction's deltas, and tells the rollup rows as they are now to the dashboards: the outbox ids are drawn while the rows
-- are locked (20261128000200_live_rollups.sql). Deltas of an organization that is itself being removed go nowhere.
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

    PERFORM set_config('ringback.rollups', 'applying', true);
    IF has_call THEN
        WITH told AS (
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
                duration_seconds = t.duration_seconds + excluded.duration_seconds
            RETURNING t.organization_id, t.xmax = 0 AS inserted, to_jsonb(t) AS record
        )
        INSERT INTO live_outbox (route, organization_id, tbl, type, record)
        SELECT live_route(r.organization_id, NULL), r.organization_id, 'analytics_call_daily',
               CASE WHEN r.inserted THEN 'INSERT' ELSE 'UPDATE' END, r.record
        FROM told r;
    END IF;
    IF has_outcome THEN
        WITH told AS (
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
                cod_orders      = t.cod_orders + excluded.cod_orders
            RETURNING t.organization_id, t.xmax = 0 AS inserted, to_jsonb(t) AS record
        )
        INSERT INTO live_outbox (route, organization_id, tbl, type, record)
        SELECT live_route(r.organization_id, NULL), r.organization_id, 'analytics_outcome_daily',
               CASE WHEN r.inserted THEN 'INSERT' ELSE 'UPDATE' END, r.record
        FROM told r;
    END IF;
    IF has_revenue THEN
        WITH told AS (
            INSERT INTO analytics_revenue_daily AS t (organization_id, day, currency, revenue_recovered)
            SELECT p.organization_id, p.day, p.currency, sum(p.revenue_recovered)
            FROM analytics_pending p
            WHERE p.txid = me AND p.rollup = 'revenue'
              AND EXISTS (SELECT FROM organizations o WHERE o.id = p.organization_id)
            GROUP BY p.organization_id, p.day, p.currency
            HAVING sum(p.revenue_recovered) <> 0
            ORDER BY p.organization_id, p.day, p.currency
            ON CONFLICT (organization_id, day, currency) DO UPDATE SET
                revenue_recovered = t.revenue_recovered + excluded.revenue_recovered
            RETURNING t.organization_id, t.xmax = 0 AS inserted, to_jsonb(t) AS record
        )
        INSERT INTO live_outbox (route, organization_id, tbl, type, record)
        SELECT live_route(r.organization_id, NULL), r.organization_id, 'analytics_revenue_daily',
               CASE WHEN r.inserted THEN 'INSERT' ELSE 'UPDATE' END, r.record
        FROM told r;
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
    PERFORM set_config('ringback.rollups', '', true);
    IF (has_call OR has_outcome OR has_revenue) AND current_setting('ringback.writer', true) IS DISTINCT FROM 'worker' THEN
        PERFORM pg_notify('ringback_outbox', '');
    END IF;
    PERFORM set_config('ringback.rollups_applied', currval('analytics_pending_seq_seq')::text, true);
END $$;

DO $$
DECLARE
    tbl   text;
    event text;
BEGIN
    FOREACH tbl IN ARRAY ARRAY['analytics_call_daily', 'analytics_outcome_daily', 'analytics_revenue_daily'] LOOP
        FOREACH event IN ARRAY ARRAY['insert', 'update'] LOOP
            EXECUTE format('DROP TRIGGER %I ON %I', tbl || '_live_' || event, tbl);
            EXECUTE format('CREATE TRIGGER %I AFTER %s ON %I REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT '
                           'WHEN (current_setting(''ringback.rollups'', true) IS DISTINCT FROM ''applying'') '
                           'EXECUTE FUNCTION live_outbox_changed(''organization_id'')',
                           tbl || '_live_' || event, event, tbl);
        END LOOP;
    END LOOP;
END $$;

-- As they were, but nothing is asked that is known (a row without a store has no domain of its own), and the hash is computed by
-- PL/pgSQL: its SQL, which uses a function that is only STABLE, was parsed and planned by each statement that called it.
CREATE OR REPLACE FUNCTION live_route(_organization_id uuid, _integration_id uuid) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    domain text;
BEGIN
    IF _integration_id IS NOT NULL THEN
        domain := (SELECT lower(i.store_domain) FROM public.commerce_integrations i WHERE i.id = _integration_id);
    END IF;
    IF domain IS NULL THEN
        domain := (SELECT lower(i.store_domain) FROM public.commerce_integrations i
                   WHERE i.organization_id = _organization_id AND i.store_domain IS NOT NULL
                   ORDER BY i.created_at, i.id LIMIT 1);
    END IF;
    RETURN public.route_hash(coalesce(domain, _organization_id::text));
END $$;
CREATE OR REPLACE FUNCTION route_hash(_key text) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN ('x' || encode(substring(sha256(convert_to(_key, 'UTF8')) FROM 1 FOR 4), 'hex'))::bit(32)::bigint;
END $$;
