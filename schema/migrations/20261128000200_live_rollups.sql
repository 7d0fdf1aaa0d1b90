-- The numbers of a dashboard move by themselves, whoever wrote the facts: rollup rows go through live_outbox even when the
-- worker writes them. Its other rows it publishes itself, each by the stream that its event came from; but one rollup row is
-- written for events of all streams (a tenant's orders come by its store's, its calls by their own), and only the outbox,
-- whose ids are drawn while the row is locked, keeps the versions of such a row in the order of their commits.

-- As before, but the worker wakes its relay itself: NOTIFY takes a lock that makes all commits of the database wait for each other.
CREATE OR REPLACE FUNCTION live_outbox_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    INSERT INTO live_outbox (route, organization_id, tbl, type, record)
    SELECT live_route(r.organization_id, r.integration_id), r.organization_id, TG_TABLE_NAME, TG_OP, r.record
    FROM (SELECT (n.record ->> TG_ARGV[0])::uuid AS organization_id, (n.record ->> 'integration_id')::uuid AS integration_id,
                 n.record
          FROM (SELECT live_record(c) AS record FROM changed_rows c) n) r;
    IF FOUND AND current_setting('ringback.writer', true) IS DISTINCT FROM 'worker' THEN
        PERFORM pg_notify('ringback_outbox', '');
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE
    tbl   text;
    event record;
BEGIN
    FOREACH tbl IN ARRAY ARRAY['analytics_call_daily', 'analytics_outcome_daily', 'analytics_revenue_daily'] LOOP
        FOR event IN SELECT * FROM (VALUES ('insert', 'NEW'), ('update', 'NEW'), ('delete', 'OLD')) AS e (name, transition)
        LOOP
            EXECUTE format('DROP TRIGGER %I ON %I', tbl || '_live_' || event.name, tbl);
            EXECUTE format('CREATE TRIGGER %I AFTER %s ON %I REFERENCING %s TABLE AS changed_rows FOR EACH STATEMENT '
                           'EXECUTE FUNCTION live_outbox_changed(''organization_id'')',
                           tbl || '_live_' || event.name, event.name, tbl, event.transition);
        END LOOP;
    END LOOP;
END $$;
