-- A redaction deletes contacts and recordings, and so does a customer who loses a phone. What dashboards are told of it was the whole
-- row that is gone, which the relay could bring into the live stream after the redaction had been through there. Now it is
-- the row's keys, as the worker tells of what it deletes.
CREATE OR REPLACE FUNCTION live_outbox_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    writer    CONSTANT text := current_setting('ringback.writer', true);
    keys_only CONSTANT boolean := TG_OP = 'DELETE' AND coalesce(writer IN ('redaction', 'contacts'), false);
BEGIN
    INSERT INTO live_outbox (route, organization_id, tbl, type, record)
    SELECT live_route(r.organization_id, r.integration_id), r.organization_id, TG_TABLE_NAME, TG_OP,
           CASE WHEN keys_only
                THEN (SELECT jsonb_object_agg(k.key, k.value) FROM jsonb_each(r.record) k
                      WHERE k.key IN ('id', 'organization_id', 'integration_id', 'call_id'))
                ELSE r.record END
    FROM (SELECT (n.record ->> TG_ARGV[0])::uuid AS organization_id, (n.record ->> 'integration_id')::uuid AS integration_id,
                 n.record
          FROM (SELECT live_record(c) AS record FROM changed_rows c) n) r;
    IF FOUND AND writer IS DISTINCT FROM 'worker' THEN
        PERFORM pg_notify('ringback_outbox', '');
    END IF;
    RETURN NULL;
END $$;
