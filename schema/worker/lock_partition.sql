-- Held to the end of the transaction: a worker that lost the partition without noticing, and its new owner, exclude
-- each other. $1 partition int. The first key is the application's own ("rb").
SELECT pg_advisory_xact_lock(29282, $1::integer)
