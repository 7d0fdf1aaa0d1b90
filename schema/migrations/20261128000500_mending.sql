-- A callback that names nobody (a recording of Twilio's) may be handled before its call is known; then it waits as a dead letter
-- with reason unknown_call. As soon as the call has a row the letter is noted here, and the worker's timer sends it again.
-- Notes and not a column of dead_letters: whoever writes calls then locks no letters, and so waits for nobody who does.
-- No foreign key, for the same reason.
CREATE TABLE dead_letter_retries (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    letter_id  bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX dead_letter_retries_letter ON dead_letter_retries (letter_id);
COMMENT ON TABLE dead_letter_retries IS
    'Dead letters whose cause is mended. Written by triggers, emptied by the worker''s timer; no client sees it.';
ALTER TABLE dead_letter_retries ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON dead_letter_retries FROM PUBLIC, anon, authenticated;
GRANT ALL ON dead_letter_retries TO service_role;

-- A hash, because a key may have any length.
CREATE INDEX dead_letters_unknown_call ON dead_letters (md5(key))
    WHERE reason = 'unknown_call' AND replayed_at IS NULL AND payload IS NOT NULL;

CREATE FUNCTION note_letters_of_calls(_providers text[], _calls text[]) RETURNS void
LANGUAGE sql SET enable_seqscan = off AS $$     -- a plan made while the tables are small outlives that
    INSERT INTO public.dead_letter_retries (letter_id)
    SELECT d.id
    FROM unnest(_providers, _calls) c (provider, external_call_id)
    CROSS JOIN LATERAL (
        SELECT l.id FROM public.dead_letters l
        WHERE md5(l.key) = md5(c.external_call_id) AND l.reason = 'unknown_call' AND l.replayed_at IS NULL AND l.payload IS NOT NULL
          AND l.key = c.external_call_id AND l.source = c.provider
        OFFSET 0) d
$$;

CREATE FUNCTION calls_known() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM note_letters_of_calls(array_agg(c.provider), array_agg(c.external_call_id))
    FROM added c WHERE c.external_call_id IS NOT NULL
    HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER calls_known_insert AFTER INSERT ON calls
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION calls_known();

-- Our own row of a call that the provider has just given its id.
CREATE FUNCTION call_named() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM note_letters_of_calls(ARRAY[NEW.provider], ARRAY[NEW.external_call_id]);
    RETURN NULL;
END $$;
CREATE TRIGGER calls_known_update AFTER UPDATE OF provider, external_call_id ON calls
    FOR EACH ROW WHEN ((NEW.provider, NEW.external_call_id) IS DISTINCT FROM (OLD.provider, OLD.external_call_id))
    EXECUTE FUNCTION call_named();

REVOKE ALL ON FUNCTION note_letters_of_calls(text[], text[]), calls_known(), call_named() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION note_letters_of_calls(text[], text[]), calls_known(), call_named() TO service_role;
