-- Wakes the relays of other workers: what a batch of this one left in the outbox may be theirs to publish. Writes nothing,
-- so it need not wait for the disk.
SELECT pg_notify('ringback_outbox', '') FROM (SELECT set_config('synchronous_commit', 'off', true) OFFSET 0) quick
