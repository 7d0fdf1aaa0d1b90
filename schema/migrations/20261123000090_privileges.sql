-- Functions that run with their owner's rights are the service's. Clients call the four that policies need; trigger
-- functions need no right to fire. A later migration that adds such a function takes the right away itself, which
-- tests/schema/rls.sql sees to.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef AND p.proowner = current_user::regrole
          AND p.proname NOT IN ('get_user_organization_id', 'get_admin_organization_id', 'get_owner_organization_id', 'has_role')
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, anon, authenticated', f);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO service_role', f);
    END LOOP;
END $$;
