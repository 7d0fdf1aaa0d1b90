-- Settles checkouts whose time has come: left alone long enough to be abandoned, or abandoned long enough to expire.
-- $1 now timestamptz, $2 CART_ABANDON_AFTER interval, $3 CART_EXPIRE_AFTER interval, $4 limit int.
-- Answers one row: checkouts looked at, carts that changed, and whether more are due. What a batch of the worker holds
-- at this moment is left to it.
WITH due AS MATERIALIZED (
    SELECT c.integration_id, c.token
    FROM commerce_checkouts c
    WHERE c.due_at <= $1::timestamptz
    ORDER BY c.due_at
    LIMIT $4::integer
    FOR UPDATE SKIP LOCKED
), these AS MATERIALIZED (
    SELECT array_agg(d.integration_id) AS integrations, array_agg(d.token) AS tokens, count(*) AS n FROM due d
)
SELECT these.n AS settled,
       (SELECT count(*) FROM settle_checkouts(these.integrations, these.tokens, $1, $2::interval, $3::interval)) AS changed,
       these.n >= $4 AS more
FROM these
