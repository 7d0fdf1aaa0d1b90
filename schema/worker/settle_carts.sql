-- Settles the carts of checkouts that changed and of those that an order may have recovered.
-- $1..$3 rowset cart_keys; $4 now timestamptz, $5 CART_ABANDON_AFTER, $6 CART_EXPIRE_AFTER.
-- A key matches a checkout by either token. Checkouts of the same stores that a deletion left to be settled
-- (due_at -infinity) are taken along: a key without tokens asks for just these.
-- Answers (tbl, type, organization_id, record) for carts that really changed.
WITH key AS MATERIALIZED (
    SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[], $3::text[]) k (integration_id, checkout_token, cart_token)
), touched AS MATERIALIZED (
    SELECT k.integration_id, k.checkout_token AS token FROM key k WHERE k.checkout_token IS NOT NULL
    UNION
    SELECT c.integration_id, c.token
    FROM key k JOIN commerce_checkouts c ON c.integration_id = k.integration_id AND c.cart_token = k.cart_token
    UNION
    SELECT c.integration_id, c.token
    FROM commerce_checkouts c
    WHERE c.due_at = '-infinity' AND c.integration_id IN (SELECT k.integration_id FROM key k)
), locked AS MATERIALIZED (
    SELECT c.integration_id, c.token
    FROM touched t JOIN commerce_checkouts c ON c.integration_id = t.integration_id AND c.token = t.token
    ORDER BY c.integration_id, c.token COLLATE "C"
    FOR UPDATE OF c
), these AS MATERIALIZED (
    SELECT array_agg(l.integration_id) AS integrations, array_agg(l.token) AS tokens FROM locked l HAVING count(*) > 0
)
SELECT s.tbl, s.type, s.organization_id, s.record
FROM these, settle_checkouts(these.integrations, these.tokens, $4::timestamptz, $5::interval, $6::interval) s
