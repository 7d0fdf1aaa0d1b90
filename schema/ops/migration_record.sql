INSERT INTO supabase_migrations.schema_migrations (version, name) VALUES ($1, $2)
