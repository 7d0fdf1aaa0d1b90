-- Held to the end of the transaction: a worker that lost a partition without noticing, and its new owner, exclude
-- each other. $1 partitions int[], ascending: all workers lock them in that order. The first key is the application's own ("rb").
SELECT pg_advisory_xact_lock(29282, p) FROM unnest($1::integer[]) p
