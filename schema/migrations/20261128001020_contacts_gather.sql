-- A new customer cannot take a contact away: its trigger no longer looks for contacts that have lost their last customer, a third of what a new
-- customer cost PostgreSQL in a batch of one.

-- The contacts of these phones as their customers say. What is changed here belongs to no stream entry, so it is announced through
-- live_outbox, whoever writes customers. (Only a superuser could write that as SET ringback.writer of the function.)
CREATE FUNCTION contacts_gather(_organizations uuid[], _phones text[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$     -- a plan made while the tables are small outlives that
DECLARE
    writer CONSTANT text := current_setting('ringback.writer', true);
BEGIN
    PERFORM set_config('ringback.writer', 'contacts', true);
    PERFORM FROM (SELECT DISTINCT * FROM unnest(_organizations, _phones) k (organization_id, phone)
                  ORDER BY organization_id, phone) k
    CROSS JOIN LATERAL (SELECT FROM public.contacts t
                        WHERE t.organization_id = k.organization_id AND t.phone = k.phone FOR UPDATE) t;

    INSERT INTO public.contacts AS t (organization_id, phone, first_name, last_name, email, from_customers)
    SELECT k.organization_id, k.phone, v.first_name, v.last_name, v.email,
           jsonb_strip_nulls(jsonb_build_object('first_name', v.first_name, 'last_name', v.last_name, 'email', v.email,
                                                'made', true))
    FROM (SELECT DISTINCT * FROM unnest(_organizations, _phones) k (organization_id, phone)) k
    CROSS JOIN LATERAL (
        SELECT count(*) AS n,
               (array_agg(c.first_name ORDER BY c.source_version DESC NULLS LAST, c.id)
                    FILTER (WHERE c.first_name IS NOT NULL))[1] AS first_name,
               (array_agg(c.last_name ORDER BY c.source_version DESC NULLS LAST, c.id)
                    FILTER (WHERE c.last_name IS NOT NULL))[1] AS last_name,
               (array_agg(c.email ORDER BY c.source_version DESC NULLS LAST, c.id)
                    FILTER (WHERE c.email IS NOT NULL))[1] AS email
        FROM public.commerce_customers c
        WHERE c.organization_id = k.organization_id AND c.phone = k.phone) v
    WHERE v.n > 0
      AND EXISTS (SELECT FROM public.organizations o WHERE o.id = k.organization_id)    -- else it is just being removed
    ORDER BY k.organization_id, k.phone
    ON CONFLICT (organization_id, phone) DO UPDATE SET
        first_name = CASE WHEN t.first_name IS NULL OR t.first_name = t.from_customers ->> 'first_name'
                          THEN excluded.first_name ELSE t.first_name END,
        last_name = CASE WHEN t.last_name IS NULL OR t.last_name = t.from_customers ->> 'last_name'
                         THEN excluded.last_name ELSE t.last_name END,
        email = CASE WHEN t.email IS NULL OR t.email = t.from_customers ->> 'email'
                     THEN excluded.email ELSE t.email END,
        from_customers = CASE WHEN t.from_customers ? 'made' THEN excluded.from_customers
                              ELSE excluded.from_customers - 'made' END
    WHERE t.from_customers - 'made' IS DISTINCT FROM excluded.from_customers - 'made';
    PERFORM set_config('ringback.writer', coalesce(writer, ''), true);
END $$;

-- The same, and those go that no customer has any more (20261123000020_worker_functions.sql).
CREATE OR REPLACE FUNCTION contacts_follow(_organizations uuid[], _phones text[]) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    writer CONSTANT text := current_setting('ringback.writer', true);
BEGIN
    PERFORM public.contacts_gather(_organizations, _phones);
    PERFORM set_config('ringback.writer', 'contacts', true);
    DELETE FROM public.contacts t
    WHERE t.id = ANY (ARRAY(
        SELECT x.id
        FROM (SELECT DISTINCT * FROM unnest(_organizations, _phones) k (organization_id, phone)) k
        CROSS JOIN LATERAL (
            SELECT x.id FROM public.contacts x
            WHERE x.organization_id = k.organization_id AND x.phone = k.phone
              AND x.from_customers ? 'made'
              AND (x.first_name, x.last_name, x.email) IS NOT DISTINCT FROM
                  (x.from_customers ->> 'first_name', x.from_customers ->> 'last_name', x.from_customers ->> 'email')
            OFFSET 0) x
        WHERE (SELECT c.id FROM public.commerce_customers c
               WHERE c.organization_id = k.organization_id AND c.phone = k.phone LIMIT 1) IS NULL
          AND (SELECT c.id FROM public.calls c WHERE c.contact_id = x.id LIMIT 1) IS NULL));
    PERFORM set_config('ringback.writer', coalesce(writer, ''), true);
END $$;

CREATE OR REPLACE FUNCTION commerce_customers_inserted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM added) THEN
        RETURN NULL;
    END IF;
    PERFORM contacts_gather(array_agg(n.organization_id), array_agg(n.phone))
    FROM added n WHERE n.phone IS NOT NULL
    HAVING count(*) > 0;
    RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION contacts_gather(uuid[], text[]) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION contacts_gather(uuid[], text[]) TO service_role;
