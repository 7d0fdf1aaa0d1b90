-- Rollups that stay exact whoever writes the facts: at every commit sum(rollup) = aggregate(facts).
--
-- Each statement that changes facts fires one trigger per event, which sees the rows that were really inserted,
-- updated and deleted (transition tables), and notes the net signed deltas in analytics_pending. At the end of the
-- transaction rollup_apply() adds them to the three rollup tables, in a fixed order of tables and keys: two transactions
-- never lock rollup rows crosswise, however many statements they had, and hold these locks only for a moment.
-- The worker calls rollup_apply() as its last statement; for everybody else a deferred trigger does.
--
-- rto_prevented depends on two facts that may be written at the same moment by two transactions which do not see each
-- other: an order and its calls. So triggers only note which orders to look at, and rollup_apply() looks, one transaction
-- per organization at a time (an advisory lock, taken when all else is written): the later one sees what the earlier one
-- committed. This holds in READ COMMITTED, the default; a REPEATABLE READ writer does not see it.

-- The functions that read it go by its index (enable_seqscan = off): their plans are made when there is next to nothing in
-- it, and it is full of dead rows later. Emptied by the transaction that filled it, so no row is ever visible to another one, and a crash needs none of them.
CREATE UNLOGGED TABLE analytics_pending (
    txid              xid8 NOT NULL DEFAULT pg_current_xact_id(),
    rollup            text NOT NULL CHECK (rollup IN ('call', 'outcome', 'revenue', 'rto')),
    organization_id   uuid NOT NULL,
    day               date CHECK (day IS NOT NULL OR rollup = 'rto'),
    campaign_id       uuid,
    agent_id          uuid,
    currency          text,
    total_calls       bigint,
    answered          bigint,
    no_answer         bigint,
    busy              bigint,
    failed            bigint,
    voicemail         bigint,
    positive          bigint,
    neutral           bigint,
    negative          bigint,
    duration_seconds  bigint,
    carts_abandoned   bigint,
    carts_recovered   bigint,
    cod_confirmed     bigint,
    rto_prevented     bigint,
    orders            bigint,
    cod_orders        bigint,
    revenue_recovered numeric,
    rto_orders        uuid[]            -- 'rto': orders to look at
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE INDEX analytics_pending_txid ON analytics_pending (txid);
COMMENT ON TABLE analytics_pending IS
    'Deltas of transactions that are still running. Written by the triggers of the facts, emptied by rollup_apply().';
ALTER TABLE analytics_pending ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON analytics_pending FROM PUBLIC, anon, authenticated;
GRANT ALL ON analytics_pending TO service_role;

-- The orders that a voice call kept from coming back unpaid (RTO), and the day. COD orders with an answered call:
-- those cancelled afterwards and before anything was sent (the day of the cancellation), and those whose call recorded the
-- decision (the day of the call). The earliest day wins. "restocked" is what a shop calls an order that was cancelled
-- before fulfilment and whose goods went back on the shelf.
CREATE VIEW rto_prevented_orders WITH (security_invoker = true) AS
    SELECT s.organization_id, s.order_id,
           least(s.decided_on,
                 CASE WHEN s.called_at <= s.cancelled_at AND s.fulfillment_status IN ('unfulfilled', 'restocked')
                      THEN organization_day(s.organization_id, s.cancelled_at) END) AS day
    FROM (SELECT o.organization_id, o.id AS order_id, o.cancelled_at, o.fulfillment_status,
                 min(c.call_day) FILTER (WHERE c.metadata ->> 'order_decision' IN ('cancelled', 'address_changed')) AS decided_on,
                 min(coalesce(c.started_at, c.created_at)) AS called_at
          FROM commerce_orders o
          JOIN calls c ON c.order_id = o.id AND c.organization_id = o.organization_id AND c.outcome = 'answered'
          WHERE o.payment_type = 'cod'
          GROUP BY o.id) s
    WHERE s.decided_on IS NOT NULL
       OR (s.called_at <= s.cancelled_at AND s.fulfillment_status IN ('unfulfilled', 'restocked'));
REVOKE ALL ON rto_prevented_orders FROM PUBLIC, anon, authenticated;
GRANT SELECT ON rto_prevented_orders TO service_role;

-- The same, as it was counted; each order once.
CREATE TABLE analytics_rto_orders (
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    order_id        uuid NOT NULL,
    day             date NOT NULL,
    PRIMARY KEY (organization_id, order_id)
);
COMMENT ON TABLE analytics_rto_orders IS
    'Orders counted as rto_prevented, and the day. Written by rollup_apply() only, under the lock of the organization.';
ALTER TABLE analytics_rto_orders ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON analytics_rto_orders FROM PUBLIC, anon, authenticated;
GRANT ALL ON analytics_rto_orders TO service_role;

-- Looks again at the orders that this transaction noted, and makes deltas of what changed; true: there are some.
-- Locks are taken in the order of the keys, by whoever has nothing else left to lock but rollup rows.
CREATE FUNCTION rollup_settle_rto(_txid xid8) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
    ids uuid[];
    key integer;
BEGIN
    FOR key IN SELECT DISTINCT hashtext(p.organization_id::text) FROM analytics_pending p
               WHERE p.txid = _txid AND p.rollup = 'rto' ORDER BY 1
    LOOP
        PERFORM pg_advisory_xact_lock(29283, key);
    END LOOP;
    -- Each statement from here on sees what was committed until now.
    SELECT array_agg(DISTINCT u.id) INTO ids
    FROM analytics_pending p CROSS JOIN LATERAL unnest(p.rto_orders) AS u (id)
    WHERE p.txid = _txid AND p.rollup = 'rto';

    WITH noted AS MATERIALIZED (
        SELECT DISTINCT p.organization_id, u.id AS order_id
        FROM analytics_pending p CROSS JOIN LATERAL unnest(p.rto_orders) AS u (id)
        WHERE p.txid = _txid AND p.rollup = 'rto'
    ), wanted AS MATERIALIZED (
        SELECT v.organization_id, v.order_id, v.day FROM rto_prevented_orders v
        WHERE v.order_id = ANY (ids)
          AND (v.organization_id, v.order_id) IN (SELECT n.organization_id, n.order_id FROM noted n)
    ), stored AS MATERIALIZED (
        SELECT t.organization_id, t.order_id, t.day
        FROM noted n JOIN analytics_rto_orders t USING (organization_id, order_id)
    ), gone AS MATERIALIZED (
        SELECT * FROM stored EXCEPT SELECT * FROM wanted
    ), come AS MATERIALIZED (
        SELECT * FROM wanted EXCEPT SELECT * FROM stored
    ), removed AS (
        DELETE FROM analytics_rto_orders t USING gone g
        WHERE t.organization_id = g.organization_id AND t.order_id = g.order_id
          AND NOT EXISTS (SELECT FROM come c WHERE c.organization_id = g.organization_id AND c.order_id = g.order_id)
    ), added AS (
        INSERT INTO analytics_rto_orders AS t (organization_id, order_id, day)
        SELECT c.organization_id, c.order_id, c.day FROM come c
        ON CONFLICT (organization_id, order_id) DO UPDATE SET day = excluded.day
    )
    INSERT INTO analytics_pending (rollup, organization_id, day, rto_prevented)
    SELECT 'outcome', s.organization_id, s.day, sum(s.n)
    FROM (SELECT c.organization_id, c.day, 1 AS n FROM come c
          UNION ALL
          SELECT g.organization_id, g.day, -1 FROM gone g) s
    GROUP BY s.organization_id, s.day
    HAVING sum(s.n) <> 0;
    RETURN FOUND;
END $$;

-- Adds this transaction's deltas. Deltas of an organization that is itself being removed go nowhere.
CREATE FUNCTION rollup_apply() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
    me          CONSTANT xid8 := pg_current_xact_id_if_assigned();
    has_call    boolean;
    has_outcome boolean;
    has_revenue boolean;
    has_rto     boolean;
BEGIN
    SELECT bool_or(rollup = 'call'), bool_or(rollup = 'outcome'), bool_or(rollup = 'revenue'), bool_or(rollup = 'rto')
    INTO has_call, has_outcome, has_revenue, has_rto
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
    DELETE FROM analytics_pending WHERE txid = me;
END $$;

CREATE FUNCTION analytics_pending_apply() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    -- The first of a transaction's rows applies them all.
    IF EXISTS (SELECT FROM analytics_pending WHERE txid = NEW.txid) THEN
        PERFORM rollup_apply();
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER analytics_pending_apply AFTER INSERT ON analytics_pending
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION analytics_pending_apply();

-- What a fact contributes is written down once per table, here. A trigger with transition tables has one event, so each
-- text becomes three functions that differ in where @facts@ come from and with which sign: new rows count +1, old rows -1.
DO $$
DECLARE
    fact    record;
    event   record;
    name    text;
    added   text;
    removed text;
BEGIN
    FOR fact IN
        SELECT * FROM (VALUES
            ('commerce_orders', 'rollup',
             'id, organization_id, order_day, payment_type, fulfillment_status, cancelled_at', $body$
                INSERT INTO analytics_pending (rollup, organization_id, day, orders, cod_orders)
                SELECT 'outcome', f.organization_id, f.order_day, sum(f.sign),
                       coalesce(sum(f.sign) FILTER (WHERE f.payment_type = 'cod'), 0)
                FROM @facts@ f
                GROUP BY f.organization_id, f.order_day
                HAVING (sum(f.sign), coalesce(sum(f.sign) FILTER (WHERE f.payment_type = 'cod'), 0)) <> (0, 0);

                INSERT INTO analytics_pending (rollup, organization_id, rto_orders)
                SELECT 'rto', s.organization_id, array_agg(DISTINCT s.id)
                FROM (SELECT f.organization_id, f.id
                      FROM @facts@ f
                      WHERE f.payment_type = 'cod'
                      GROUP BY f.organization_id, f.id, f.fulfillment_status, f.cancelled_at
                      HAVING count(*) = 1) s    -- an old and an equal new row: nothing changed
                GROUP BY s.organization_id;
            $body$),

            ('commerce_abandoned_carts', 'rollup',
             'organization_id, abandoned_day, recovered_day, total_value, currency', $body$
                INSERT INTO analytics_pending (rollup, organization_id, day, carts_abandoned, carts_recovered)
                SELECT 'outcome', f.organization_id, d.day, sum(f.sign * d.abandoned), sum(f.sign * d.recovered)
                FROM @facts@ f
                CROSS JOIN LATERAL (VALUES (f.abandoned_day, 1, 0), (f.recovered_day, 0, 1)) AS d (day, abandoned, recovered)
                WHERE d.day IS NOT NULL
                GROUP BY f.organization_id, d.day
                HAVING (sum(f.sign * d.abandoned), sum(f.sign * d.recovered)) <> (0, 0);

                INSERT INTO analytics_pending (rollup, organization_id, day, currency, revenue_recovered)
                SELECT 'revenue', f.organization_id, f.recovered_day, coalesce(nullif(f.currency, ''), 'XXX'),
                       sum(f.sign * f.total_value)
                FROM @facts@ f
                WHERE f.recovered_day IS NOT NULL AND f.total_value IS NOT NULL
                GROUP BY f.organization_id, f.recovered_day, coalesce(nullif(f.currency, ''), 'XXX')
                HAVING sum(f.sign * f.total_value) <> 0;
            $body$),

            ('calls', 'rollup',
             'id, organization_id, call_day, campaign_id, agent_id, outcome, sentiment, duration_seconds, order_id, metadata, '
             'coalesce(started_at, created_at) AS at', $body$
                INSERT INTO analytics_pending (rollup, organization_id, day, campaign_id, agent_id, total_calls, answered,
                                               no_answer, busy, failed, voicemail, positive, neutral, negative, duration_seconds)
                SELECT 'call', s.*
                FROM (SELECT f.organization_id, f.call_day, f.campaign_id, f.agent_id,
                             sum(f.sign) AS total,
                             coalesce(sum(f.sign) FILTER (WHERE f.outcome = 'answered'), 0) AS answered,
                             coalesce(sum(f.sign) FILTER (WHERE f.outcome = 'no_answer'), 0) AS no_answer,
                             coalesce(sum(f.sign) FILTER (WHERE f.outcome = 'busy'), 0) AS busy,
                             coalesce(sum(f.sign) FILTER (WHERE f.outcome = 'failed'), 0) AS failed,
                             coalesce(sum(f.sign) FILTER (WHERE f.outcome = 'voicemail'), 0) AS voicemail,
                             coalesce(sum(f.sign) FILTER (WHERE f.sentiment = 'positive'), 0) AS positive,
                             coalesce(sum(f.sign) FILTER (WHERE f.sentiment = 'neutral'), 0) AS neutral,
                             coalesce(sum(f.sign) FILTER (WHERE f.sentiment = 'negative'), 0) AS negative,
                             coalesce(sum(f.sign * f.duration_seconds::bigint), 0) AS seconds
                      FROM @facts@ f
                      GROUP BY f.organization_id, f.call_day, f.campaign_id, f.agent_id) s
                WHERE (s.total, s.answered, s.no_answer, s.busy, s.failed, s.voicemail, s.positive, s.neutral, s.negative, s.seconds)
                      <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

                INSERT INTO analytics_pending (rollup, organization_id, day, cod_confirmed)
                SELECT 'outcome', f.organization_id, f.call_day, sum(f.sign)
                FROM @facts@ f
                WHERE f.outcome = 'answered' AND f.metadata ->> 'payment_type' = 'cod'
                GROUP BY f.organization_id, f.call_day
                HAVING sum(f.sign) <> 0;

                INSERT INTO analytics_pending (rollup, organization_id, rto_orders)
                SELECT 'rto', s.organization_id, array_agg(DISTINCT s.order_id)
                FROM (SELECT f.organization_id, f.order_id
                      FROM @facts@ f
                      WHERE f.outcome = 'answered' AND f.order_id IS NOT NULL
                      GROUP BY f.id, f.organization_id, f.order_id, f.call_day, f.at, f.metadata ->> 'order_decision'
                      HAVING count(*) = 1) s    -- an old and an equal new row: nothing changed
                GROUP BY s.organization_id;
            $body$)) AS t (tbl, purpose, columns, body)
    LOOP
        added := format('SELECT 1 AS sign, %s FROM new_rows', fact.columns);
        removed := format('SELECT -1 AS sign, %s FROM old_rows', fact.columns);
        FOR event IN
            SELECT * FROM (VALUES
                ('insert', added, 'NEW TABLE AS new_rows'),
                ('update', added || ' UNION ALL ' || removed, 'OLD TABLE AS old_rows NEW TABLE AS new_rows'),
                ('delete', removed, 'OLD TABLE AS old_rows')) AS e (name, facts, transition)
        LOOP
            name := concat_ws('_', fact.tbl, fact.purpose, event.name);
            EXECUTE format('CREATE FUNCTION %I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER '
                           'SET search_path = public, pg_temp AS %L', name,
                           concat_ws(E'\n', 'BEGIN',
                                     replace(fact.body, '@facts@', '(' || event.facts || ')'), 'RETURN NULL;', 'END'));
            EXECUTE format('CREATE TRIGGER %I AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT EXECUTE FUNCTION %1$I()',
                           name, event.name, fact.tbl, event.transition);
        END LOOP;
    END LOOP;
END $$;

-- TRUNCATE passes the triggers above by. It holds the table alone, so what the rollups say, together with what this
-- transaction has pending, is exactly what the table contributed: take it all back.
CREATE FUNCTION commerce_orders_rollup_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO analytics_pending (rollup, organization_id, day, orders, cod_orders)
    SELECT 'outcome', s.organization_id, s.day, -sum(s.orders), -sum(s.cod_orders)
    FROM (SELECT organization_id, day, orders, cod_orders FROM analytics_outcome_daily
          UNION ALL
          SELECT organization_id, day, orders, cod_orders FROM analytics_pending
          WHERE txid = pg_current_xact_id() AND rollup = 'outcome') s
    GROUP BY s.organization_id, s.day;
    INSERT INTO analytics_pending (rollup, organization_id, rto_orders)
    SELECT 'rto', organization_id, array_agg(order_id) FROM analytics_rto_orders GROUP BY organization_id;
    RETURN NULL;
END $$;
CREATE TRIGGER commerce_orders_rollup_truncate AFTER TRUNCATE ON commerce_orders
    FOR EACH STATEMENT EXECUTE FUNCTION commerce_orders_rollup_truncate();

CREATE FUNCTION commerce_abandoned_carts_rollup_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO analytics_pending (rollup, organization_id, day, carts_abandoned, carts_recovered)
    SELECT 'outcome', s.organization_id, s.day, -sum(s.carts_abandoned), -sum(s.carts_recovered)
    FROM (SELECT organization_id, day, carts_abandoned, carts_recovered FROM analytics_outcome_daily
          UNION ALL
          SELECT organization_id, day, carts_abandoned, carts_recovered FROM analytics_pending
          WHERE txid = pg_current_xact_id() AND rollup = 'outcome') s
    GROUP BY s.organization_id, s.day;

    INSERT INTO analytics_pending (rollup, organization_id, day, currency, revenue_recovered)
    SELECT 'revenue', s.organization_id, s.day, s.currency, -sum(s.revenue_recovered)
    FROM (SELECT organization_id, day, currency, revenue_recovered FROM analytics_revenue_daily
          UNION ALL
          SELECT organization_id, day, currency, revenue_recovered FROM analytics_pending
          WHERE txid = pg_current_xact_id() AND rollup = 'revenue') s
    GROUP BY s.organization_id, s.day, s.currency;
    RETURN NULL;
END $$;
CREATE TRIGGER commerce_abandoned_carts_rollup_truncate AFTER TRUNCATE ON commerce_abandoned_carts
    FOR EACH STATEMENT EXECUTE FUNCTION commerce_abandoned_carts_rollup_truncate();

CREATE FUNCTION calls_rollup_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO analytics_pending (rollup, organization_id, day, campaign_id, agent_id, total_calls, answered,
                                   no_answer, busy, failed, voicemail, positive, neutral, negative, duration_seconds)
    SELECT 'call', s.organization_id, s.day, s.campaign_id, s.agent_id, -sum(s.total_calls), -sum(s.answered),
           -sum(s.no_answer), -sum(s.busy), -sum(s.failed), -sum(s.voicemail),
           -sum(s.positive), -sum(s.neutral), -sum(s.negative), -sum(s.duration_seconds)
    FROM (SELECT organization_id, day, campaign_id, agent_id, total_calls, answered, no_answer, busy, failed, voicemail,
                 positive, neutral, negative, duration_seconds FROM analytics_call_daily
          UNION ALL
          SELECT organization_id, day, campaign_id, agent_id, total_calls, answered, no_answer, busy, failed, voicemail,
                 positive, neutral, negative, duration_seconds FROM analytics_pending
          WHERE txid = pg_current_xact_id() AND rollup = 'call') s
    GROUP BY s.organization_id, s.day, s.campaign_id, s.agent_id;

    INSERT INTO analytics_pending (rollup, organization_id, day, cod_confirmed)
    SELECT 'outcome', s.organization_id, s.day, -sum(s.cod_confirmed)
    FROM (SELECT organization_id, day, cod_confirmed FROM analytics_outcome_daily
          UNION ALL
          SELECT organization_id, day, cod_confirmed FROM analytics_pending
          WHERE txid = pg_current_xact_id() AND rollup = 'outcome') s
    GROUP BY s.organization_id, s.day;

    INSERT INTO analytics_pending (rollup, organization_id, rto_orders)
    SELECT 'rto', organization_id, array_agg(order_id) FROM analytics_rto_orders GROUP BY organization_id;
    RETURN NULL;
END $$;
CREATE TRIGGER calls_rollup_truncate AFTER TRUNCATE ON calls
    FOR EACH STATEMENT EXECUTE FUNCTION calls_rollup_truncate();

-- What the rollups must say, from the facts.
CREATE VIEW analytics_call_daily_facts WITH (security_invoker = true) AS
    SELECT organization_id, call_day AS day, campaign_id, agent_id,
           count(*) AS total_calls,
           count(*) FILTER (WHERE outcome = 'answered') AS answered,
           count(*) FILTER (WHERE outcome = 'no_answer') AS no_answer,
           count(*) FILTER (WHERE outcome = 'busy') AS busy,
           count(*) FILTER (WHERE outcome = 'failed') AS failed,
           count(*) FILTER (WHERE outcome = 'voicemail') AS voicemail,
           count(*) FILTER (WHERE sentiment = 'positive') AS positive,
           count(*) FILTER (WHERE sentiment = 'neutral') AS neutral,
           count(*) FILTER (WHERE sentiment = 'negative') AS negative,
           coalesce(sum(duration_seconds), 0) AS duration_seconds
    FROM calls
    GROUP BY organization_id, call_day, campaign_id, agent_id;

CREATE VIEW analytics_outcome_daily_facts WITH (security_invoker = true) AS
    SELECT organization_id, day, sum(carts_abandoned) AS carts_abandoned, sum(carts_recovered) AS carts_recovered,
           sum(cod_confirmed) AS cod_confirmed, sum(rto_prevented) AS rto_prevented,
           sum(orders) AS orders, sum(cod_orders) AS cod_orders
    FROM (SELECT organization_id, abandoned_day AS day, count(*) AS carts_abandoned, 0 AS carts_recovered,
                 0 AS cod_confirmed, 0 AS rto_prevented, 0 AS orders, 0 AS cod_orders
          FROM commerce_abandoned_carts GROUP BY 1, 2
          UNION ALL
          SELECT organization_id, recovered_day, 0, count(*), 0, 0, 0, 0
          FROM commerce_abandoned_carts WHERE status = 'recovered' GROUP BY 1, 2
          UNION ALL
          SELECT organization_id, call_day, 0, 0, count(*), 0, 0, 0
          FROM calls WHERE outcome = 'answered' AND metadata ->> 'payment_type' = 'cod' GROUP BY 1, 2
          UNION ALL
          SELECT organization_id, day, 0, 0, 0, count(*), 0, 0
          FROM analytics_rto_orders GROUP BY 1, 2
          UNION ALL
          SELECT organization_id, order_day, 0, 0, 0, 0, count(*), count(*) FILTER (WHERE payment_type = 'cod')
          FROM commerce_orders GROUP BY 1, 2) s
    GROUP BY organization_id, day;

CREATE VIEW analytics_revenue_daily_facts WITH (security_invoker = true) AS
    SELECT organization_id, recovered_day AS day, coalesce(nullif(currency, ''), 'XXX') AS currency,
           sum(total_value) AS revenue_recovered
    FROM commerce_abandoned_carts
    WHERE status = 'recovered' AND total_value IS NOT NULL
    GROUP BY 1, 2, 3;

REVOKE ALL ON analytics_call_daily_facts, analytics_outcome_daily_facts, analytics_revenue_daily_facts
    FROM PUBLIC, anon, authenticated;
GRANT SELECT ON analytics_call_daily_facts, analytics_outcome_daily_facts, analytics_revenue_daily_facts TO service_role;

-- Every number in which a rollup differs from the facts; no rows: exact. One snapshot, so writers need not stop.
-- Orders that are wrongly in analytics_rto_orders, or wrongly not, are reported too (1: is there, 0: is not).
CREATE FUNCTION rollup_verify()
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
    ), numbers AS (
        SELECT s.rollup, s.side, s.line - ARRAY(SELECT jsonb_object_keys(s.line) EXCEPT SELECT unnest(k.names)) AS key,
               m.key AS column_name, m.value::numeric AS value
        FROM sides s
        CROSS JOIN (VALUES ('{organization_id,day,campaign_id,agent_id,currency}'::text[])) AS k (names)
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
CREATE FUNCTION rollup_rebuild() RETURNS bigint
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
    PERFORM rollup_apply();
    RETURN mended + n;
END $$;
