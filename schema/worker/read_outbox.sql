-- Live updates of other writers that wait for the streams which this worker owns, oldest first. They stay until
-- clear_outbox.sql: only what Redis has confirmed is taken away, so an update may be published twice, never not at all.
-- $1 partitions int, $2 owned partitions int[], $3 limit int -> id, partition, tbl, type, organization_id, record.
SELECT o.id, (o.route % $1::integer)::integer AS partition, o.tbl, o.type, o.organization_id::text AS organization_id,
       o.record::text AS record
FROM live_outbox o
WHERE o.route % $1::integer = ANY ($2::integer[])
ORDER BY o.id
LIMIT $3::integer
