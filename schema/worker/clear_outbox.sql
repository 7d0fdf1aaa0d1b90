-- Takes published updates out of the outbox. $1 ids bigint[].
DELETE FROM live_outbox WHERE id = ANY ($1::bigint[])
