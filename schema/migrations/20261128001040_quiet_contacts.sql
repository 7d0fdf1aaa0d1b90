-- A batch with a new customer woke all relays by NOTIFY, for the customer's contact: NOTIFY takes a lock that makes all commits of the database wait
-- for each other, and each such batch had a round of the relay, which holds the partition, to itself. The worker wakes its relay after its
-- commits (as for rollup rows, 20261128000200_live_rollups.sql), so contacts that change in its transactions need no NOTIFY either:
-- contacts_gather() and contacts_follow() say whose they are.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['contacts_gather', 'contacts_follow'] LOOP
        EXECUTE replace(pg_get_functiondef(format('%s(uuid[], text[])', name)::regprocedure),
                        'set_config(''ringback.writer'', ''contacts'', true)',
                        'set_config(''ringback.writer'', CASE writer WHEN ''worker'' THEN ''worker contacts'' ELSE ''contacts'' END, true)');
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION live_outbox_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    writer    CONSTANT text := coalesce(current_setting('ringback.writer', true), '');
    keys_only CONSTANT boolean := TG_OP = 'DELETE' AND writer IN ('redaction', 'contacts', 'worker contacts');
BEGIN
    IF NOT EXISTS (SELECT FROM changed_rows) THEN
        RETURN NULL;
    END IF;
    INSERT INTO live_outbox (route, organization_id, tbl, type, record)
    SELECT live_route(r.organization_id, r.integration_id), r.organization_id, TG_TABLE_NAME, TG_OP,
           CASE WHEN keys_only
                THEN (SELECT jsonb_object_agg(k.key, k.value) FROM jsonb_each(r.record) k
                      WHERE k.key IN ('id', 'organization_id', 'integration_id', 'call_id'))
                ELSE r.record END
    FROM (SELECT (n.record ->> TG_ARGV[0])::uuid AS organization_id, (n.record ->> 'integration_id')::uuid AS integration_id,
                 n.record
          FROM (SELECT live_record(c) AS record FROM changed_rows c) n) r;
    IF FOUND AND writer NOT IN ('worker', 'worker contacts') THEN
        PERFORM pg_notify('ringback_outbox', '');
    END IF;
    RETURN NULL;
END $$;
