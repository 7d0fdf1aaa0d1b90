-- The ledger of Supabase's CLI, so that `supabase db push` and `ringback migrate` agree on what has been applied.
CREATE SCHEMA IF NOT EXISTS supabase_migrations;
CREATE TABLE IF NOT EXISTS supabase_migrations.schema_migrations (
    version    text NOT NULL PRIMARY KEY,
    statements text[],
    name       text
);
