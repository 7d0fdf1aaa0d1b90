-- What the worker's and the timer's statements (schema/worker/, schema/timer/) share: functions, and the columns
-- and indexes that only they need.

ALTER TABLE commerce_products ADD COLUMN variants_version bytea;    -- of the version that supplied the variants
ALTER TABLE commerce_tombstones ADD COLUMN row_id uuid;             -- of the row that was deleted, for subscribers
ALTER TABLE commerce_tombstones ADD COLUMN unfinished boolean NOT NULL DEFAULT false;     -- redact() has more to erase
CREATE INDEX commerce_tombstones_unfinished ON commerce_tombstones (integration_id) WHERE unfinished;
ALTER TABLE dead_letters ADD COLUMN redacted boolean NOT NULL DEFAULT false;    -- the payload was erased for ever
ALTER TABLE contacts ADD COLUMN from_customers jsonb;   -- what the customers with this phone say; NULL: none has it

CREATE INDEX commerce_integrations_domain ON commerce_integrations (lower(store_domain));
CREATE INDEX commerce_customers_phone ON commerce_customers (organization_id, phone) WHERE phone IS NOT NULL;
CREATE INDEX commerce_customers_email ON commerce_customers (integration_id, lower(email)) WHERE email IS NOT NULL;
-- Rows that came before their customer; commerce_orders has the like.
CREATE INDEX commerce_checkouts_waiting ON commerce_checkouts (integration_id, external_customer_id)
    WHERE customer_id IS NULL AND external_customer_id IS NOT NULL;
CREATE INDEX commerce_abandoned_carts_waiting ON commerce_abandoned_carts (integration_id, external_customer_id)
    WHERE customer_id IS NULL AND external_customer_id IS NOT NULL;
-- For checkouts/delete, which may name a checkout by its number only.
CREATE INDEX commerce_checkouts_number ON commerce_checkouts (integration_id, external_checkout_id)
    WHERE external_checkout_id IS NOT NULL;
-- For prune.sql: rows lie about in the order of their creation.
CREATE INDEX commerce_checkouts_created ON commerce_checkouts USING brin (created_at);

-- 1. Versions ---------------------------------------------------------------------------------------------------
-- A row is what the newest version of its thing said, but NULL never overwrites: a FILL column (handlers/rowsets.def)
-- holds the value of the greatest version that had one, in whatever order the versions came. For a column whose
-- value is older than the row, source_held remembers the version that supplied it.

-- The value of a FILL column after a version was added to a row.
CREATE FUNCTION filled(_old anyelement, _new anyelement, _held jsonb, _column text, _old_version bytea, _new_version bytea)
RETURNS anyelement LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN _new IS NULL THEN _old
                WHEN _old IS NULL THEN _new
                WHEN _new_version > coalesce(decode(_held ->> _column, 'hex'), _old_version, '') THEN _new
                ELSE _old END
$$;

-- The value of a plain column: the newest version decides, NULL included.
CREATE FUNCTION newest(_old anyelement, _new anyelement, _old_version bytea, _new_version bytea)
RETURNS anyelement LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN _new_version > coalesce(_old_version, '') THEN _new ELSE _old END
$$;

-- source_held after a version was added to a row; _had and _has say which of the FILL columns _columns were set in
-- the row and are set in the version. An older version that changes this changes the row; any other does not.
CREATE FUNCTION held_after(_held jsonb, _old_version bytea, _new_version bytea,
                           _columns text[], _had boolean[], _has boolean[])
RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    old_version CONSTANT bytea := coalesce(_old_version, '');
    result      jsonb := '{}';
BEGIN
    IF _new_version > old_version THEN
        FOR i IN 1 .. cardinality(_columns) LOOP
            IF _had[i] AND NOT _has[i] THEN
                result := result || jsonb_build_object(_columns[i],
                                        coalesce(_held ->> _columns[i], encode(old_version, 'hex')));
            END IF;
        END LOOP;
    ELSE
        result := coalesce(_held, result);
        FOR i IN 1 .. cardinality(_columns) LOOP
            IF _has[i] AND (NOT _had[i] OR _new_version > decode(_held ->> _columns[i], 'hex')) THEN
                result := result || jsonb_build_object(_columns[i], encode(_new_version, 'hex'));
            END IF;
        END LOOP;
    END IF;
    RETURN nullif(result, '{}');
END $$;

-- The same for a row `o` and a version `n` of each synced table. The lists are the FILL columns of rowsets.def.
CREATE FUNCTION customer_held(o commerce_customers, n commerce_customers) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT held_after(o.source_held, o.source_version, n.source_version,
        ARRAY['first_name', 'last_name', 'email', 'phone', 'default_address', 'tags', 'source_created_at'],
        ARRAY[o.first_name IS NOT NULL, o.last_name IS NOT NULL, o.email IS NOT NULL, o.phone IS NOT NULL,
              o.default_address IS NOT NULL, o.tags IS NOT NULL, o.source_created_at IS NOT NULL],
        ARRAY[n.first_name IS NOT NULL, n.last_name IS NOT NULL, n.email IS NOT NULL, n.phone IS NOT NULL,
              n.default_address IS NOT NULL, n.tags IS NOT NULL, n.source_created_at IS NOT NULL])
$$;

CREATE FUNCTION product_held(o commerce_products, n commerce_products) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT held_after(o.source_held, o.source_version, n.source_version,
        ARRAY['title', 'description', 'vendor', 'product_type', 'status', 'images', 'tags'],
        ARRAY[o.title IS NOT NULL, o.description IS NOT NULL, o.vendor IS NOT NULL, o.product_type IS NOT NULL,
              o.status IS NOT NULL, o.images IS NOT NULL, o.tags IS NOT NULL],
        ARRAY[n.title IS NOT NULL, n.description IS NOT NULL, n.vendor IS NOT NULL, n.product_type IS NOT NULL,
              n.status IS NOT NULL, n.images IS NOT NULL, n.tags IS NOT NULL])
$$;

CREATE FUNCTION order_held(o commerce_orders, n commerce_orders) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT held_after(o.source_held, o.source_version, n.source_version,
        ARRAY['order_number', 'external_customer_id', 'customer_name', 'customer_email', 'customer_phone',
              'total_amount', 'subtotal', 'total_tax', 'total_discounts', 'total_outstanding',
              'currency', 'presentment_currency', 'shipping_address', 'billing_address', 'notes',
              'tags', 'source_name', 'checkout_token', 'cart_token', 'order_created_at'],
        ARRAY[o.order_number IS NOT NULL, o.external_customer_id IS NOT NULL, o.customer_name IS NOT NULL,
              o.customer_email IS NOT NULL, o.customer_phone IS NOT NULL,
              o.total_amount IS NOT NULL, o.subtotal IS NOT NULL, o.total_tax IS NOT NULL,
              o.total_discounts IS NOT NULL, o.total_outstanding IS NOT NULL,
              o.currency IS NOT NULL, o.presentment_currency IS NOT NULL, o.shipping_address IS NOT NULL,
              o.billing_address IS NOT NULL, o.notes IS NOT NULL,
              o.tags IS NOT NULL, o.source_name IS NOT NULL, o.checkout_token IS NOT NULL,
              o.cart_token IS NOT NULL, o.order_created_at IS NOT NULL],
        ARRAY[n.order_number IS NOT NULL, n.external_customer_id IS NOT NULL, n.customer_name IS NOT NULL,
              n.customer_email IS NOT NULL, n.customer_phone IS NOT NULL,
              n.total_amount IS NOT NULL, n.subtotal IS NOT NULL, n.total_tax IS NOT NULL,
              n.total_discounts IS NOT NULL, n.total_outstanding IS NOT NULL,
              n.currency IS NOT NULL, n.presentment_currency IS NOT NULL, n.shipping_address IS NOT NULL,
              n.billing_address IS NOT NULL, n.notes IS NOT NULL,
              n.tags IS NOT NULL, n.source_name IS NOT NULL, n.checkout_token IS NOT NULL,
              n.cart_token IS NOT NULL, n.order_created_at IS NOT NULL])
$$;

CREATE FUNCTION checkout_held(o commerce_checkouts, n commerce_checkouts) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT held_after(o.source_held, o.source_version, n.source_version,
        ARRAY['external_checkout_id', 'cart_token', 'external_customer_id', 'customer_name', 'customer_email',
              'customer_phone', 'total_value', 'currency', 'items_count', 'items',
              'recovery_url', 'source_created_at', 'completed_at'],
        ARRAY[o.external_checkout_id IS NOT NULL, o.cart_token IS NOT NULL, o.external_customer_id IS NOT NULL,
              o.customer_name IS NOT NULL, o.customer_email IS NOT NULL,
              o.customer_phone IS NOT NULL, o.total_value IS NOT NULL, o.currency IS NOT NULL,
              o.items_count IS NOT NULL, o.items IS NOT NULL,
              o.recovery_url IS NOT NULL, o.source_created_at IS NOT NULL, o.completed_at IS NOT NULL],
        ARRAY[n.external_checkout_id IS NOT NULL, n.cart_token IS NOT NULL, n.external_customer_id IS NOT NULL,
              n.customer_name IS NOT NULL, n.customer_email IS NOT NULL,
              n.customer_phone IS NOT NULL, n.total_value IS NOT NULL, n.currency IS NOT NULL,
              n.items_count IS NOT NULL, n.items IS NOT NULL,
              n.recovery_url IS NOT NULL, n.source_created_at IS NOT NULL, n.completed_at IS NOT NULL])
$$;

-- 2. Redaction --------------------------------------------------------------------------------------------------
-- Tombstones of redactions have the kinds redacted_order, redacted_customer (external ids), redacted_email,
-- redacted_phone (personal_hash()) and redacted_shop ('').

-- What stands for an e-mail address or a phone number that must be recognised but not kept. '' is nobody.
CREATE FUNCTION personal_hash(_value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT encode(sha256(convert_to(lower(nullif(btrim(_value), '')), 'UTF8')), 'hex')
$$;

-- source_held of a redacted row: nothing is held for columns that stay NULL.
CREATE FUNCTION impersonal(_held jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT nullif(_held - '{first_name,last_name,email,phone,default_address,external_customer_id,customer_name,customer_email,customer_phone,shipping_address,billing_address,notes,recovery_url}'::text[], '{}')
$$;

-- Those of _integrations of which anything was ever redacted: hardly any, so that all other rows cost nothing.
CREATE FUNCTION redacting_integrations(_integrations uuid[]) RETURNS SETOF uuid LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT i.id FROM (SELECT DISTINCT unnest(_integrations) AS id) i
    WHERE (SELECT d.kind FROM commerce_tombstones d
           WHERE d.integration_id = i.id
             AND d.kind IN ('redacted_order', 'redacted_customer', 'redacted_email', 'redacted_phone', 'redacted_shop')
           LIMIT 1) IS NOT NULL
$$;

-- Whether a row about this buyer, made at the source at _born and changed at _changed, is covered by a redaction. What
-- came into being after it (the same person buying again) is not. A phone alone names a person only where no
-- customer is known: families share phones.
CREATE FUNCTION is_redacted(_integration uuid, _customer text, _email text, _phone text,
                            _born timestamptz, _changed timestamptz)
RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    -- One look-up by the primary key each: there may be many tombstones of other kinds.
    RETURN coalesce((SELECT coalesce(_born <= d.at, true) FROM commerce_tombstones d
                     WHERE d.integration_id = _integration AND d.kind = 'redacted_customer' AND d.external_id = _customer), false)
        OR coalesce((SELECT coalesce(_born <= d.at, true) FROM commerce_tombstones d
                     WHERE d.integration_id = _integration AND d.kind = 'redacted_email'
                       AND d.external_id = personal_hash(_email)), false)
        OR coalesce((SELECT coalesce(_born <= d.at, true) FROM commerce_tombstones d
                     WHERE d.integration_id = _integration AND d.kind = 'redacted_phone'
                       AND d.external_id = personal_hash(_phone) AND _customer IS NULL), false)
        OR coalesce((SELECT coalesce(_changed <= d.at, true) FROM commerce_tombstones d
                     WHERE d.integration_id = _integration AND d.kind = 'redacted_shop' AND d.external_id = ''), false);
END $$;

-- 3. Contacts follow customers ----------------------------------------------------------------------------------
-- A contact is there for every phone that a customer of the organization has, with the newest customer's names; what a
-- member wrote over them stays. It goes when no customer has the phone any more, unless it was there before, was
-- edited, or was called. So contacts depend on what the customers are, not on how they came to be so.
-- What is changed here belongs to no stream entry, so it is announced through live_outbox, whoever writes customers. (Only a
-- superuser could write that as SET ringback.writer of the function.)
CREATE FUNCTION contacts_follow(_organizations uuid[], _phones text[]) RETURNS void
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

CREATE FUNCTION commerce_customers_inserted() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM contacts_follow(array_agg(n.organization_id), array_agg(n.phone))
    FROM added n WHERE n.phone IS NOT NULL
    HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE FUNCTION commerce_customers_updated() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM contacts_follow(array_agg(k.organization_id), array_agg(k.phone))
    FROM ((SELECT organization_id, phone, first_name, last_name, email FROM before
           EXCEPT SELECT organization_id, phone, first_name, last_name, email FROM after)
          UNION ALL
          (SELECT organization_id, phone, first_name, last_name, email FROM after
           EXCEPT SELECT organization_id, phone, first_name, last_name, email FROM before)) k
    WHERE k.phone IS NOT NULL
    HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE FUNCTION commerce_customers_deleted() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM contacts_follow(array_agg(o.organization_id), array_agg(o.phone))
    FROM gone o WHERE o.phone IS NOT NULL
    HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER commerce_customers_contacts_insert AFTER INSERT ON commerce_customers
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION commerce_customers_inserted();
CREATE TRIGGER commerce_customers_contacts_update AFTER UPDATE ON commerce_customers
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION commerce_customers_updated();
CREATE TRIGGER commerce_customers_contacts_delete AFTER DELETE ON commerce_customers
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION commerce_customers_deleted();

-- 4. Carts ------------------------------------------------------------------------------------------------------
-- A cart's id follows from its checkout: a cart that goes (an order from before came late) and comes back is the same
-- cart, and its deletion can be announced when the row is gone.
CREATE FUNCTION cart_id(_integration uuid, _token text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT md5('cart' || _integration::text || _token)::uuid
$$;

-- Makes the carts of these checkouts what they must be at _now. The caller has locked the checkouts, in the order of
-- their keys; the snapshot taken here therefore sees whatever another writer did to them before.
--
-- A cart depends only on facts (the checkout, its activity, orders, deletions) and the clock, never on what was there:
--   purchased   the earliest matching order's order_created_at, or completed_at, whichever is first
--   abandoned   first t + _abandon_after for an activity at t with which somebody could be contacted (contact details once
--               given are kept), if nothing happened before that moment: no activity, no purchase, no deletion
-- Not abandoned, or deleted without a purchase: no cart. Else recovered, expired or abandoned.
-- due_at of the checkout becomes the next moment at which time alone changes the answer. A checkout that is older than
-- its cart was pruned and has come back (a replayed dead letter): its cart stays as it is.
CREATE FUNCTION settle_checkouts(_integrations uuid[], _tokens text[], _now timestamptz,
                                 _abandon_after interval, _expire_after interval)
RETURNS TABLE (tbl text, type text, organization_id text, record text)
LANGUAGE plpgsql SET enable_seqscan = off AS $$     -- a plan made while the tables are small outlives that
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH verdict AS MATERIALIZED (
        SELECT c.*, cart_id(c.integration_id, c.token) AS cart_id, p.order_id, f.purchased_at, a.abandoned_at,
               t.id AS cart_was, coalesce(t.source_version > c.source_version, false) AS stale,
               a.abandoned_at IS NOT NULL AND (d.deleted_at IS NULL OR f.purchased_at IS NOT NULL) AS kept,
               CASE WHEN f.purchased_at IS NOT NULL THEN 'recovered'
                    WHEN a.abandoned_at + _expire_after <= _now THEN 'expired'
                    ELSE 'abandoned' END::cart_status AS status,
               CASE WHEN a.abandoned_at IS NULL THEN a.next_due
                    WHEN f.purchased_at IS NULL AND d.deleted_at IS NULL AND a.abandoned_at + _expire_after > _now
                        THEN a.abandoned_at + _expire_after END AS next_due_at
        FROM unnest(_integrations, _tokens) k (integration_id, token)
        CROSS JOIN LATERAL (SELECT x.* FROM commerce_checkouts x
                            WHERE x.integration_id = k.integration_id AND x.token = k.token OFFSET 0) c
        LEFT JOIN LATERAL (SELECT x.id, x.source_version FROM commerce_abandoned_carts x
                           WHERE x.id = cart_id(k.integration_id, k.token) OFFSET 0) t ON true
        LEFT JOIN LATERAL (
            SELECT m.id AS order_id, m.at
            FROM (SELECT o.id, o.external_order_id, coalesce(o.order_created_at, o.source_updated_at, o.created_at) AS at
                  FROM commerce_orders o
                  WHERE o.integration_id = c.integration_id AND o.checkout_token = c.token
                  UNION ALL
                  SELECT o.id, o.external_order_id, coalesce(o.order_created_at, o.source_updated_at, o.created_at)
                  FROM commerce_orders o
                  WHERE o.integration_id = c.integration_id AND o.cart_token = c.cart_token) m
            ORDER BY m.at, m.external_order_id
            LIMIT 1) p ON true
        CROSS JOIN LATERAL (SELECT least(p.at, c.completed_at) AS purchased_at) f
        CROSS JOIN LATERAL (
            SELECT min(m.at) AS deleted_at
            FROM (SELECT coalesce(s.at, s.created_at) AS at
                  FROM commerce_tombstones s
                  WHERE s.integration_id = c.integration_id AND s.kind = 'checkout' AND s.external_id = c.token
                  UNION ALL
                  SELECT coalesce(s.at, s.created_at)
                  FROM commerce_tombstones s
                  WHERE s.integration_id = c.integration_id AND s.kind = 'checkout' AND s.external_id = c.external_checkout_id
                  UNION ALL
                  -- A cart outlives a checkout, so this one only if it was there by then.
                  SELECT coalesce(s.at, s.created_at)
                  FROM commerce_tombstones s
                  WHERE s.integration_id = c.integration_id AND s.cart_token = c.cart_token
                    AND coalesce(c.source_created_at <= coalesce(s.at, s.created_at), true)) m) d
        CROSS JOIN LATERAL (
            SELECT min(m.due) FILTER (WHERE m.due <= _now) AS abandoned_at, min(m.due) FILTER (WHERE m.due > _now) AS next_due
            FROM (SELECT x.at + _abandon_after AS due, lead(x.at) OVER w AS next_at, bool_or(x.contactable) OVER w AS contactable
                  FROM commerce_checkout_activity x
                  WHERE x.integration_id = c.integration_id AND x.token = c.token
                  WINDOW w AS (ORDER BY x.at)) m
            WHERE m.contactable
              AND coalesce(m.next_at >= m.due, true)
              AND coalesce(f.purchased_at >= m.due, true)
              AND coalesce(d.deleted_at >= m.due, true)) a
    ), scheduled AS (
        UPDATE commerce_checkouts c
        SET due_at = CASE WHEN NOT v.stale THEN v.next_due_at END
        FROM verdict v
        WHERE c.integration_id = v.integration_id AND c.token = v.token
          AND v.due_at IS DISTINCT FROM CASE WHEN NOT v.stale THEN v.next_due_at END
    ), removed AS (
        DELETE FROM commerce_abandoned_carts t
        WHERE t.id = ANY (ARRAY(SELECT v.cart_was FROM verdict v WHERE NOT v.kept AND NOT v.stale AND v.cart_was IS NOT NULL))
        RETURNING t.id, t.organization_id, t.integration_id, t.external_cart_id
    ), settled AS (
        INSERT INTO commerce_abandoned_carts AS t
            (id, organization_id, integration_id, checkout_token, external_cart_id, cart_token, source, customer_id,
             external_customer_id, customer_name, customer_email, customer_phone, total_value, currency, items_count, status,
             recovery_url, abandoned_at, recovered_at, recovered_order_id, redacted,
             source_updated_at, source_triggered_at, source_version, synced_at)
        SELECT v.cart_id, v.organization_id, v.integration_id, v.token, coalesce(v.external_checkout_id, v.token), v.cart_token,
               'shopify', v.customer_id, v.external_customer_id, v.customer_name, v.customer_email, v.customer_phone,
               v.total_value, v.currency, v.items_count, v.status, v.recovery_url, v.abandoned_at,
               v.purchased_at, v.order_id, v.redacted, v.source_updated_at, v.source_triggered_at, v.source_version, now()
        FROM verdict v
        WHERE v.kept AND NOT v.stale
        ORDER BY v.integration_id, v.token COLLATE "C"
        ON CONFLICT (integration_id, checkout_token) DO UPDATE SET
            external_cart_id = excluded.external_cart_id, cart_token = excluded.cart_token,
            customer_id = excluded.customer_id, external_customer_id = excluded.external_customer_id,
            customer_name = excluded.customer_name, customer_email = excluded.customer_email,
            customer_phone = excluded.customer_phone, total_value = excluded.total_value, currency = excluded.currency,
            items_count = excluded.items_count, status = excluded.status, recovery_url = excluded.recovery_url,
            abandoned_at = excluded.abandoned_at, recovered_at = excluded.recovered_at,
            recovered_order_id = excluded.recovered_order_id, redacted = excluded.redacted,
            source_updated_at = excluded.source_updated_at, source_triggered_at = excluded.source_triggered_at,
            source_version = excluded.source_version, synced_at = excluded.synced_at
        WHERE (t.external_cart_id, t.cart_token, t.customer_id, t.external_customer_id, t.customer_name, t.customer_email,
               t.customer_phone, t.total_value, t.currency, t.items_count, t.status, t.recovery_url, t.abandoned_at,
               t.recovered_at, t.recovered_order_id, t.redacted, t.source_version)
              IS DISTINCT FROM
              (excluded.external_cart_id, excluded.cart_token, excluded.customer_id, excluded.external_customer_id,
               excluded.customer_name, excluded.customer_email, excluded.customer_phone, excluded.total_value,
               excluded.currency, excluded.items_count, excluded.status, excluded.recovery_url, excluded.abandoned_at,
               excluded.recovered_at, excluded.recovered_order_id, excluded.redacted, excluded.source_version)
        RETURNING t.organization_id, t.xmax = 0 AS inserted, live_record(t) AS record
    ), line AS MATERIALIZED (
        SELECT v.cart_id, v.organization_id, v.integration_id, (e.n - 1)::integer AS position, p.product_id,
               (SELECT w.id FROM commerce_product_variants w
                WHERE w.product_id = p.product_id AND w.external_variant_id = e.item ->> 'variant_id') AS variant_id,
               e.item ->> 'product_id' AS external_product_id, e.item ->> 'variant_id' AS external_variant_id,
               e.item ->> 'title' AS title, e.item ->> 'variant_title' AS variant_title,
               (e.item ->> 'quantity')::integer AS quantity, (e.item ->> 'price')::numeric AS price,
               (e.item ->> 'total')::numeric AS total, e.item ->> 'image_url' AS image_url
        FROM verdict v
        CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(v.items) WHEN 'array' THEN v.items ELSE '[]' END)
            WITH ORDINALITY e (item, n)
        CROSS JOIN LATERAL (
            SELECT (SELECT x.id FROM commerce_products x
                    WHERE x.integration_id = v.integration_id AND x.external_product_id = e.item ->> 'product_id') AS product_id
            OFFSET 0) p
        WHERE v.kept AND NOT v.stale
    ), lines_gone AS (
        DELETE FROM commerce_cart_items i
        WHERE i.id = ANY (ARRAY(
            SELECT x.id
            FROM verdict v
            CROSS JOIN LATERAL (
                SELECT x.id FROM commerce_cart_items x
                WHERE x.cart_id = v.cart_id
                  AND x.position >= CASE jsonb_typeof(v.items) WHEN 'array' THEN jsonb_array_length(v.items) ELSE 0 END
                OFFSET 0) x
            WHERE v.kept AND NOT v.stale AND v.cart_was IS NOT NULL))
    ), lines_kept AS (
        INSERT INTO commerce_cart_items AS t
            (organization_id, cart_id, integration_id, position, product_id, variant_id, external_product_id,
             external_variant_id, title, variant_title, quantity, price, total, image_url)
        SELECT l.organization_id, l.cart_id, l.integration_id, l.position, l.product_id, l.variant_id, l.external_product_id,
               l.external_variant_id, l.title, l.variant_title, l.quantity, l.price, l.total, l.image_url
        FROM line l
        ON CONFLICT (cart_id, position) DO UPDATE SET
            product_id = excluded.product_id, variant_id = excluded.variant_id,
            external_product_id = excluded.external_product_id, external_variant_id = excluded.external_variant_id,
            title = excluded.title, variant_title = excluded.variant_title, quantity = excluded.quantity,
            price = excluded.price, total = excluded.total, image_url = excluded.image_url
        WHERE (t.product_id, t.variant_id, t.external_product_id, t.external_variant_id, t.title, t.variant_title,
               t.quantity, t.price, t.total, t.image_url)
              IS DISTINCT FROM
              (excluded.product_id, excluded.variant_id, excluded.external_product_id, excluded.external_variant_id,
               excluded.title, excluded.variant_title, excluded.quantity, excluded.price, excluded.total, excluded.image_url)
    )
    SELECT 'commerce_abandoned_carts', CASE WHEN s.inserted THEN 'INSERT' ELSE 'UPDATE' END, s.organization_id::text, s.record::text
    FROM settled s
    UNION ALL
    SELECT 'commerce_abandoned_carts', 'DELETE', r.organization_id::text, to_jsonb(r)::text
    FROM removed r;
END $$;

-- 5. Erasing ----------------------------------------------------------------------------------------------------
-- Entry ids of streams ("ms-seq") as numbers that sort; what is none sorts last.
CREATE FUNCTION entry_order(_entry_id text) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN _entry_id ~ '^[0-9]{1,20}-[0-9]{1,20}$'
                THEN split_part(_entry_id, '-', 1)::numeric * 18446744073709551616 + split_part(_entry_id, '-', 2)::numeric
                ELSE 'Infinity' END
$$;

-- Whether a payload speaks of one of these people or orders. Ids as whole words, phones by their last ten digits in
-- whatever notation: better one payload too many than one too few.
CREATE FUNCTION payload_mentions(_payload bytea, _ids text[], _emails text[], _phones text[])
RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    body   CONSTANT text := lower(encode(_payload, 'escape'));
    digits text;
    word   text;
BEGIN
    FOREACH word IN ARRAY _ids LOOP
        IF position(word IN body) > 0 AND EXISTS (SELECT FROM regexp_matches(body, '\m[0-9a-z_]+\M', 'g') m WHERE m[1] = word) THEN
            RETURN true;
        END IF;
    END LOOP;
    FOREACH word IN ARRAY _emails LOOP
        IF position(lower(word) IN body) > 0 THEN
            RETURN true;
        END IF;
    END LOOP;
    FOREACH word IN ARRAY _phones LOOP
        digits := coalesce(digits, regexp_replace(body, '[^0-9]', '', 'g'));
        word := right(regexp_replace(word, '[^0-9]', '', 'g'), 10);
        IF length(word) >= 7 AND position(word IN digits) > 0 THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;

-- Whether a payload that could not be stored is covered by a redaction and must not be kept: one that arrived before it, or
-- so shortly after that it may have been under way.
CREATE FUNCTION dead_letter_redacted(_domain text, _payload bytea, _received_at timestamptz)
RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    stores uuid[];
    body   text;
    hits   text[];
BEGIN
    SELECT array_agg(i.id) INTO stores FROM commerce_integrations i WHERE lower(i.store_domain) = _domain;
    IF stores IS NULL OR _payload IS NULL OR NOT EXISTS (SELECT FROM redacting_integrations(stores)) THEN
        RETURN false;
    END IF;
    body := lower(encode(_payload, 'escape'));
    SELECT array_agg(DISTINCT m.hit) INTO hits
    FROM (SELECT w[1] AS hit FROM regexp_matches(body, '\m[0-9a-z_]+\M', 'g') w
          UNION ALL
          SELECT personal_hash(w[1]) FROM regexp_matches(body, '[^\s"<>,;:]+@[^\s"<>,;:\\]+', 'g') w) m;
    RETURN EXISTS (
        SELECT FROM commerce_tombstones d
        WHERE d.integration_id = ANY (stores)
          AND coalesce(_received_at <= d.at + interval '1 day', true)
          AND ((d.kind = 'redacted_shop' AND d.external_id = '')
               OR (d.kind IN ('redacted_order', 'redacted_customer', 'redacted_email') AND d.external_id = ANY (hits))));
END $$;

-- Erases one customer ('customer': by id, e-mail or phone, whatever is given, and the listed orders) or all customers ('shop') of
-- a store from everything that is stored, as far as it was there at _at, and leaves tombstones for what comes late.
-- A store's rows are erased in portions: the first at once, the others by prune.sql while its tombstone is `unfinished`.
-- Members see the changes through live_outbox. Returns whether it is finished.
CREATE FUNCTION redact(_integration uuid, _kind text, _customer text, _email text, _organization uuid, _phone text,
                       _order_ids jsonb, _at timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    writer     CONSTANT text := current_setting('ringback.writer', true);
    shop       CONSTANT boolean := _kind = 'shop';
    portion    CONSTANT integer := CASE WHEN shop THEN 5000 END;     -- rows of each table; NULL: all
    listed     CONSTANT text[] := ARRAY(SELECT jsonb_array_elements_text(
                                     CASE jsonb_typeof(_order_ids) WHEN 'array' THEN _order_ids ELSE '[]' END));
    customers  text[] := array_remove(ARRAY[_customer], NULL);
    emails     text[] := array_remove(ARRAY[lower(_email)], NULL);
    phones     text[] := array_remove(ARRAY[_phone], NULL);
    found      record;
    n          bigint;
    most       bigint := 0;     -- rows of the table that had most
    order_rows uuid[];
    call_rows  uuid[];
BEGIN
    PERFORM set_config('ringback.writer', 'redaction', true);   -- see contacts_follow()
    -- The person: what the request says and what the customer's row knows beyond it.
    SELECT array_agg(s.id) AS ids, array_agg(s.external_customer_id) AS customers, array_agg(lower(s.email)) AS emails,
           array_agg(s.phone) AS phones, count(*) AS n
    INTO found
    FROM (SELECT c.* FROM commerce_customers c
          WHERE c.integration_id = _integration
            AND (CASE WHEN shop THEN coalesce(c.source_updated_at <= _at, true)
                                     AND num_nonnulls(c.first_name, c.last_name, c.email, c.phone, c.default_address) > 0
                      ELSE c.external_customer_id = _customer
                           OR (coalesce(c.source_created_at <= _at, true)
                               AND (lower(c.email) = lower(_email)
                                    OR (_customer IS NULL AND _email IS NULL AND c.phone = _phone))) END)
          LIMIT portion) s;
    most := greatest(most, found.n);
    phones := array_remove(phones || found.phones, NULL);
    IF NOT shop THEN
        customers := array_remove(customers || found.customers, NULL);
        emails := array_remove(emails || found.emails, NULL);
    END IF;

    INSERT INTO commerce_tombstones AS t (integration_id, kind, external_id, organization_id, at)
    SELECT DISTINCT _integration, d.kind, d.external_id, _organization, _at
    FROM (SELECT 'redacted_shop' AS kind, '' AS external_id WHERE shop
          UNION ALL SELECT 'redacted_order', unnest(listed)
          UNION ALL SELECT 'redacted_customer', unnest(customers)
          UNION ALL SELECT 'redacted_email', personal_hash(unnest(emails))
          UNION ALL SELECT 'redacted_phone', personal_hash(unnest(CASE WHEN shop THEN array_remove(ARRAY[_phone], NULL) ELSE phones END))) d
    ORDER BY 1, 2, 3
    ON CONFLICT (integration_id, kind, external_id) DO UPDATE SET at = greatest(t.at, excluded.at)
    WHERE t.at IS DISTINCT FROM greatest(t.at, excluded.at);

    UPDATE commerce_customers c
    SET first_name = NULL, last_name = NULL, email = NULL, phone = NULL, default_address = NULL, source_held = impersonal(c.source_held)
    WHERE c.id = ANY (found.ids)
      AND num_nonnulls(c.first_name, c.last_name, c.email, c.phone, c.default_address) > 0;

    -- BEFORE triggers clear the personal columns of redacted rows, now and for ever.
    SELECT coalesce(array_agg(s.id), '{}') AS ids, array_agg(s.customer_phone) AS phones, count(*) AS n INTO found
    FROM (SELECT o.id, o.customer_phone FROM commerce_orders o
          WHERE o.integration_id = _integration AND NOT o.redacted
            AND (o.external_order_id = ANY (listed)
                 OR CASE WHEN shop THEN coalesce(o.source_updated_at <= _at, true)
                         ELSE coalesce(o.order_created_at <= _at, true)
                              AND (o.external_customer_id = ANY (customers) OR lower(o.customer_email) = ANY (emails)
                                   OR (o.external_customer_id IS NULL AND o.customer_phone = ANY (phones))) END)
          LIMIT portion) s;
    most := greatest(most, found.n);
    order_rows := found.ids;
    UPDATE commerce_orders o SET redacted = true, source_held = impersonal(o.source_held) WHERE o.id = ANY (order_rows);

    UPDATE commerce_checkouts t SET redacted = true, source_held = impersonal(t.source_held)
    FROM (SELECT c.integration_id, c.token FROM commerce_checkouts c
          WHERE c.integration_id = _integration AND NOT c.redacted
            AND CASE WHEN shop THEN coalesce(c.source_updated_at <= _at, true)
                     ELSE coalesce(c.source_created_at <= _at, true)
                          AND (c.external_customer_id = ANY (customers) OR lower(c.customer_email) = ANY (emails)
                               OR (c.external_customer_id IS NULL AND c.customer_phone = ANY (phones))) END
          LIMIT portion) c
    WHERE t.integration_id = c.integration_id AND t.token = c.token;
    GET DIAGNOSTICS n = ROW_COUNT;
    most := greatest(most, n);
    UPDATE commerce_abandoned_carts t SET redacted = true
    WHERE t.id = ANY (ARRAY(
        SELECT a.id FROM commerce_abandoned_carts a
        WHERE a.integration_id = _integration AND NOT a.redacted
          AND (coalesce((SELECT c.redacted FROM commerce_checkouts c
                         WHERE c.integration_id = a.integration_id AND c.token = a.checkout_token), false)
               OR (a.abandoned_at <= _at
                   AND (shop OR a.external_customer_id = ANY (customers) OR lower(a.customer_email) = ANY (emails)
                        OR (a.external_customer_id IS NULL AND a.customer_phone = ANY (phones)))))
        LIMIT portion));
    GET DIAGNOSTICS n = ROW_COUNT;
    most := greatest(most, n);

    -- Contacts and calls of these phones, but for phones that another customer of the organization has.
    phones := ARRAY(SELECT DISTINCT p FROM unnest(phones || found.phones) p
                    WHERE p IS NOT NULL
                      AND (SELECT c.id FROM commerce_customers c
                           WHERE c.organization_id = _organization AND c.phone = p LIMIT 1) IS NULL);
    SELECT coalesce(array_agg(k.id), '{}') AS ids INTO found
    FROM contacts k
    WHERE k.organization_id = _organization
      AND (k.phone IN (SELECT unnest(phones))
           OR (lower(k.email) = ANY (emails)
               AND (SELECT c.id FROM commerce_customers c
                    WHERE c.organization_id = _organization AND c.phone = k.phone LIMIT 1) IS NULL));
    SELECT coalesce(array_agg(c.id), '{}') INTO call_rows
    FROM calls c
    WHERE c.organization_id = _organization AND coalesce(c.started_at, c.created_at) <= _at
      AND (c.contact_id IN (SELECT unnest(found.ids)) OR c.order_id IN (SELECT unnest(order_rows))
           OR c.to_number IN (SELECT unnest(phones)) OR c.from_number IN (SELECT unnest(phones)));
    UPDATE calls c
    SET from_number = NULL, to_number = NULL, summary = NULL, error_message = NULL, contact_id = NULL,
        metadata = (SELECT coalesce(jsonb_object_agg(m.key, m.value), '{}')
                    FROM jsonb_each(CASE jsonb_typeof(c.metadata) WHEN 'object' THEN c.metadata ELSE '{}' END) m
                    WHERE m.key IN ('organization_id', 'campaign_id', 'agent_id', 'attempt_id', 'order_id', 'cart_id',
                                    'payment_type', 'order_decision'))
    WHERE c.id = ANY (call_rows);
    UPDATE call_transcripts t SET content = '' WHERE t.call_id = ANY (call_rows) AND t.content <> '';
    DELETE FROM call_recordings r WHERE r.call_id = ANY (call_rows);
    DELETE FROM contacts k WHERE k.id = ANY (found.ids);

    UPDATE commerce_data_requests r SET email = NULL, phone = NULL
    WHERE r.integration_id = _integration AND num_nonnulls(r.email, r.phone) > 0
      AND (shop OR r.external_customer_id = ANY (customers) OR lower(r.email) = ANY (emails) OR r.phone = _phone);

    UPDATE dead_letters d SET payload = NULL, headers = NULL, redacted = true
    WHERE d.payload IS NOT NULL
      AND CASE WHEN d.key = (SELECT lower(i.store_domain) FROM commerce_integrations i WHERE i.id = _integration)
               THEN shop OR payload_mentions(d.payload, customers || listed, emails, array_remove(phones || _phone, NULL))
               -- Other sources; a call whose tenant is not known may be anybody's.
               ELSE NOT shop AND (d.organization_id = _organization
                                  OR (d.organization_id IS NULL AND d.source <> 'shopify'))
                    AND payload_mentions(d.payload, '{}', emails, array_remove(phones || _phone, NULL)) END;

    UPDATE commerce_tombstones d SET unfinished = most >= portion
    WHERE shop AND d.integration_id = _integration AND d.kind = 'redacted_shop' AND d.external_id = ''
      AND d.unfinished <> (most >= portion);
    PERFORM set_config('ringback.writer', coalesce(writer, ''), true);
    RETURN coalesce(most < portion, true);
END $$;

-- None of this is for clients: they would run it with their own rights, but there is no reason to let them try.
REVOKE ALL ON FUNCTION contacts_follow(uuid[], text[]), commerce_customers_inserted(), commerce_customers_updated(),
    commerce_customers_deleted(), settle_checkouts(uuid[], text[], timestamptz, interval, interval),
    redacting_integrations(uuid[]), is_redacted(uuid, text, text, text, timestamptz, timestamptz),
    dead_letter_redacted(text, bytea, timestamptz), redact(uuid, text, text, text, uuid, text, jsonb, timestamptz)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION contacts_follow(uuid[], text[]), settle_checkouts(uuid[], text[], timestamptz, interval, interval),
    redacting_integrations(uuid[]), is_redacted(uuid, text, text, text, timestamptz, timestamptz),
    dead_letter_redacted(text, bytea, timestamptz), redact(uuid, text, text, text, uuid, text, jsonb, timestamptz)
    TO service_role;
