-- Settles the carts of checkouts that changed and of those that an order may have recovered.
-- $1..$3 rowset cart_keys; $4 now timestamptz, $5 CART_ABANDON_AFTER, $6 CART_EXPIRE_AFTER.
-- A key matches a checkout by either token. Checkouts of the same stores that a deletion left to be settled
-- (due_at -infinity) are taken along: a key without tokens asks for just these. About the plan: see upsert_orders.sql.
-- Answers (tbl, type, organization_id, record) for carts that really changed.
WITH key AS MATERIALIZED (
    SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[], $3::text[]) k (integration_id, checkout_token, cart_token)
), touched AS MATERIALIZED (
    SELECT k.integration_id, k.checkout_token AS token FROM key k WHERE k.checkout_token IS NOT NULL
    UNION
    SELECT c.integration_id, c.token
    FROM key k
    CROSS JOIN LATERAL (SELECT x.integration_id, x.token FROM commerce_checkouts x
                        WHERE x.integration_id = k.integration_id AND x.cart_token = k.cart_token OFFSET 0) c
    UNION
    SELECT c.integration_id, c.token
    FROM (SELECT x.integration_id, x.token FROM commerce_checkouts x WHERE x.due_at = '-infinity' OFFSET 0) c
    WHERE c.integration_id IN (SELECT k.integration_id FROM key k)
), locked AS MATERIALIZED (
    SELECT c.integration_id, c.token
    FROM (SELECT * FROM touched ORDER BY integration_id, token COLLATE "C") t
    CROSS JOIN LATERAL (SELECT x.integration_id, x.token FROM commerce_checkouts x
                        WHERE x.integration_id = t.integration_id AND x.token = t.token FOR UPDATE) c
), these AS MATERIALIZED (
    SELECT array_agg(l.integration_id) AS integrations, array_agg(l.token) AS tokens FROM locked l HAVING count(*) > 0
)
SELECT s.tbl, s.type, s.organization_id, s.record
FROM these, settle_checkouts(these.integrations, these.tokens, $4::timestamptz, $5::interval, $6::interval) s
