-- shop/update, app/uninstalled, app/scopes_update. $1..$7 rowset shop_changes.
-- Each kind moves forward by a version of its own; an uninstall from before the store was connected (again) does not count.
-- Uninstalling forgets the store's tokens and secret; its data stays until shop/redact.
-- Answers (tbl, type, organization_id, record) for stores that really changed.
WITH change AS MATERIALIZED (   -- one row per store: it is updated once
    SELECT s.integration_id,
           max(s.name) FILTER (WHERE s.kind = 'update') AS name,
           max(s.external_store_id) FILTER (WHERE s.kind = 'update') AS external_store_id,
           (array_agg(s.settings) FILTER (WHERE s.kind = 'update'))[1] AS settings,
           max(s.source_updated_at) FILTER (WHERE s.kind = 'update') AS updated_at,
           (array_agg(s.source_version) FILTER (WHERE s.kind = 'update'))[1] AS version,
           (array_agg(s.settings -> 'scopes') FILTER (WHERE s.kind = 'scopes'))[1] AS scopes,
           (array_agg(s.source_version) FILTER (WHERE s.kind = 'scopes'))[1] AS scopes_version,
           max(s.source_updated_at) FILTER (WHERE s.kind = 'uninstalled') AS uninstalled_at
    FROM (SELECT DISTINCT ON (c.integration_id, c.kind) c.*
          FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::timestamptz[], $7::bytea[])
              c (integration_id, kind, name, external_store_id, settings, source_updated_at, source_version)
          ORDER BY c.integration_id, c.kind, c.source_version DESC) s
    GROUP BY s.integration_id
), verdict AS MATERIALIZED (
    SELECT c.*, coalesce(c.version > coalesce(t.source_version, ''), false) AS updated,
           coalesce(c.scopes_version > coalesce(t.source_scopes_version, ''), false) AS rescoped,
           coalesce(c.uninstalled_at >= coalesce(t.connected_at, '-infinity'), false) AND t.status <> 'disconnected' AS uninstalled
    FROM change c
    JOIN commerce_integrations t ON t.id = c.integration_id
    ORDER BY c.integration_id
    FOR UPDATE OF t
), changed AS (
    UPDATE commerce_integrations t SET
        store_name = CASE WHEN v.updated THEN coalesce(v.name, t.store_name) ELSE t.store_name END,
        external_store_id = CASE WHEN v.updated THEN coalesce(v.external_store_id, t.external_store_id) ELSE t.external_store_id END,
        settings = CASE WHEN v.updated THEN t.settings || jsonb_strip_nulls(coalesce(v.settings, '{}')) ELSE t.settings END,
        source_updated_at = CASE WHEN v.updated THEN v.updated_at ELSE t.source_updated_at END,
        source_version = CASE WHEN v.updated THEN v.version ELSE t.source_version END,
        scopes = CASE WHEN v.rescoped THEN coalesce(v.scopes, t.scopes) ELSE t.scopes END,
        source_scopes_version = CASE WHEN v.rescoped THEN v.scopes_version ELSE t.source_scopes_version END,
        status = CASE WHEN v.uninstalled THEN 'disconnected' ELSE t.status END,
        disconnected_at = CASE WHEN v.uninstalled THEN v.uninstalled_at ELSE t.disconnected_at END,
        access_token_encrypted = CASE WHEN NOT v.uninstalled THEN t.access_token_encrypted END,
        refresh_token_encrypted = CASE WHEN NOT v.uninstalled THEN t.refresh_token_encrypted END,
        webhook_secret_encrypted = CASE WHEN NOT v.uninstalled THEN t.webhook_secret_encrypted END,
        access_token_expires_at = CASE WHEN NOT v.uninstalled THEN t.access_token_expires_at END,
        refresh_token_expires_at = CASE WHEN NOT v.uninstalled THEN t.refresh_token_expires_at END
    FROM verdict v
    WHERE t.id = v.integration_id AND (v.updated OR v.rescoped OR v.uninstalled)
    RETURNING t.organization_id, live_record(t) AS record
)
SELECT 'commerce_integrations' AS tbl, 'UPDATE' AS type, c.organization_id::text AS organization_id, c.record::text AS record
FROM changed c
