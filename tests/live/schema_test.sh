#!/usr/bin/env bash
# The migrations make a store in which every test of tests/schema holds: on a plain PostgreSQL, and on a database
# as Supabase hands it out (its roles, its auth schema, its generous default privileges, a migrating user that is no superuser).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
plain=${RINGBACK_TEST_DATABASE_URL:?run me through tests/live/with_servers}
ringback=${RINGBACK:?the binary to test}
failed=0

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    failed=1
}

# sql URL [ARGUMENT...]: psql that stops at the first error.
sql() {
    local url=$1
    shift
    PGOPTIONS=--client-min-messages=warning psql -XqAt -v ON_ERROR_STOP=1 -d "$url" "$@"
}

migrate() { RINGBACK_DATABASE_URL=$1 "$ringback" migrate; }

run_tests() { # run_tests NAME URL
    local file
    for file in "$here"/../schema/*.sql; do
        if sql "$2" -f "$file" >/dev/null; then
            printf 'ok   %s: %s\n' "$1" "$(basename "$file")"
        else
            fail "$1: $(basename "$file")"
        fi
    done
}

migrate "$plain"
migrations=$(find "$here/../../schema/migrations" -name '*.sql' | wc -l)
recorded() { sql "$1" -c 'SELECT count(*) FROM supabase_migrations.schema_migrations'; }
[ "$(recorded "$plain")" = "$migrations" ] || fail "the ledger has $(recorded "$plain") of $migrations migrations"
migrate "$plain" # again: nothing to do
[ "$(recorded "$plain")" = "$migrations" ] || fail "migrating twice changed the ledger"
run_tests plain "$plain"

# The roles are there by now, as they are in a Supabase project.
database=$(sql "$plain" -c 'SELECT current_database()')
supabase=${plain/"/$database"/"/${database}_supabase"}
sql "$plain" <<SQL
CREATE ROLE supabase_like LOGIN NOSUPERUSER CREATEROLE CREATEDB BYPASSRLS;
GRANT anon, authenticated, service_role TO supabase_like;
CREATE ROLE supabase_auth_like NOLOGIN;
CREATE DATABASE ${database}_supabase OWNER supabase_like;
SQL
sql "$supabase" <<'SQL'
CREATE SCHEMA auth AUTHORIZATION supabase_auth_like;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role, supabase_like;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
    select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
                    (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))::uuid
$$;
COMMENT ON FUNCTION auth.uid() IS 'not ours';
ALTER FUNCTION auth.uid() OWNER TO supabase_auth_like;
CREATE TABLE auth.users (id uuid PRIMARY KEY);
ALTER DEFAULT PRIVILEGES FOR ROLE supabase_like IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE supabase_like IN SCHEMA public GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE supabase_like IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
SQL
migrate "${supabase/user=postgres/user=supabase_like}"
[ "$(sql "$supabase" -c "SELECT obj_description('auth.uid()'::regprocedure)")" = 'not ours' ] || fail "auth.uid() was replaced"
[ "$(sql "$supabase" -c "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace
                         AND relowner <> 'supabase_like'::regrole")" = 0 ] || fail "not migrated as the project's user"
run_tests supabase "$supabase"

exit $failed
