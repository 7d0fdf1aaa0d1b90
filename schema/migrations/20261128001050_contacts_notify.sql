-- Contacts that change in a batch wake the relay by NOTIFY again, as before 20261128001040: without it the batches of 1,000 new customers a second
-- waited for their partitions, which the relay holds for contacts, 290 to 540 ms where it had been 34 to 64.
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
    IF FOUND AND writer <> 'worker' THEN
        PERFORM pg_notify('ringback_outbox', '');
    END IF;
    RETURN NULL;
END $$;
