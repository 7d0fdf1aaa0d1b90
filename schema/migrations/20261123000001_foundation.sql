-- What everything else stands on: roles, auth.uid(), enums, tenants and who belongs to them.
-- Runs on a plain PostgreSQL 15 and on a Supabase project: what Supabase brings is created only where it is absent.

-- Roles belong to the whole cluster, so another database may be migrating at the same moment.
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES ('anon', 'NOLOGIN NOINHERIT'),
                              ('authenticated', 'NOLOGIN NOINHERIT'),
                              ('service_role', 'NOLOGIN NOINHERIT BYPASSRLS')) AS r (name, options)
        WHERE NOT EXISTS (SELECT FROM pg_roles p WHERE p.rolname = r.name)
    LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.options);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
    -- The API logs in as one user and becomes one of these for the length of a transaction.
    FOR wanted IN
        SELECT r.name FROM (VALUES ('anon'), ('authenticated'), ('service_role')) AS r (name)
        WHERE NOT pg_has_role(current_user, r.name, 'MEMBER')
    LOOP
        EXECUTE format('GRANT %I TO %I', wanted.name, current_user);
    END LOOP;
END $$;

DO $$
BEGIN
    IF to_regnamespace('auth') IS NULL THEN
        CREATE SCHEMA auth;
        GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role;
    END IF;
    IF to_regprocedure('auth.uid()') IS NULL THEN
        -- As Supabase defines it: PostgREST's old setting first, then the claims as one JSON object.
        CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $f$
            SELECT coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
                            nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
        $f$;
        GRANT EXECUTE ON FUNCTION auth.uid() TO anon, authenticated, service_role;
    END IF;
END $$;

GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;

CREATE TYPE campaign_status AS ENUM ('draft', 'scheduled', 'running', 'paused', 'completed', 'cancelled');
CREATE TYPE agent_status AS ENUM ('active', 'inactive', 'draft');
CREATE TYPE agent_tone AS ENUM ('professional', 'friendly', 'casual', 'formal', 'empathetic');
CREATE TYPE call_type AS ENUM ('inbound', 'outbound', 'webcall');
CREATE TYPE call_status AS ENUM ('queued', 'ringing', 'in_progress', 'ended');
CREATE TYPE call_outcome AS ENUM ('answered', 'no_answer', 'busy', 'failed', 'voicemail');
CREATE TYPE call_sentiment AS ENUM ('positive', 'neutral', 'negative');
CREATE TYPE transcript_speaker AS ENUM ('agent', 'caller', 'system');
CREATE TYPE payment_type AS ENUM ('cod', 'prepaid', 'unknown');
CREATE TYPE trigger_ready_status AS ENUM ('ready', 'missing_phone', 'not_applicable');
CREATE TYPE order_financial_status AS ENUM ('pending', 'paid', 'refunded', 'partially_refunded', 'voided');
CREATE TYPE order_fulfillment_status AS ENUM ('unfulfilled', 'partial', 'fulfilled', 'restocked');
CREATE TYPE product_status AS ENUM ('active', 'draft', 'archived');
CREATE TYPE cart_status AS ENUM ('abandoned', 'recovered', 'expired');
CREATE TYPE commerce_source AS ENUM ('shopify', 'woocommerce', 'custom_webhook');
CREATE TYPE integration_status AS ENUM ('connected', 'disconnected', 'error', 'pending');
CREATE TYPE webhook_status AS ENUM ('active', 'failed', 'pending');

CREATE TABLE organizations (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name       text NOT NULL,
    timezone   text NOT NULL DEFAULT 'UTC',     -- IANA name; the zone of every "day" of this tenant
    currency   text,                            -- main currency (ISO 4217); NULL: the one with the most revenue
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE organizations IS
    'Tenants. Written by `ringback tenant create`; name, timezone and currency also by org admins.';

-- No foreign key on user_id: users live wherever the tokens come from.
CREATE TABLE organization_members (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id         uuid NOT NULL,
    role            text NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'admin', 'member')),
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, organization_id)
);
CREATE INDEX organization_members_organization ON organization_members (organization_id);
COMMENT ON TABLE organization_members IS
    'Who belongs to which tenant. Written by `ringback tenant create` and by org admins (owner or admin).';

CREATE TABLE user_roles (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    uuid NOT NULL,
    role       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, role)
);
COMMENT ON TABLE user_roles IS
    'The platform''s own staff: role "admin" reads every organization. Written by operators only.';

-- The organization a user acts for: the one named by the transaction's setting request.organization_id if the
-- user is a member of it, else the oldest membership. NULL: member of none.
CREATE FUNCTION get_user_organization_id(_user_id uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT m.organization_id
    FROM organization_members m
    WHERE m.user_id = _user_id
    ORDER BY coalesce(m.organization_id::text = lower(current_setting('request.organization_id', true)), false) DESC,
             m.created_at, m.organization_id
    LIMIT 1
$$;

CREATE FUNCTION has_role(_user_id uuid, _role text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM user_roles r WHERE r.user_id = _user_id AND r.role = _role)
$$;

-- The same organization as get_user_organization_id, but only for its org admins (owner or admin); else NULL.
CREATE FUNCTION get_admin_organization_id(_user_id uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT m.organization_id
    FROM organization_members m
    WHERE m.user_id = _user_id
      AND m.organization_id = get_user_organization_id(_user_id)
      AND m.role IN ('owner', 'admin')
$$;

-- The hash that assigns an event to a partition (queue/partition.h): the first four bytes, big-endian, of
-- SHA-256. The caller gives shop domains in lower case, as the C side does.
CREATE FUNCTION route_hash(_key text) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT ('x' || encode(substring(sha256(convert_to(_key, 'UTF8')) FROM 1 FOR 4), 'hex'))::bit(32)::bigint
$$;

-- "2026-11-23T..." in the tenant's zone, as a date.
CREATE FUNCTION organization_day(_organization_id uuid, _at timestamptz) RETURNS date
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (_at AT TIME ZONE (SELECT o.timezone FROM public.organizations o WHERE o.id = _organization_id))::date;
END $$;

-- Days are computed with this zone, so a name that PostgreSQL does not know must never get in; POSIX
-- specifications ("Foo5") would be accepted by AT TIME ZONE, hence the look into the list.
CREATE FUNCTION organizations_check_timezone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.timezone ~ '^(posix/|right/|posixrules$|localtime$|Factory$)'
       OR NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = NEW.timezone) THEN
        RAISE EXCEPTION 'timezone "%" is not an IANA time zone name, such as Asia/Kolkata', NEW.timezone
            USING ERRCODE = '22023', HINT = 'validation', COLUMN = 'timezone', TABLE = 'organizations';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER organizations_timezone_insert BEFORE INSERT ON organizations
    FOR EACH ROW EXECUTE FUNCTION organizations_check_timezone();
CREATE TRIGGER organizations_timezone_update BEFORE UPDATE ON organizations
    FOR EACH ROW WHEN (NEW.timezone IS DISTINCT FROM OLD.timezone)
    EXECUTE FUNCTION organizations_check_timezone();

CREATE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;
CREATE TRIGGER organizations_updated_at BEFORE UPDATE ON organizations
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER organization_members_updated_at BEFORE UPDATE ON organization_members
    FOR EACH ROW EXECUTE FUNCTION set_updated_at();
