-- What `ringback doctor` wants to know of a server, in one row.
SELECT current_setting('server_version') AS version,
       current_setting('server_version_num')::int AS version_num,
       current_user AS role,
       current_database() AS database,
       has_database_privilege(current_database(), 'CREATE') AS may_create_schema,
       has_schema_privilege('public', 'CREATE') AS may_create_table,
       (SELECT r.rolsuper OR r.rolcreaterole FROM pg_roles r WHERE r.rolname = current_user) AS may_create_role,
       (SELECT count(*) = 3 FROM pg_roles r WHERE r.rolname IN ('anon', 'authenticated', 'service_role')) AS roles_there,
       pg_is_in_recovery() AS standby,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes,
       current_setting('server_encoding') AS encoding,
       current_setting('max_connections')::int
           - current_setting('superuser_reserved_connections')::int
           - (SELECT count(*)::int FROM pg_stat_activity a WHERE a.backend_type = 'client backend') AS connections_left,
       (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS clock_ms,
       to_regclass('supabase_migrations.schema_migrations') IS NOT NULL AS ledger_there,
       CASE WHEN to_regclass('public.commerce_orders') IS NULL THEN NULL
            ELSE has_table_privilege('public.commerce_orders', 'SELECT, INSERT, UPDATE, DELETE') END AS may_write,
       -- Whom row level security hides nothing from: superusers, BYPASSRLS, and the owner unless it is forced.
       CASE WHEN to_regclass('public.commerce_orders') IS NULL THEN NULL
            ELSE NOT row_security_active('public.commerce_orders') END AS sees_all
