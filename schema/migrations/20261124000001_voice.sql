-- Voice callbacks: what the worker keeps about calls beyond their rows, the copying of recordings, and redaction of calls. What
-- clients must not see (signed links, versions) stands in tables of its own, so that "select *" stays what the plan says.

ALTER TABLE calls ADD COLUMN redacted boolean NOT NULL DEFAULT false;   -- personal data was erased, for ever

-- 1. Tables of the service --------------------------------------------------------------------------------------
CREATE TABLE call_voice_state (
    call_id            uuid PRIMARY KEY REFERENCES calls (id) ON DELETE CASCADE,
    said               jsonb,       -- {"<version>": ["<field>", ...]}: which version supplied what; see call_fold()
    customer_phone     text,        -- E.164 of the other side, as its contact was found; NULL: none, or redacted
    transcript_version bytea,       -- of the whole list that call_transcripts holds; NULL: only live turns so far
    offsets            bigint[]     -- per sequence: microseconds since the call's start; NULL: it has a clock time
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE call_voice_state IS
    'What the worker must know to take callbacks in any order. Written by the worker; no client sees it.';

CREATE TABLE call_live_turns (
    call_id        uuid NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    source_version bytea NOT NULL,
    position       integer NOT NULL,
    speaker        transcript_speaker NOT NULL,
    content        text NOT NULL,
    confidence     numeric,
    offset_us      bigint,
    spoken_at      timestamptz,
    PRIMARY KEY (call_id, source_version, position)
);
COMMENT ON TABLE call_live_turns IS
    'Single turns of calls of which no whole transcript came yet. Written by the worker; no client sees it.';

-- No foreign key: the file of a call that is gone must still be erased.
CREATE TABLE call_recording_copies (
    call_id          uuid PRIMARY KEY,
    organization_id  uuid NOT NULL,
    provider         text,
    external_call_id text,
    provider_url     text,          -- a link that whoever has it can open
    url_expires_at   timestamptz,   -- NULL: does not expire
    url_version      bytea,
    duration_version bytea,         -- 'ff': measured on the copy
    state            text NOT NULL DEFAULT 'waiting'
                     CHECK (state IN ('waiting', 'due', 'copied', 'failed', 'expired', 'erase', 'gone')),
    attempts         integer NOT NULL DEFAULT 0,
    next_at          timestamptz,   -- due, erase: not before; while somebody is at it: when the lease ends
    storage_path     text,          -- erase: the file
    error            text,
    created_at       timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);
CREATE INDEX call_recording_copies_due ON call_recording_copies (url_expires_at, next_at) WHERE state = 'due';
CREATE INDEX call_recording_copies_erase ON call_recording_copies (next_at) WHERE state = 'erase';
COMMENT ON TABLE call_recording_copies IS
    'Recordings on their way from the provider to the store, and files to erase. Written by the worker; no client sees it.';

DO $$
DECLARE
    tbl text;
BEGIN
    FOREACH tbl IN ARRAY ARRAY['call_voice_state', 'call_live_turns', 'call_recording_copies'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tbl);
        EXECUTE format('REVOKE ALL ON %I FROM PUBLIC, anon, authenticated', tbl);
        EXECUTE format('GRANT ALL ON %I TO service_role', tbl);
    END LOOP;
END $$;

-- live_record() with the columns of these tables, which are never live, also hidden.
CREATE OR REPLACE FUNCTION live_record(_row anyelement) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(_row) - '{access_token_encrypted,refresh_token_encrypted,webhook_secret_encrypted,source_version,source_scopes_version,source_held,source_triggered_at,variants_version,from_customers,transcript_version,provider_url,url_version,duration_version}'::text[]
$$;

-- 2. Finding calls and tenants ----------------------------------------------------------------------------------
-- Hashes, because a member may write anything of any length there.
CREATE INDEX calls_reserved ON calls (md5(metadata ->> 'attempt_id'))
    WHERE external_call_id IS NULL AND metadata ->> 'attempt_id' IS NOT NULL;

-- A number as it is compared: the digits of what is written as a number, anything else (a SIP user) in lower case.
CREATE FUNCTION voice_number(_number text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT nullif(CASE WHEN _number ~ '^[0-9+(). -]+$' THEN regexp_replace(_number, '[^0-9]', '', 'g')
                       ELSE lower(btrim(_number)) END, '')
$$;
CREATE INDEX agents_provider_agent ON agents (md5(voice_settings ->> 'provider_agent_id'))
    WHERE voice_settings ->> 'provider_agent_id' <> '';
CREATE INDEX agents_phone_number ON agents (md5(voice_number(voice_settings ->> 'phone_number')))
    WHERE voice_settings ->> 'phone_number' <> '';

CREATE FUNCTION uuid_or_null(_text text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN _text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN _text::uuid END
$$;

-- 3. Versions ---------------------------------------------------------------------------------------------------
-- Adds versions of a call (the events of a batch, in any order) to what was known. Each field (a FILL column of rowset calls; of
-- `metadata` each key) has the value of the greatest version that had one, so neither the order nor the number of
-- deliveries matters. NULL and, in metadata, "" are no values.
--   _said      of call_voice_state: {"<version in hex>": [fields]}; the version "ff" is greater than any
--   won        {field: value} of the fields that one of these versions decides, without metadata; metadata: the same of its keys
--   said       afterwards
CREATE FUNCTION call_fold(_said jsonb, _versions bytea[], _fields jsonb[], OUT won jsonb, OUT metadata jsonb, OUT said jsonb)
LANGUAGE sql IMMUTABLE AS $$
    WITH field AS MATERIALIZED (
        SELECT DISTINCT ON (c.name COLLATE "C") c.name, c.version, c.value, c.stored
        FROM (SELECT n.name, s.key AS version, NULL::jsonb AS value, true AS stored
              FROM jsonb_each(_said) s CROSS JOIN LATERAL jsonb_array_elements_text(s.value) n (name)
              UNION ALL
              SELECT e.key, encode(v.version, 'hex'), e.value, false
              FROM unnest(_versions, _fields) v (version, fields) CROSS JOIN LATERAL jsonb_each(v.fields) e
              WHERE e.key <> 'metadata' AND e.value <> 'null'
              UNION ALL
              SELECT 'metadata.' || e.key, encode(v.version, 'hex'), e.value, false
              FROM unnest(_versions, _fields) v (version, fields)
              CROSS JOIN LATERAL jsonb_each(CASE jsonb_typeof(v.fields -> 'metadata') WHEN 'object' THEN v.fields -> 'metadata'
                                                 ELSE '{}' END) e
              WHERE e.value NOT IN ('null', '""')) c
        ORDER BY c.name COLLATE "C", c.version COLLATE "C" DESC, c.stored DESC, c.value DESC
    )
    SELECT (SELECT coalesce(jsonb_object_agg(f.name, f.value), '{}') FROM field f
            WHERE NOT f.stored AND f.name NOT LIKE 'metadata.%'),
           (SELECT coalesce(jsonb_object_agg(substr(f.name, 10), f.value), '{}') FROM field f
            WHERE NOT f.stored AND f.name LIKE 'metadata.%'),
           (SELECT coalesce(jsonb_object_agg(v.version, v.names), '{}')
            FROM (SELECT f.version, jsonb_agg(f.name ORDER BY f.name COLLATE "C") AS names FROM field f GROUP BY f.version) v)
$$;

-- What a row that was there before any callback (our dialer's) decides for good: whom the call belongs to.
CREATE FUNCTION call_pinned(_call calls) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('ff', to_jsonb(array_remove(ARRAY[
        CASE WHEN _call.campaign_id IS NOT NULL THEN 'campaign_id' END,
        CASE WHEN _call.agent_id IS NOT NULL THEN 'agent_id' END,
        CASE WHEN _call.contact_id IS NOT NULL THEN 'contact_id' END], NULL)))
$$;

-- 4. Redaction --------------------------------------------------------------------------------------------------
CREATE FUNCTION impersonal_call(_metadata jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(jsonb_object_agg(m.key, m.value), '{}')
    FROM jsonb_each(CASE jsonb_typeof(_metadata) WHEN 'object' THEN _metadata ELSE '{}' END) m
    WHERE m.key IN ('organization_id', 'campaign_id', 'agent_id', 'attempt_id', 'order_id', 'cart_id', 'payment_type',
                    'order_decision')
$$;

CREATE OR REPLACE FUNCTION calls_compute() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.updated_at := now();
        NEW.redacted := OLD.redacted OR NEW.redacted;
    END IF;
    IF NEW.redacted THEN
        NEW.from_number := NULL;
        NEW.to_number := NULL;
        NEW.summary := NULL;
        NEW.error_message := NULL;
        NEW.contact_id := NULL;
        NEW.metadata := public.impersonal_call(NEW.metadata);
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.organization_id = OLD.organization_id
       AND coalesce(NEW.started_at, NEW.created_at) = coalesce(OLD.started_at, OLD.created_at) THEN
        NEW.call_day := OLD.call_day;
    ELSE
        NEW.call_day := public.organization_day(NEW.organization_id, coalesce(NEW.started_at, NEW.created_at));
    END IF;
    RETURN NEW;
END $$;

-- redact() erases calls by writing their columns (that a contact goes, writes contact_id alone): what it wrote stays erased.
CREATE FUNCTION calls_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.redacted := true;
    RETURN NEW;
END $$;
CREATE TRIGGER calls_erased BEFORE UPDATE OF summary ON calls
    FOR EACH ROW WHEN (current_setting('ringback.writer', true) = 'redaction') EXECUTE FUNCTION calls_erased();

-- A call that was redacted, whoever did it, loses what was said. Members see that through live_outbox.
CREATE FUNCTION calls_redacted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    writer CONSTANT text := current_setting('ringback.writer', true);
BEGIN
    PERFORM set_config('ringback.writer', 'redaction', true);   -- see contacts_follow()
    UPDATE call_transcripts t SET content = '' WHERE t.call_id = NEW.id AND t.content <> '';
    UPDATE call_live_turns t SET content = '' WHERE t.call_id = NEW.id AND t.content <> '';
    UPDATE call_voice_state s SET customer_phone = NULL WHERE s.call_id = NEW.id AND s.customer_phone IS NOT NULL;
    DELETE FROM call_recordings r WHERE r.call_id = NEW.id;
    PERFORM set_config('ringback.writer', coalesce(writer, ''), true);
    RETURN NULL;
END $$;
CREATE TRIGGER calls_redacted AFTER UPDATE ON calls
    FOR EACH ROW WHEN (NEW.redacted AND NOT OLD.redacted) EXECUTE FUNCTION calls_redacted();

-- The file of a recording that is deleted, whoever did it, has to go too; and the recording must not come back with the
-- next callback.
CREATE FUNCTION call_recordings_deleted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO call_recording_copies AS c (call_id, organization_id, state, next_at, storage_path)
    SELECT r.call_id, r.organization_id, CASE WHEN r.storage_path IS NULL THEN 'gone' ELSE 'erase' END, now(), r.storage_path
    FROM removed r
    ON CONFLICT (call_id) DO UPDATE SET
        state = excluded.state, next_at = excluded.next_at, storage_path = excluded.storage_path, attempts = 0, error = NULL,
        provider_url = NULL, url_expires_at = NULL;
    -- Of a call that is itself gone nothing can come.
    DELETE FROM call_recording_copies c
    WHERE c.call_id = ANY (ARRAY(SELECT r.call_id FROM removed r
                                 WHERE (SELECT t.id FROM calls t WHERE t.id = r.call_id) IS NULL))
      AND c.state = 'gone';
    RETURN NULL;
END $$;
CREATE TRIGGER call_recordings_deleted AFTER DELETE ON call_recordings
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION call_recordings_deleted();

-- Trigger functions need no right to fire.
REVOKE ALL ON FUNCTION calls_redacted(), call_recordings_deleted() FROM PUBLIC, anon, authenticated;

-- Those of _organizations for which anything was ever redacted: hardly any.
CREATE FUNCTION redacting_organizations(_organizations uuid[]) RETURNS SETOF uuid LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT DISTINCT i.organization_id
    FROM commerce_integrations i
    WHERE i.organization_id = ANY (_organizations)
      AND EXISTS (SELECT FROM redacting_integrations(ARRAY[i.id]))
$$;

-- Whether a call of _at, with this number at the other end and this metadata, is covered by a redaction: of an order that it
-- was about, or of the number, unless another customer has it.
CREATE FUNCTION call_is_redacted(_organization uuid, _phone text, _metadata jsonb, _at timestamptz)
RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    hash CONSTANT text := personal_hash(_phone);
BEGIN
    RETURN EXISTS (
        SELECT FROM commerce_integrations i
        WHERE i.organization_id = _organization
          AND coalesce((SELECT _at <= d.at FROM commerce_tombstones d
                        WHERE d.integration_id = i.id AND d.kind = 'redacted_phone' AND d.external_id = hash), false)
          AND (SELECT c.id FROM commerce_customers c
               WHERE c.organization_id = _organization AND c.phone = _phone LIMIT 1) IS NULL
    ) OR coalesce((
        SELECT o.organization_id = _organization AND o.redacted
               AND (SELECT d.at FROM commerce_tombstones d
                    WHERE d.integration_id = o.integration_id AND d.at >= _at
                      AND d.kind IN ('redacted_order', 'redacted_customer', 'redacted_email', 'redacted_phone', 'redacted_shop')
                    LIMIT 1) IS NOT NULL
        FROM commerce_orders o
        WHERE o.id = uuid_or_null(_metadata ->> 'order_id')), false);
END $$;

REVOKE ALL ON FUNCTION redacting_organizations(uuid[]), call_is_redacted(uuid, text, jsonb, timestamptz)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION redacting_organizations(uuid[]), call_is_redacted(uuid, text, jsonb, timestamptz) TO service_role;
