-- Campaigns, agents, and the calls they make.

CREATE TABLE campaigns (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL DEFAULT get_user_organization_id(auth.uid())
                    REFERENCES organizations (id) ON DELETE CASCADE,
    name            text NOT NULL,
    description     text,
    status          campaign_status NOT NULL DEFAULT 'draft',
    concurrency     integer NOT NULL DEFAULT 1 CHECK (concurrency >= 1),
    schedule        jsonb NOT NULL DEFAULT '{}',    -- days, start_time, end_time, timezone
    settings        jsonb NOT NULL DEFAULT '{}',    -- max_attempts, call_recording, retry_delay_minutes
    started_at      timestamptz,        -- first time running
    completed_at    timestamptz,
    deleted_at      timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX campaigns_organization ON campaigns (organization_id, updated_at DESC);
COMMENT ON TABLE campaigns IS
    'Calling campaigns. Seeded by `ringback tenant create`; switched and tuned by members; moved on by the dialer.';

CREATE TABLE agents (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL DEFAULT get_user_organization_id(auth.uid())
                    REFERENCES organizations (id) ON DELETE CASCADE,
    name            text NOT NULL,
    language        text NOT NULL DEFAULT 'English',
    tone            agent_tone NOT NULL DEFAULT 'professional',
    status          agent_status NOT NULL DEFAULT 'draft',
    system_prompt   text,
    sentiment_rules jsonb NOT NULL DEFAULT '{}',
    voice_settings  jsonb NOT NULL DEFAULT '{}',    -- provider_agent_id, phone_number, speed, pitch, ...
    deleted_at      timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX agents_organization ON agents (organization_id, updated_at DESC);
COMMENT ON TABLE agents IS
    'Voice personas. Seeded by `ringback tenant create`; edited by members; deleted (deleted_at) by org admins only.';

CREATE TABLE campaign_agents (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL DEFAULT get_user_organization_id(auth.uid()),     -- else the campaign's
    campaign_id     uuid NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    agent_id        uuid NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    is_primary      boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (campaign_id, agent_id)
);
CREATE INDEX campaign_agents_agent ON campaign_agents (agent_id);
CREATE INDEX campaign_agents_organization ON campaign_agents (organization_id);
CREATE UNIQUE INDEX campaign_agents_primary ON campaign_agents (campaign_id) WHERE is_primary;
COMMENT ON TABLE campaign_agents IS 'Which agents work in which campaign. Seeded; linked and unlinked by members.';

CREATE TABLE contacts (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL DEFAULT get_user_organization_id(auth.uid())
                    REFERENCES organizations (id) ON DELETE CASCADE,
    phone           text CHECK (octet_length(phone) <= 255),    -- E.164
    first_name      text,
    last_name       text,
    email           text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, phone)
);
CREATE INDEX contacts_organization ON contacts (organization_id, created_at DESC);
COMMENT ON TABLE contacts IS 'People with a phone number, from customers and calls. Written by the worker; edited by members.';

CREATE TABLE calls (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid NOT NULL DEFAULT get_user_organization_id(auth.uid())
                     REFERENCES organizations (id) ON DELETE CASCADE,
    campaign_id      uuid REFERENCES campaigns (id) ON DELETE SET NULL,
    agent_id         uuid REFERENCES agents (id) ON DELETE SET NULL,
    contact_id       uuid REFERENCES contacts (id) ON DELETE SET NULL,
    call_type        call_type NOT NULL DEFAULT 'outbound',
    from_number      text,
    to_number        text,
    status           call_status NOT NULL DEFAULT 'queued',
    outcome          call_outcome,      -- NULL until it is known
    duration_seconds integer CHECK (duration_seconds >= 0),
    sentiment        call_sentiment,
    sentiment_score  integer CHECK (sentiment_score BETWEEN -100 AND 100),
    summary          text,
    attempt_number   integer NOT NULL DEFAULT 1,
    error_message    text,
    tags             jsonb NOT NULL DEFAULT '[]',
    metadata         jsonb NOT NULL DEFAULT '{}',   -- order_id, cart_id, payment_type, order_decision, attempt_id, ...
    provider         text CHECK (octet_length(provider) <= 64),     -- retell, vapi, twilio
    external_call_id text CHECK (octet_length(external_call_id) <= 255),
    started_at       timestamptz,
    ended_at         timestamptz,
    call_day         date NOT NULL DEFAULT current_date,    -- computed: tenant-local day
    -- The order that the call was about, when metadata names one as a uuid.
    order_id         uuid GENERATED ALWAYS AS (
                         CASE WHEN metadata ->> 'order_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                              THEN (metadata ->> 'order_id')::uuid END) STORED,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
CREATE UNIQUE INDEX calls_external ON calls (provider, external_call_id) NULLS NOT DISTINCT
    WHERE external_call_id IS NOT NULL;
CREATE INDEX calls_organization ON calls (organization_id, created_at DESC);
CREATE INDEX calls_campaign ON calls (campaign_id) WHERE campaign_id IS NOT NULL;
CREATE INDEX calls_agent ON calls (agent_id) WHERE agent_id IS NOT NULL;
CREATE INDEX calls_contact ON calls (contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX calls_answered_order ON calls (order_id) WHERE outcome = 'answered' AND order_id IS NOT NULL;
COMMENT ON TABLE calls IS 'Voice calls, one row per call of the provider. Written by the dialer and the worker.';

CREATE TABLE call_transcripts (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL DEFAULT get_user_organization_id(auth.uid()),
    call_id         uuid NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    speaker         transcript_speaker NOT NULL DEFAULT 'system',
    content         text NOT NULL DEFAULT '',
    sequence        integer NOT NULL,
    confidence      numeric,
    timestamp       timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (call_id, sequence)
);
CREATE INDEX call_transcripts_organization ON call_transcripts (organization_id);
COMMENT ON TABLE call_transcripts IS 'What was said, line by line. Written by the worker.';

CREATE TABLE call_recordings (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid NOT NULL DEFAULT get_user_organization_id(auth.uid()),
    call_id          uuid NOT NULL UNIQUE REFERENCES calls (id) ON DELETE CASCADE,
    storage_path     text,
    duration_seconds integer,
    file_size_bytes  bigint,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX call_recordings_organization ON call_recordings (organization_id);
COMMENT ON TABLE call_recordings IS 'Where a call''s recording lies; at most one per call. Written by the worker.';
