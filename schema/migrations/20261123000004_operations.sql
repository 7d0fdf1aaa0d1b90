-- What the service keeps for itself: dead letters, tombstones, data requests, and updates on their way out.

CREATE TABLE dead_letters (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source           text,              -- shopify, retell, ...
    topic            text,
    key              text,              -- shop domain or external call id
    organization_id  uuid,              -- NULL: not known
    reason           text NOT NULL,     -- a word, such as unknown_shop
    detail           text,              -- a sentence
    sqlstate         text,
    payload          bytea,
    headers          jsonb,
    entry_id         text,              -- of the stream entry that failed last
    partition        integer,
    attempts         integer NOT NULL DEFAULT 1,
    envelope_version integer,
    app_version      text,
    digest           bytea,             -- of the payload
    received_at      timestamptz,       -- by the gateway
    first_seen_at    timestamptz NOT NULL DEFAULT now(),
    last_seen_at     timestamptz NOT NULL DEFAULT now(),
    replayed_at      timestamptz,       -- `ringback dlq replay` sent it again; a new failure clears this
    -- The same event that fails again is the same letter: ON CONFLICT (identity).
    identity         text NOT NULL UNIQUE GENERATED ALWAYS AS (
                         md5(coalesce(source, '') || E'\n' || coalesce(topic, '') || E'\n' || coalesce(key, '') || E'\n'
                             || coalesce(encode(digest, 'hex'), entry_id, ''))) STORED
);
CREATE INDEX dead_letters_organization ON dead_letters (organization_id, last_seen_at DESC);
CREATE INDEX dead_letters_last_seen ON dead_letters (last_seen_at);
COMMENT ON TABLE dead_letters IS
    'Events that could not become rows, with the reason. Written by the worker and `ringback dlq`; org admins may read theirs.';

-- Which deletions and redactions no later event may undo. external_id is the source's id of the kind; whoever
-- stores something personal there (an e-mail, a phone) stores its SHA-256 in hex instead.
CREATE TABLE commerce_tombstones (
    integration_id  uuid NOT NULL REFERENCES commerce_integrations (id) ON DELETE CASCADE,
    kind            text NOT NULL CHECK (kind <> ''),
    external_id     text NOT NULL CHECK (octet_length(external_id) <= 255),
    organization_id uuid NOT NULL,
    cart_token      text CHECK (octet_length(cart_token) <= 255),   -- checkouts only
    at              timestamptz,        -- when it happened at the source
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (integration_id, kind, external_id)
);
CREATE INDEX commerce_tombstones_cart_token ON commerce_tombstones (integration_id, cart_token)
    WHERE cart_token IS NOT NULL;
CREATE INDEX commerce_tombstones_created ON commerce_tombstones (created_at);
COMMENT ON TABLE commerce_tombstones IS
    'What was deleted or redacted at the source. Written by the worker; every upsert looks here; no client sees it.';

CREATE TABLE commerce_data_requests (
    id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id      uuid NOT NULL,
    integration_id       uuid NOT NULL REFERENCES commerce_integrations (id) ON DELETE CASCADE,
    external_request_id  text NOT NULL CHECK (octet_length(external_request_id) <= 255),
    external_customer_id text,
    email                text,
    phone                text,
    order_ids            jsonb NOT NULL DEFAULT '[]',   -- external order ids as strings
    requested_at         timestamptz,
    answered_at          timestamptz,   -- set by the org admin who answered
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    UNIQUE (integration_id, external_request_id)
);
CREATE INDEX commerce_data_requests_organization ON commerce_data_requests (organization_id, created_at DESC);
COMMENT ON TABLE commerce_data_requests IS
    'customers/data_request, for the merchant to answer. Written by the worker; org admins read it and set answered_at.';

CREATE TABLE live_outbox (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    route           bigint NOT NULL,    -- route mod partitions = the live stream it goes to
    organization_id uuid NOT NULL,
    tbl             text NOT NULL,
    type            text NOT NULL CHECK (type IN ('INSERT', 'UPDATE', 'DELETE')),
    record          jsonb NOT NULL,     -- without hidden columns: live_record()
    committed_at    timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE live_outbox IS
    'Live updates of writers other than the worker, on their way to Redis. Written by triggers, emptied by the worker''s relay.';

-- Rollups. Rows whose counters are all zero may stay.
CREATE TABLE analytics_call_daily (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    day              date NOT NULL,
    campaign_id      uuid,
    agent_id         uuid,
    total_calls      bigint NOT NULL DEFAULT 0,
    answered         bigint NOT NULL DEFAULT 0,
    no_answer        bigint NOT NULL DEFAULT 0,
    busy             bigint NOT NULL DEFAULT 0,
    failed           bigint NOT NULL DEFAULT 0,
    voicemail        bigint NOT NULL DEFAULT 0,
    positive         bigint NOT NULL DEFAULT 0,
    neutral          bigint NOT NULL DEFAULT 0,
    negative         bigint NOT NULL DEFAULT 0,
    duration_seconds bigint NOT NULL DEFAULT 0,
    UNIQUE NULLS NOT DISTINCT (organization_id, day, campaign_id, agent_id)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);
COMMENT ON TABLE analytics_call_daily IS
    'Calls per tenant-local day, campaign and agent. Written by rollup_apply() only, in the transaction of the facts.';

CREATE TABLE analytics_outcome_daily (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    day             date NOT NULL,
    carts_abandoned bigint NOT NULL DEFAULT 0,
    carts_recovered bigint NOT NULL DEFAULT 0,
    cod_confirmed   bigint NOT NULL DEFAULT 0,
    rto_prevented   bigint NOT NULL DEFAULT 0,
    orders          bigint NOT NULL DEFAULT 0,
    cod_orders      bigint NOT NULL DEFAULT 0,
    UNIQUE (organization_id, day)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);
COMMENT ON TABLE analytics_outcome_daily IS
    'Business outcomes per tenant-local day. Written by rollup_apply() only, in the transaction of the facts.';

CREATE TABLE analytics_revenue_daily (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id   uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    day               date NOT NULL,
    currency          text NOT NULL,    -- ISO 4217; XXX: the cart named none
    revenue_recovered numeric NOT NULL DEFAULT 0,
    UNIQUE (organization_id, day, currency)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);
COMMENT ON TABLE analytics_revenue_daily IS
    'Value of recovered carts per tenant-local day and currency. Written by rollup_apply() only, in the transaction of the facts.';

-- Tables that are written too often, or too late, for a foreign key: what a removed store or tenant left in them.
CREATE FUNCTION forget_removed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'commerce_integrations' THEN
        DELETE FROM commerce_checkout_activity WHERE integration_id IN (SELECT id FROM removed);
    ELSE
        DELETE FROM dead_letters WHERE organization_id IN (SELECT id FROM removed);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER commerce_integrations_forget AFTER DELETE ON commerce_integrations
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION forget_removed();
CREATE TRIGGER organizations_forget AFTER DELETE ON organizations
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION forget_removed();
