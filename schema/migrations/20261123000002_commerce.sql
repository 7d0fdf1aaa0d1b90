-- What the shops tell us: stores, customers, products, orders, checkouts, abandoned carts.
--
-- Columns that every synced table has:
--   organization_id      the tenant, on child tables too, so that one policy fits all. A client need not name it.
--   source_updated_at, source_triggered_at    when the source says it happened, for people
--   source_version       24 bytes, ordered bytewise: the newest version decides (see handlers/rowsets.def)
--   source_held          {"column": hex version} for columns whose value an older version supplied; NULL: none
-- Texts that are indexed have a length limit: a longer one is a check violation, which isolates one bad event,
-- and not a failing index insertion.
-- Child rows carry no foreign key to organizations: their parent has it, and each key costs a look-up per row.

CREATE TABLE commerce_integrations (
    id                       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id          uuid NOT NULL DEFAULT get_user_organization_id(auth.uid())
                             REFERENCES organizations (id) ON DELETE CASCADE,
    source                   commerce_source NOT NULL DEFAULT 'shopify',
    status                   integration_status NOT NULL DEFAULT 'pending',
    store_name               text,
    store_domain             text CHECK (octet_length(store_domain) <= 255),
    external_store_id        text,
    access_token_encrypted   text,
    refresh_token_encrypted  text,
    webhook_secret_encrypted text,      -- the store's own secret, for hand-made webhooks
    access_token_expires_at  timestamptz,
    refresh_token_expires_at timestamptz,
    scopes                   jsonb NOT NULL DEFAULT '[]',   -- array of strings
    webhook_status           webhook_status NOT NULL DEFAULT 'pending',
    settings                 jsonb NOT NULL DEFAULT '{}',   -- cod_gateways, currency, country, iana_timezone, ...
    connected_at             timestamptz,                   -- an older uninstall does not count
    disconnected_at          timestamptz,
    last_sync_at             timestamptz,
    last_products_sync_at    timestamptz,
    last_orders_sync_at      timestamptz,
    source_updated_at        timestamptz,
    source_version           bytea,     -- of shop/update
    source_scopes_version    bytea,     -- of app/scopes_update
    created_at               timestamptz NOT NULL DEFAULT now(),
    updated_at               timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX commerce_integrations_store ON commerce_integrations (source, lower(store_domain))
    WHERE status <> 'disconnected';
CREATE INDEX commerce_integrations_organization ON commerce_integrations (organization_id, created_at DESC);
COMMENT ON TABLE commerce_integrations IS
    'Connected stores. Written by the connect flow and `ringback tenant connect-store`, by the worker (shop/update, '
    'app/uninstalled, app/scopes_update), and by org admins (disconnect). The *_encrypted columns: no client reads them.';

CREATE TABLE commerce_customers (
    id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id      uuid NOT NULL DEFAULT get_user_organization_id(auth.uid())
                         REFERENCES organizations (id) ON DELETE CASCADE,
    integration_id       uuid REFERENCES commerce_integrations (id) ON DELETE CASCADE,
    external_customer_id text,
    source               commerce_source NOT NULL DEFAULT 'shopify',
    first_name           text,
    last_name            text,
    email                text,
    phone                text,          -- E.164
    default_address      jsonb,
    tags                 jsonb DEFAULT '[]',
    source_created_at    timestamptz,
    source_updated_at    timestamptz,
    source_triggered_at  timestamptz,
    source_version       bytea,
    source_held          jsonb,
    synced_at            timestamptz,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    UNIQUE (integration_id, external_customer_id),
    CHECK (octet_length(external_customer_id) <= 255)
);
CREATE INDEX commerce_customers_organization ON commerce_customers (organization_id, created_at DESC);
COMMENT ON TABLE commerce_customers IS 'Customers as the shops report them. Written by the worker.';

CREATE TABLE commerce_products (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id     uuid NOT NULL DEFAULT get_user_organization_id(auth.uid())
                        REFERENCES organizations (id) ON DELETE CASCADE,
    integration_id      uuid REFERENCES commerce_integrations (id) ON DELETE CASCADE,
    external_product_id text,
    source              commerce_source NOT NULL DEFAULT 'shopify',
    title               text,
    description         text,
    vendor              text,
    product_type        text,
    status              product_status DEFAULT 'active',
    images              jsonb DEFAULT '[]',     -- array of URLs
    tags                jsonb DEFAULT '[]',     -- array of strings
    source_updated_at   timestamptz,
    source_triggered_at timestamptz,
    source_version      bytea,
    source_held         jsonb,
    synced_at           timestamptz,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    UNIQUE (integration_id, external_product_id),
    CHECK (octet_length(external_product_id) <= 255)
);
CREATE INDEX commerce_products_organization ON commerce_products (organization_id, updated_at DESC);
COMMENT ON TABLE commerce_products IS 'The shops'' catalogues. Written by the worker.';

-- Upserted by external id, so that order items keep their link when a product changes.
CREATE TABLE commerce_product_variants (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id     uuid NOT NULL DEFAULT get_user_organization_id(auth.uid()),
    product_id          uuid NOT NULL REFERENCES commerce_products (id) ON DELETE CASCADE,
    integration_id      uuid,
    external_variant_id text,
    position            integer NOT NULL DEFAULT 0,     -- 0.. in the order of the source
    title               text,
    sku                 text,
    price               numeric,
    compare_at_price    numeric,
    inventory_quantity  integer,
    requires_shipping   boolean,
    weight              numeric,
    weight_unit         text,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    UNIQUE (product_id, external_variant_id),
    CHECK (octet_length(external_variant_id) <= 255)
);
CREATE INDEX commerce_product_variants_external ON commerce_product_variants (integration_id, external_variant_id);
CREATE INDEX commerce_product_variants_organization ON commerce_product_variants (organization_id);
COMMENT ON TABLE commerce_product_variants IS 'Variants of products; follow their product. Written by the worker.';

CREATE TABLE commerce_orders (
    id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id      uuid NOT NULL DEFAULT get_user_organization_id(auth.uid())
                         REFERENCES organizations (id) ON DELETE CASCADE,
    integration_id       uuid REFERENCES commerce_integrations (id) ON DELETE CASCADE,
    external_order_id    text,
    order_number         text,
    source               commerce_source NOT NULL DEFAULT 'shopify',
    customer_id          uuid REFERENCES commerce_customers (id) ON DELETE SET NULL,
    external_customer_id text,
    customer_name        text,
    customer_email       text,
    customer_phone       text,          -- E.164
    total_amount         numeric,
    subtotal             numeric,
    total_tax            numeric,
    total_discounts      numeric,
    total_outstanding    numeric,
    currency             text,
    presentment_currency text,
    payment_type         payment_type NOT NULL DEFAULT 'unknown',
    financial_status     order_financial_status NOT NULL DEFAULT 'pending',
    fulfillment_status   order_fulfillment_status NOT NULL DEFAULT 'unfulfilled',
    trigger_ready        trigger_ready_status NOT NULL DEFAULT 'not_applicable',   -- computed, whoever writes
    shipping_address     jsonb,
    billing_address      jsonb,
    notes                text,
    tags                 jsonb DEFAULT '[]',
    test                 boolean NOT NULL DEFAULT false,
    source_name          text,
    checkout_token       text,
    cart_token           text,
    order_created_at     timestamptz,
    cancelled_at         timestamptz,
    closed_at            timestamptz,
    redacted             boolean NOT NULL DEFAULT false,    -- personal columns stay NULL for ever
    order_day            date NOT NULL DEFAULT current_date,    -- computed: tenant-local day
    source_updated_at    timestamptz,
    source_triggered_at  timestamptz,
    source_version       bytea,
    source_held          jsonb,
    synced_at            timestamptz,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    UNIQUE (integration_id, external_order_id),
    CHECK (octet_length(external_order_id) <= 255 AND octet_length(external_customer_id) <= 255
           AND octet_length(checkout_token) <= 255 AND octet_length(cart_token) <= 255)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX commerce_orders_organization ON commerce_orders (organization_id, order_created_at DESC);
CREATE INDEX commerce_orders_checkout_token ON commerce_orders (integration_id, checkout_token)
    WHERE checkout_token IS NOT NULL;
CREATE INDEX commerce_orders_cart_token ON commerce_orders (integration_id, cart_token)
    WHERE cart_token IS NOT NULL;
CREATE INDEX commerce_orders_customer ON commerce_orders (customer_id) WHERE customer_id IS NOT NULL;
-- Orders that came before their customer.
CREATE INDEX commerce_orders_waiting ON commerce_orders (integration_id, external_customer_id)
    WHERE customer_id IS NULL AND external_customer_id IS NOT NULL;
COMMENT ON TABLE commerce_orders IS
    'Orders as the shops report them. Written by the worker; order_day and trigger_ready by triggers.';

CREATE TABLE commerce_order_items (
    id                    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id       uuid NOT NULL DEFAULT get_user_organization_id(auth.uid()),
    order_id              uuid NOT NULL REFERENCES commerce_orders (id) ON DELETE CASCADE,
    integration_id        uuid,
    position              integer NOT NULL DEFAULT 0,
    product_id            uuid REFERENCES commerce_products (id) ON DELETE SET NULL,
    variant_id            uuid REFERENCES commerce_product_variants (id) ON DELETE SET NULL,
    external_line_item_id text,
    external_product_id   text,
    external_variant_id   text,
    title                 text,
    variant_title         text,
    sku                   text,
    quantity              integer DEFAULT 1,
    price                 numeric,
    total_discount        numeric,
    total                 numeric,      -- price * quantity - total_discount
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    UNIQUE (order_id, position),
    CHECK (octet_length(external_product_id) <= 255 AND octet_length(external_variant_id) <= 255)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX commerce_order_items_product ON commerce_order_items (product_id) WHERE product_id IS NOT NULL;
CREATE INDEX commerce_order_items_variant ON commerce_order_items (variant_id) WHERE variant_id IS NOT NULL;
-- Items that came before their product or variant. A query uses it by repeating the condition
-- (product_id IS NULL OR variant_id IS NULL) beside integration_id = and external_product_id = .
CREATE INDEX commerce_order_items_waiting ON commerce_order_items (integration_id, external_product_id)
    WHERE (product_id IS NULL OR variant_id IS NULL) AND external_product_id IS NOT NULL;
COMMENT ON TABLE commerce_order_items IS 'Lines of orders; follow their order. Written by the worker.';

CREATE TABLE commerce_checkouts (
    integration_id       uuid NOT NULL REFERENCES commerce_integrations (id) ON DELETE CASCADE,
    token                text NOT NULL,
    organization_id      uuid NOT NULL,
    external_checkout_id text,          -- the numeric id, once known
    cart_token           text,
    external_customer_id text,
    customer_id          uuid REFERENCES commerce_customers (id) ON DELETE SET NULL,
    customer_name        text,
    customer_email       text,
    customer_phone       text,          -- E.164
    total_value          numeric,
    currency             text,
    items_count          integer,
    items                jsonb,         -- as in handlers/rowsets.def; become commerce_cart_items on abandonment
    recovery_url         text,
    source_created_at    timestamptz,
    completed_at         timestamptz,
    due_at               timestamptz,   -- when time alone may change its state: abandoned, expired; NULL: never
    redacted             boolean NOT NULL DEFAULT false,
    source_updated_at    timestamptz,
    source_triggered_at  timestamptz,
    source_version       bytea,
    source_held          jsonb,
    synced_at            timestamptz,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (integration_id, token),
    -- What an abandoned cart could not take in must not get in here either: a timer moves it there later.
    CHECK (total_value > '-Infinity' AND total_value < 'Infinity'),
    CHECK (octet_length(token) <= 255 AND octet_length(cart_token) <= 255 AND octet_length(currency) <= 64
           AND octet_length(external_customer_id) <= 255 AND octet_length(external_checkout_id) <= 255)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX commerce_checkouts_due ON commerce_checkouts (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX commerce_checkouts_cart_token ON commerce_checkouts (integration_id, cart_token)
    WHERE cart_token IS NOT NULL;
CREATE INDEX commerce_checkouts_organization ON commerce_checkouts (organization_id, updated_at DESC);
CREATE INDEX commerce_checkouts_customer ON commerce_checkouts (customer_id) WHERE customer_id IS NOT NULL;
COMMENT ON TABLE commerce_checkouts IS
    'Every checkout heard of, open or not. Those left alone become rows of commerce_abandoned_carts. '
    'Written by the worker and its timers; tenants may read it.';

-- Every distinct moment at which a checkout changed: what abandonment is measured from, in any order of arrival.
CREATE TABLE commerce_checkout_activity (
    organization_id uuid NOT NULL,
    integration_id  uuid NOT NULL,
    token           text NOT NULL CHECK (octet_length(token) <= 255),
    at              timestamptz NOT NULL,
    contactable     boolean NOT NULL,
    PRIMARY KEY (integration_id, token, at)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX commerce_checkout_activity_at ON commerce_checkout_activity USING brin (at);
COMMENT ON TABLE commerce_checkout_activity IS
    'When checkouts changed and whether the buyer could be contacted. Written by the worker; no client sees it.';

CREATE TABLE commerce_abandoned_carts (
    id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id      uuid NOT NULL DEFAULT get_user_organization_id(auth.uid())
                         REFERENCES organizations (id) ON DELETE CASCADE,
    integration_id       uuid REFERENCES commerce_integrations (id) ON DELETE CASCADE,
    checkout_token       text NOT NULL DEFAULT gen_random_uuid()::text,     -- the key: never changes
    external_cart_id     text,          -- the checkout's numeric id when known, else its token
    cart_token           text,
    source               commerce_source NOT NULL DEFAULT 'shopify',
    customer_id          uuid REFERENCES commerce_customers (id) ON DELETE SET NULL,
    external_customer_id text,
    customer_name        text,
    customer_email       text,
    customer_phone       text,          -- E.164
    -- Finite: one NaN would spoil the revenue of its day for ever.
    total_value          numeric CHECK (total_value > '-Infinity' AND total_value < 'Infinity'),
    currency             text,
    items_count          integer,
    status               cart_status NOT NULL DEFAULT 'abandoned',
    trigger_ready        trigger_ready_status NOT NULL DEFAULT 'not_applicable',   -- computed, whoever writes
    recovery_url         text,
    abandoned_at         timestamptz NOT NULL DEFAULT now(),
    recovered_at         timestamptz,
    recovered_order_id   uuid REFERENCES commerce_orders (id) ON DELETE SET NULL,
    redacted             boolean NOT NULL DEFAULT false,
    abandoned_day        date NOT NULL DEFAULT current_date,    -- computed: tenant-local day of abandoned_at
    recovered_day        date,                              -- computed: of recovered_at, while status is recovered
    source_updated_at    timestamptz,
    source_triggered_at  timestamptz,
    source_version       bytea,
    synced_at            timestamptz,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    UNIQUE (integration_id, checkout_token),
    CHECK (octet_length(checkout_token) <= 255 AND octet_length(external_cart_id) <= 255
           AND octet_length(currency) <= 64)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX commerce_abandoned_carts_organization ON commerce_abandoned_carts (organization_id, abandoned_at DESC);
CREATE INDEX commerce_abandoned_carts_external ON commerce_abandoned_carts (integration_id, external_cart_id);
CREATE INDEX commerce_abandoned_carts_customer ON commerce_abandoned_carts (customer_id)
    WHERE customer_id IS NOT NULL;
CREATE INDEX commerce_abandoned_carts_order ON commerce_abandoned_carts (recovered_order_id)
    WHERE recovered_order_id IS NOT NULL;
COMMENT ON TABLE commerce_abandoned_carts IS
    'Checkouts that were left. Written by the worker and its timers (settle_carts); days and trigger_ready by triggers.';

CREATE TABLE commerce_cart_items (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id     uuid NOT NULL DEFAULT get_user_organization_id(auth.uid()),
    cart_id             uuid NOT NULL REFERENCES commerce_abandoned_carts (id) ON DELETE CASCADE,
    integration_id      uuid,
    position            integer NOT NULL DEFAULT 0,
    product_id          uuid REFERENCES commerce_products (id) ON DELETE SET NULL,
    variant_id          uuid REFERENCES commerce_product_variants (id) ON DELETE SET NULL,
    external_product_id text,
    external_variant_id text,
    title               text,
    variant_title       text,
    quantity            integer DEFAULT 1,
    price               numeric,
    total               numeric,
    image_url           text,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    UNIQUE (cart_id, position),
    CHECK (octet_length(external_product_id) <= 255 AND octet_length(external_variant_id) <= 255)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX commerce_cart_items_product ON commerce_cart_items (product_id) WHERE product_id IS NOT NULL;
CREATE INDEX commerce_cart_items_variant ON commerce_cart_items (variant_id) WHERE variant_id IS NOT NULL;
CREATE INDEX commerce_cart_items_waiting ON commerce_cart_items (integration_id, external_product_id)
    WHERE (product_id IS NULL OR variant_id IS NULL) AND external_product_id IS NOT NULL;
COMMENT ON TABLE commerce_cart_items IS 'Lines of abandoned carts; follow their cart. Written by the worker.';
