-- Rules about state, held in the database whoever writes. A broken rule is SQLSTATE P0001 with a sentence that a
-- person understands and HINT = 'conflict' (or 'not_found'), from which the API makes its answer; a lack of rights is 42501.
-- These functions run with the writer's rights, so current_user tells a client role from the service.

CREATE FUNCTION is_client_role() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT current_user IN ('anon', 'authenticated')
$$;

-- Members may only switch between running and paused. The service moves a campaign through its whole life,
-- of which completed and cancelled are the end.
CREATE FUNCTION campaigns_check() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    client  CONSTANT boolean := public.is_client_role();
    allowed public.campaign_status[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF client AND NEW.status <> 'draft' THEN
            RAISE EXCEPTION 'A new campaign is a draft; it cannot be created as %', NEW.status
                USING ERRCODE = 'P0001', HINT = 'conflict';
        END IF;
        IF NEW.status = 'running' THEN
            NEW.started_at := coalesce(NEW.started_at, now());
        END IF;
        RETURN NEW;
    END IF;

    IF NEW.organization_id <> OLD.organization_id THEN
        RAISE EXCEPTION 'A campaign cannot move to another organization' USING ERRCODE = 'P0001', HINT = 'conflict';
    END IF;
    NEW.started_at := CASE WHEN client THEN OLD.started_at ELSE coalesce(OLD.started_at, NEW.started_at) END;
    IF client THEN
        NEW.completed_at := OLD.completed_at;
    END IF;
    IF NEW.status <> OLD.status THEN
        allowed := CASE OLD.status
            WHEN 'running' THEN CASE WHEN client THEN '{paused}' ELSE '{paused,completed,cancelled}' END
            WHEN 'paused' THEN CASE WHEN client THEN '{running}' ELSE '{scheduled,running,completed,cancelled}' END
            WHEN 'draft' THEN CASE WHEN client THEN '{}' ELSE '{scheduled,running,paused,cancelled}' END
            WHEN 'scheduled' THEN CASE WHEN client THEN '{}' ELSE '{draft,running,paused,cancelled}' END
            ELSE '{}'
        END;
        IF NEW.status <> ALL (allowed) THEN
            RAISE EXCEPTION 'A campaign that is % cannot become %', OLD.status, NEW.status
                USING ERRCODE = 'P0001', HINT = 'conflict',
                      DETAIL = CASE WHEN client THEN 'Only running and paused campaigns can be switched on and off.'
                                    WHEN allowed = '{}' THEN 'Completed and cancelled are final.'
                                    ELSE 'It can become ' || array_to_string(allowed, ', ') || '.' END;
        END IF;
        IF NEW.status = 'running' THEN
            NEW.started_at := coalesce(NEW.started_at, now());
        ELSIF NEW.status = 'completed' THEN
            NEW.completed_at := coalesce(NEW.completed_at, now());
        END IF;
    END IF;
    IF NEW.status = 'running' AND NEW.deleted_at IS NOT NULL THEN
        RAISE EXCEPTION 'A running campaign cannot be deleted; pause it first' USING ERRCODE = 'P0001', HINT = 'conflict';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER campaigns_check BEFORE INSERT OR UPDATE ON campaigns
    FOR EACH ROW EXECUTE FUNCTION campaigns_check();

-- An agent stays active while a running campaign needs it, and exists while any campaign names it. Deleting one, and
-- bringing it back, is for org admins. The row is locked before this runs, and campaign_agents_check() locks it
-- too: no link can slip in between.
CREATE FUNCTION agents_check() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    campaign text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.organization_id <> OLD.organization_id THEN
            RAISE EXCEPTION 'An agent cannot move to another organization' USING ERRCODE = 'P0001', HINT = 'conflict';
        END IF;
        IF OLD.status = 'active' AND NEW.status <> 'active' THEN
            SELECT c.name INTO campaign
            FROM public.campaign_agents l JOIN public.campaigns c ON c.id = l.campaign_id
            WHERE l.agent_id = OLD.id AND c.status = 'running'
            ORDER BY c.name LIMIT 1;
            IF FOUND THEN
                RAISE EXCEPTION 'Agent "%" cannot be deactivated while the campaign "%" is running', OLD.name, campaign
                    USING ERRCODE = 'P0001', HINT = 'conflict';
            END IF;
        END IF;
        IF NEW.deleted_at IS NOT DISTINCT FROM OLD.deleted_at THEN
            RETURN NEW;
        END IF;
        IF public.is_client_role()
           AND NEW.organization_id IS DISTINCT FROM public.get_admin_organization_id(auth.uid()) THEN
            RAISE EXCEPTION 'Only admins of the organization can delete agents' USING ERRCODE = '42501';
        END IF;
        IF NEW.deleted_at IS NULL THEN
            RETURN NEW;
        END IF;
    ELSIF NOT EXISTS (SELECT FROM public.organizations o WHERE o.id = OLD.organization_id) THEN
        RETURN OLD;     -- the whole tenant is being removed
    END IF;

    SELECT c.name INTO campaign
    FROM public.campaign_agents l JOIN public.campaigns c ON c.id = l.campaign_id
    WHERE l.agent_id = OLD.id
    ORDER BY c.name LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Agent "%" cannot be deleted while it is linked to the campaign "%"; remove the link first',
            OLD.name, campaign USING ERRCODE = 'P0001', HINT = 'conflict';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER agents_check BEFORE UPDATE OR DELETE ON agents FOR EACH ROW EXECUTE FUNCTION agents_check();

-- A link joins a campaign and a living agent of one organization, which is the link's own. One primary per
-- campaign is the unique index campaign_agents_primary.
CREATE FUNCTION campaign_agents_check() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    campaign_organization uuid;
    agent_organization    uuid;
    agent_deleted_at      timestamptz;
BEGIN
    SELECT c.organization_id INTO campaign_organization FROM public.campaigns c WHERE c.id = NEW.campaign_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'There is no such campaign' USING ERRCODE = 'P0001', HINT = 'not_found';
    END IF;
    SELECT a.organization_id, a.deleted_at INTO agent_organization, agent_deleted_at
    FROM public.agents a WHERE a.id = NEW.agent_id FOR SHARE;
    IF NOT FOUND OR agent_deleted_at IS NOT NULL OR agent_organization <> campaign_organization THEN
        RAISE EXCEPTION 'There is no such agent in the campaign''s organization' USING ERRCODE = 'P0001', HINT = 'not_found';
    END IF;
    NEW.organization_id := coalesce(NEW.organization_id, campaign_organization);
    IF NEW.organization_id <> campaign_organization THEN
        RAISE EXCEPTION 'There is no such campaign in the organization' USING ERRCODE = 'P0001', HINT = 'not_found';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER campaign_agents_check BEFORE INSERT OR UPDATE ON campaign_agents
    FOR EACH ROW EXECUTE FUNCTION campaign_agents_check();

-- A store's state. Whoever disconnects it, its tokens are forgotten. Org admins may disconnect and may erase
-- secrets; everything else about a connection is the connect flow's.
CREATE FUNCTION commerce_integrations_check() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    previous public.integration_status;     -- NULL: a new row
BEGIN
    NEW.store_domain := lower(btrim(NEW.store_domain));
    IF TG_OP = 'UPDATE' THEN
        previous := OLD.status;
    END IF;
    IF public.is_client_role() THEN
        IF NEW.status IS DISTINCT FROM coalesce(previous, 'pending')
           AND (previous IS NULL OR NEW.status <> 'disconnected') THEN
            RAISE EXCEPTION 'A store becomes % by the connect flow only', NEW.status
                USING ERRCODE = 'P0001', HINT = 'conflict';
        END IF;
        IF TG_OP = 'UPDATE'
           AND (NEW.access_token_encrypted <> coalesce(OLD.access_token_encrypted, '')
                OR NEW.refresh_token_encrypted <> coalesce(OLD.refresh_token_encrypted, '')
                OR NEW.webhook_secret_encrypted <> coalesce(OLD.webhook_secret_encrypted, '')) THEN
            RAISE EXCEPTION 'Secrets of a store can be erased but not set' USING ERRCODE = '42501';
        END IF;
    END IF;
    IF NEW.status IS DISTINCT FROM previous THEN
        IF NEW.status = 'connected' THEN
            NEW.connected_at := CASE WHEN TG_OP = 'UPDATE' AND NEW.connected_at IS NOT DISTINCT FROM OLD.connected_at
                                     THEN now() ELSE coalesce(NEW.connected_at, now()) END;
            NEW.disconnected_at := NULL;
        ELSIF NEW.status = 'disconnected' THEN
            NEW.disconnected_at := now();
        END IF;
    END IF;
    IF NEW.status = 'disconnected' THEN
        NEW.access_token_encrypted := NULL;
        NEW.refresh_token_encrypted := NULL;
        NEW.access_token_expires_at := NULL;
        NEW.refresh_token_expires_at := NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER commerce_integrations_check BEFORE INSERT OR UPDATE ON commerce_integrations
    FOR EACH ROW EXECUTE FUNCTION commerce_integrations_check();
