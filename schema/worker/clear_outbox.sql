-- Takes published updates out of the outbox. $1 ids bigint[]. Need not wait for the disk: what comes back after a crash of
-- the server is published once more, in its order.
DELETE FROM live_outbox o
USING (SELECT set_config('synchronous_commit', 'off', true) OFFSET 0) quick
WHERE o.id = ANY ($1::bigint[])
