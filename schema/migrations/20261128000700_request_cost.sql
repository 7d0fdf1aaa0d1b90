-- A request of the REST API costs PostgreSQL less before it reads its first row.

-- Who asks is a user's id that the API took from a token it had verified, so nothing is left to be parsed. auth.uid() looks at
-- request.jwt.claim.sub first, and is spared the JSON of the claims for each table that a statement names.
--   _user          the token's `sub`
--   _organization  what the header X-Organization-Id names; NULL: the user's oldest membership decides
--   _needs         'member' or 'admin'
--   role           owner, admin or member; staff: of the platform, not of the organization, who may read it
-- Called by the login role, which owns the tables; nobody else may. The form that takes claims stays for processes of the version
-- before, while they are being replaced.
CREATE FUNCTION api_begin(_user uuid, _organization uuid, _needs text, OUT organization_id uuid, OUT role text)
LANGUAGE plpgsql AS $$
BEGIN
    IF _organization IS NULL THEN
        SELECT m.organization_id, m.role INTO organization_id, role
        FROM public.organization_members m
        WHERE m.user_id = _user
        ORDER BY m.created_at, m.organization_id
        LIMIT 1;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'You are not a member of any organization' USING ERRCODE = '42501';
        END IF;
    ELSE
        SELECT m.organization_id, m.role INTO organization_id, role
        FROM public.organization_members m
        WHERE m.user_id = _user AND m.organization_id = _organization;
        IF NOT FOUND THEN
            SELECT o.id, 'staff' INTO organization_id, role
            FROM public.organizations o
            WHERE o.id = _organization AND public.has_role(_user, 'admin');
            IF NOT FOUND THEN
                RAISE EXCEPTION 'You are not a member of the organization that X-Organization-Id names'
                    USING ERRCODE = '42501';
            END IF;
        END IF;
    END IF;
    IF _needs = 'admin' AND role NOT IN ('owner', 'admin') THEN
        RAISE EXCEPTION 'Only owners and admins of the organization can do this' USING ERRCODE = '42501';
    END IF;
    PERFORM set_config('request.jwt.claim.sub', _user::text, true),
            set_config('request.jwt.claims', concat('{"sub":"', _user, '","role":"authenticated"}'), true),
            set_config('request.organization_id', organization_id::text, true),
            set_config('role', 'authenticated', true);
END $$;
REVOKE ALL ON FUNCTION api_begin(uuid, uuid, text) FROM PUBLIC, anon, authenticated, service_role;

-- (SELECT get_user_organization_id((SELECT auth.uid()))) is computed once per statement by its outer SELECT alone. The inner one
-- made two more plans of each table, prepared at each execution.
DO $$
DECLARE
    nested CONSTANT text := '(get_\w+_organization_id|has_role)\(\( SELECT auth\.uid\(\) AS uid\)';
    p      record;
BEGIN
    FOR p IN
        SELECT o.polname AS name, o.polrelid::regclass AS tbl,
               'USING (' || regexp_replace(pg_get_expr(o.polqual, o.polrelid), nested, '\1(auth.uid()', 'g') || ')' AS used,
               'WITH CHECK (' || regexp_replace(pg_get_expr(o.polwithcheck, o.polrelid), nested, '\1(auth.uid()', 'g') || ')' AS checked
        FROM pg_policy o JOIN pg_class c ON c.oid = o.polrelid
        WHERE c.relnamespace = 'public'::regnamespace
          AND concat(pg_get_expr(o.polqual, o.polrelid), pg_get_expr(o.polwithcheck, o.polrelid)) ~ nested
    LOOP
        EXECUTE concat_ws(' ', format('ALTER POLICY %I ON %s', p.name, p.tbl), p.used, p.checked);
    END LOOP;
END $$;
