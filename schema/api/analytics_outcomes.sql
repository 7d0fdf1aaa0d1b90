-- What the calls brought in during a period; from the rollups. Money in the organization's main currency, which is the one with the
-- most revenue where it named none, and beside it in every currency.
WITH period AS MATERIALIZED (
    SELECT p.first_day, p.last_day
    FROM request_period(:period::text
        , _date_from => :date_from::text        -- if date_from
        , _date_to => :date_to::text            -- if date_to
    ) p
), revenue AS MATERIALIZED (
    SELECT t.currency, sum(t.revenue_recovered) AS recovered
    FROM period p
    JOIN analytics_revenue_daily t ON t.organization_id = request_organization_id() AND t.day BETWEEN p.first_day AND p.last_day
    GROUP BY t.currency
    HAVING sum(t.revenue_recovered) <> 0
), main AS MATERIALIZED (
    SELECT coalesce(o.currency,
                    (SELECT t.currency FROM analytics_revenue_daily t
                     WHERE t.organization_id = request_organization_id()
                     GROUP BY t.currency ORDER BY sum(t.revenue_recovered) DESC, t.currency LIMIT 1)) AS currency
    FROM organizations o
    WHERE o.id = request_organization_id()
), outcome AS MATERIALIZED (
    SELECT coalesce(sum(t.cod_confirmed), 0) AS cod_confirmed, coalesce(sum(t.carts_recovered), 0) AS carts_recovered,
           coalesce(sum(t.rto_prevented), 0) AS rto_prevented, coalesce(sum(t.carts_abandoned), 0) AS carts_abandoned,
           coalesce(sum(t.orders), 0) AS orders, coalesce(sum(t.cod_orders), 0) AS cod_orders
    FROM period p
    JOIN analytics_outcome_daily t ON t.organization_id = request_organization_id() AND t.day BETWEEN p.first_day AND p.last_day
)
SELECT row_to_json(r) FROM (
    SELECT coalesce((SELECT v.recovered FROM revenue v WHERE v.currency = m.currency), 0) AS revenue_recovered,
           m.currency,
           (SELECT coalesce(json_object_agg(v.currency, v.recovered ORDER BY v.currency), '{}') FROM revenue v) AS revenue_by_currency,
           o.cod_confirmed, o.carts_recovered, o.rto_prevented, o.carts_abandoned, o.orders, o.cod_orders,
           :period::text AS period, p.first_day AS date_from, p.last_day AS date_to
    FROM period p CROSS JOIN main m CROSS JOIN outcome o) r
