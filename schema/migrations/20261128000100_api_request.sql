-- What a request of the REST API runs on: who asks, for which organization, and from when until when. The statements are
-- schema/api/*.sql; begin.sql comes before each of them, in the same transaction.

-- The organization of this request; api_begin() sets it. Inlined into the statements, so that their indexes serve.
CREATE FUNCTION request_organization_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT current_setting('request.organization_id')::uuid
$$;

-- Checks who asks and becomes the role `authenticated` for the rest of the transaction. Called by the login role, which owns
-- the tables; nobody else may. It sets request.jwt.claims (auth.uid() reads it) and request.organization_id.
--   _claims        verified claims of the token
--   _organization  what the header X-Organization-Id names; NULL: the user's oldest membership decides
--   _needs         'member' or 'admin'
--   role           owner, admin or member; staff: of the platform, not of the organization, who may read it
CREATE FUNCTION api_begin(_claims text, _organization text, _needs text, OUT organization_id uuid, OUT role text)
LANGUAGE plpgsql AS $$
DECLARE
    claims CONSTANT jsonb := _claims::jsonb;
    me     CONSTANT uuid := public.uuid_or_null(claims ->> 'sub');
BEGIN
    IF _organization IS NULL THEN
        SELECT m.organization_id, m.role INTO organization_id, role
        FROM public.organization_members m
        WHERE m.user_id = me
        ORDER BY m.created_at, m.organization_id
        LIMIT 1;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'You are not a member of any organization' USING ERRCODE = '42501';
        END IF;
    ELSE
        SELECT m.organization_id, m.role INTO organization_id, role
        FROM public.organization_members m
        WHERE m.user_id = me AND m.organization_id = _organization::uuid;
        IF NOT FOUND THEN
            SELECT o.id, 'staff' INTO organization_id, role
            FROM public.organizations o
            WHERE o.id = _organization::uuid AND public.has_role(me, 'admin');
            IF NOT FOUND THEN
                RAISE EXCEPTION 'You are not a member of the organization that X-Organization-Id names'
                    USING ERRCODE = '42501';
            END IF;
        END IF;
    END IF;
    IF _needs = 'admin' AND role NOT IN ('owner', 'admin') THEN
        RAISE EXCEPTION 'Only owners and admins of the organization can do this' USING ERRCODE = '42501';
    END IF;
    PERFORM set_config('request.jwt.claims', _claims, true), set_config('request.organization_id', organization_id::text, true),
            set_config('role', 'authenticated', true);
END $$;
REVOKE ALL ON FUNCTION api_begin(text, text, text) FROM PUBLIC, anon, authenticated, service_role;

-- A row level security policy asks this once per table and statement. So it is written in PL/pgSQL, which keeps its plans (a
-- function in SQL that cannot be inlined plans its text at each call), and the usual case is one look into the unique
-- index. The meaning is unchanged: the organization that the transaction's request.organization_id names if the user is a
-- member of it, else the oldest membership; NULL: member of none.
CREATE OR REPLACE FUNCTION get_user_organization_id(_user_id uuid) RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    named CONSTANT text := lower(current_setting('request.organization_id', true));
    found_id uuid;
BEGIN
    IF named <> '' THEN
        SELECT m.organization_id INTO found_id
        FROM organization_members m
        WHERE m.user_id = _user_id AND m.organization_id::text = named;
        IF FOUND THEN
            RETURN found_id;
        END IF;
    END IF;
    SELECT m.organization_id INTO found_id
    FROM organization_members m
    WHERE m.user_id = _user_id
    ORDER BY m.created_at, m.organization_id
    LIMIT 1;
    RETURN found_id;
END $$;

CREATE OR REPLACE FUNCTION has_role(_user_id uuid, _role text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM user_roles r WHERE r.user_id = _user_id AND r.role = _role);
END $$;

-- Bounds of a range in time, from what a client may write: a moment, or a day ("2026-11-28"), which is the organization's
-- and counts from its beginning to its end. request_until() is the first moment that is out of the range.
CREATE FUNCTION request_zone() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT o.timezone FROM public.organizations o WHERE o.id = public.request_organization_id());
END $$;

CREATE FUNCTION request_from(_text text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF length(_text) = length('YYYY-MM-DD') THEN
        RETURN _text::date::timestamp AT TIME ZONE public.request_zone();
    END IF;
    RETURN _text::timestamptz;
END $$;

CREATE FUNCTION request_until(_text text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF length(_text) = length('YYYY-MM-DD') THEN
        RETURN (_text::date + 1)::timestamp AT TIME ZONE public.request_zone();
    END IF;
    RETURN _text::timestamptz + interval '1 microsecond';
END $$;

-- The days of a period of the analytics, the first and the last, both of them in it; in the organization's time zone.
CREATE FUNCTION request_period(_period text, _date_from text DEFAULT NULL, _date_to text DEFAULT NULL,
                               OUT first_day date, OUT last_day date)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    zone     CONSTANT text := public.request_zone();
    days_max CONSTANT integer := 1096;      -- three years
BEGIN
    IF _period <> 'custom' THEN
        last_day := (now() AT TIME ZONE zone)::date;
        first_day := last_day - CASE _period WHEN 'today' THEN 0 WHEN 'week' THEN 6 ELSE 29 END;
        RETURN;
    END IF;
    first_day := (public.request_from(_date_from) AT TIME ZONE zone)::date;
    last_day := (public.request_from(_date_to) AT TIME ZONE zone)::date;
    IF last_day < first_day THEN
        RAISE EXCEPTION 'date_to is before date_from' USING ERRCODE = '22023', HINT = 'validation', COLUMN = 'date_to';
    ELSIF last_day - first_day >= days_max THEN
        RAISE EXCEPTION 'a period has at most % days', days_max USING ERRCODE = '22023', HINT = 'validation', COLUMN = 'date_to';
    END IF;
END $$;

-- Ends a statement that would break a rule, with a sentence for people.
CREATE FUNCTION request_conflict(_sentence text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', _sentence USING ERRCODE = 'P0001', HINT = 'conflict';
END $$;

CREATE FUNCTION request_not_found(_sentence text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', _sentence USING ERRCODE = 'P0001', HINT = 'not_found';
END $$;
