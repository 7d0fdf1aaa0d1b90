-- Rows that come by the million get ids in the order in which they come (RFC 9562, version 7: 48 bits of milliseconds, then chance),
-- so that a new one goes to the end of its indexes. By chance alone every order and line touches leaves of its own: of tables that are
-- larger than memory each is read before it is written, and after a checkpoint each is logged whole.
CREATE FUNCTION ordered_id() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
                                          PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                                          FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
$$;
ALTER TABLE commerce_orders ALTER COLUMN id SET DEFAULT ordered_id();
ALTER TABLE commerce_order_items ALTER COLUMN id SET DEFAULT ordered_id();
ALTER TABLE commerce_customers ALTER COLUMN id SET DEFAULT ordered_id();
ALTER TABLE contacts ALTER COLUMN id SET DEFAULT ordered_id();

-- Each order changes its customer: without room on the page each such change would be written to all indexes.
ALTER TABLE commerce_customers SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
