-- Live updates of other writers that wait for the streams which this worker owns, oldest first. They stay until
-- clear_outbox.sql: only what Redis has confirmed is taken away, so an update may be published twice, never not at all.
-- Rows of tables that batches publish too (`shared`) are told as they are now, not as they were noted: the batch that changed
-- them since has told already, and what comes last is what dashboards keep.
-- $1 partitions int, $2 owned partitions int[], $3 limit int
-- -> id, partition, tbl, type, organization_id, record, shared.
WITH waiting AS MATERIALIZED (
    SELECT o.*, (o.record ->> 'id')::uuid AS row_id,
           o.tbl IN ('commerce_integrations', 'commerce_customers', 'commerce_products', 'commerce_orders',
                     'commerce_abandoned_carts', 'contacts', 'calls', 'call_transcripts', 'call_recordings') AS shared
    FROM live_outbox o
    WHERE o.route % $1::integer = ANY ($2::integer[])
    ORDER BY o.id
    LIMIT $3::integer
)
SELECT w.id, (w.route % $1::integer)::integer AS partition, w.tbl,
       CASE WHEN NOT w.shared THEN w.type WHEN n.record IS NULL THEN 'DELETE' WHEN w.type = 'DELETE' THEN 'UPDATE' ELSE w.type END AS type,
       w.organization_id::text AS organization_id, coalesce(n.record, w.record)::text AS record, w.shared
FROM waiting w
CROSS JOIN LATERAL (
    SELECT CASE w.tbl
           WHEN 'commerce_integrations' THEN (SELECT live_record(t) FROM commerce_integrations t WHERE t.id = w.row_id)
           WHEN 'commerce_customers' THEN (SELECT live_record(t) FROM commerce_customers t WHERE t.id = w.row_id)
           WHEN 'commerce_products' THEN (SELECT live_record(t) FROM commerce_products t WHERE t.id = w.row_id)
           WHEN 'commerce_orders' THEN (SELECT live_record(t) FROM commerce_orders t WHERE t.id = w.row_id)
           WHEN 'commerce_abandoned_carts' THEN (SELECT live_record(t) FROM commerce_abandoned_carts t WHERE t.id = w.row_id)
           WHEN 'contacts' THEN (SELECT live_record(t) FROM contacts t WHERE t.id = w.row_id)
           WHEN 'calls' THEN (SELECT live_record(t) FROM calls t WHERE t.id = w.row_id)
           WHEN 'call_transcripts' THEN (SELECT live_record(t) FROM call_transcripts t WHERE t.id = w.row_id)
           WHEN 'call_recordings' THEN (SELECT live_record(t) FROM call_recordings t WHERE t.id = w.row_id)
           END AS record) n
ORDER BY w.id
