-- Redaction, where it did not reach. Who a newer version names decides whether an older one, whose buyer was redacted, redacts the row;
-- and what is masked in a payload (JSON's \u0040, the %40 of forms) is searched as what it means.

-- Whether the first of two buyers is certainly another one than the second.
CREATE FUNCTION names_another(_customer text, _email text, _other_customer text, _other_email text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(_customer <> _other_customer, lower(_email) <> lower(_other_email), false)
$$;

-- A payload in lower case as a text that can be searched: printable ASCII for JSON's \u00.. and for %.., also one inside the other.
CREATE FUNCTION payload_text(_payload bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    body text := lower(replace(encode(_payload, 'escape'), E'\\\\', E'\\'));
    mask text;
BEGIN
    FOR pass IN 1 .. 2 LOOP
        EXIT WHEN body !~ E'\\\\+u00[2-7][0-9a-f]|%[2-7][0-9a-f]';
        FOR mask IN SELECT DISTINCT m[1] FROM regexp_matches(body, E'(\\\\+u00[2-7][0-9a-f]|%[2-7][0-9a-f])', 'g') m LOOP
            body := replace(body, mask, lower(chr(get_byte(decode(right(mask, 2), 'hex'), 0))));
        END LOOP;
    END LOOP;
    RETURN body;
END $$;

CREATE OR REPLACE FUNCTION payload_mentions(_payload bytea, _ids text[], _emails text[], _phones text[])
RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    body   CONSTANT text := payload_text(_payload);
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

CREATE OR REPLACE FUNCTION dead_letter_redacted(_domain text, _payload bytea, _received_at timestamptz)
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
    body := payload_text(_payload);
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
