#!/usr/bin/env bash
# Several sessions write orders, carts and calls about the same few orders at once, in random order, and commit or roll back;
# meanwhile every snapshot, and the end, finds the rollups equal to the facts, and nobody ever waited in a circle.
set -euo pipefail

url=${RINGBACK_TEST_DATABASE_URL:?run me through tests/live/with_servers}
ringback=${RINGBACK:?the binary to test}
writers=6
rounds=${RINGBACK_TEST_ROUNDS:-150}

sql() { PGOPTIONS=--client-min-messages=warning psql -XqAt -v ON_ERROR_STOP=1 -d "$url" "$@"; }

RINGBACK_DATABASE_URL=$url "$ringback" migrate
sql <<'SQL'
INSERT INTO organizations (id, name, timezone) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'a', 'Asia/Kolkata'), ('00000000-0000-4000-8000-00000000000b', 'b', 'America/New_York');
INSERT INTO commerce_integrations (id, organization_id, store_domain)
    SELECT id, id, name || '.myshopify.com' FROM organizations;
INSERT INTO commerce_orders (id, organization_id, integration_id, external_order_id, payment_type)
    SELECT md5(o.id || '/' || k)::uuid, o.id, o.id, to_char(k, 'FM0000'), 'cod' FROM organizations o, generate_series(1, 40) k;

-- One statement's worth of a table, its rows in the order of their keys, as every writer of several rows must do it.
CREATE PROCEDURE write_orders() LANGUAGE sql AS $$
    INSERT INTO commerce_orders AS o (id, organization_id, integration_id, external_order_id, payment_type, order_created_at, cancelled_at, source_version)
    SELECT md5(o.id || '/' || k)::uuid, o.id, o.id, to_char(k, 'FM0000'),
           (CASE WHEN random() < 0.8 THEN 'cod' ELSE 'prepaid' END)::payment_type,
           '2026-01-01'::timestamptz + floor(random() * 48) * interval '1 hour',
           CASE WHEN random() < 0.5 THEN '2026-01-02'::timestamptz + floor(random() * 48) * interval '1 hour' END,
           ('{"\\x01","\\x02"}'::bytea[])[1 + floor(random() * 2)::integer]
    FROM organizations o, generate_series(1, 60) k
    WHERE random() < 0.15
    ORDER BY o.id, to_char(k, 'FM0000')
    ON CONFLICT (integration_id, external_order_id) DO UPDATE SET payment_type = excluded.payment_type,
        order_created_at = excluded.order_created_at, cancelled_at = excluded.cancelled_at, source_version = excluded.source_version
    WHERE excluded.source_version >= o.source_version OR o.source_version IS NULL
$$;
CREATE PROCEDURE write_carts() LANGUAGE sql AS $$
    INSERT INTO commerce_abandoned_carts AS c (organization_id, integration_id, checkout_token, total_value, currency, status, abandoned_at, recovered_at)
    SELECT o.id, o.id, to_char(k, 'FM0000'), round(random()::numeric * 100, 2), CASE WHEN random() < 0.5 THEN 'INR' ELSE 'USD' END,
           (enum_range(NULL::cart_status))[1 + floor(random() * 3)::integer], '2026-01-01'::timestamptz + floor(random() * 48) * interval '1 hour',
           '2026-01-03'::timestamptz + floor(random() * 48) * interval '1 hour'
    FROM organizations o, generate_series(1, 40) k
    WHERE random() < 0.15
    ORDER BY o.id, to_char(k, 'FM0000')
    ON CONFLICT (integration_id, checkout_token) DO UPDATE SET total_value = excluded.total_value, status = excluded.status,
        recovered_at = excluded.recovered_at, currency = excluded.currency
    WHERE c.total_value IS DISTINCT FROM excluded.total_value
$$;
CREATE PROCEDURE write_calls() LANGUAGE sql AS $$
    INSERT INTO calls AS c (organization_id, provider, external_call_id, outcome, sentiment, duration_seconds, started_at, metadata)
    SELECT o.id, 'vapi', o.id || to_char(k, 'FM0000'), (enum_range(NULL::call_outcome))[1 + floor(random() * 2)::integer], 'positive',
           floor(random() * 100), '2026-01-02'::timestamptz + floor(random() * 48) * interval '1 hour',
           jsonb_build_object('payment_type', 'cod', 'order_id', md5(o.id || '/' || (1 + floor(random() * 60)::integer))::uuid,
               'order_decision', CASE WHEN random() < 0.3 THEN 'cancelled' END)
    FROM organizations o, generate_series(1, 60) k
    WHERE random() < 0.15
    ORDER BY o.id, to_char(k, 'FM0000')
    ON CONFLICT (provider, external_call_id) WHERE external_call_id IS NOT NULL DO UPDATE SET outcome = excluded.outcome,
        metadata = excluded.metadata, started_at = excluded.started_at
    WHERE c.outcome IS DISTINCT FROM excluded.outcome
$$;
CREATE PROCEDURE write_for_long(_rounds integer) LANGUAGE plpgsql AS $$
BEGIN
    FOR round IN 1 .. _rounds LOOP
        IF random() < 0.5 THEN      -- as the worker: several statements, rollups last
            CALL write_orders();
            CALL write_carts();
            IF random() < 0.5 THEN
                PERFORM rollup_apply();
            END IF;
        ELSIF random() < 0.7 THEN
            CALL write_calls();
        ELSIF random() < 0.5 THEN
            CALL write_carts();
        ELSE                        -- locks in the order of the keys, then deletes
            DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE random() < 0.05 ORDER BY provider, external_call_id FOR UPDATE);
        END IF;
        IF random() < 0.1 THEN
            ROLLBACK;
        ELSE
            COMMIT;
        END IF;
    END LOOP;
END $$;
SQL

pids=()
for _ in $(seq $writers); do
    sql -c "CALL write_for_long($rounds)" &
    pids+=($!)
done

# While they write: every snapshot is exact, and rebuilding finds nothing to mend.
checks=0 failed=0
while kill -0 "${pids[@]}" 2>/dev/null; do
    drift=$(sql -c 'SELECT rollup, key, column_name, rollup_value, fact_value FROM rollup_verify() LIMIT 5')
    [ -z "$drift" ] || { printf 'FAILED: drift while writing:\n%s\n' "$drift" >&2; failed=1; break; }
    mended=$(sql -c 'SELECT rollup_rebuild()')
    [ "$mended" = 0 ] || { printf 'FAILED: the rebuild mended %s rows\n' "$mended" >&2; failed=1; break; }
    checks=$((checks + 1))
done
for pid in "${pids[@]}"; do wait "$pid" || { printf 'FAILED: a writer\n' >&2; failed=1; }; done

drift=$(sql -c 'SELECT rollup, key, column_name, rollup_value, fact_value FROM rollup_verify() LIMIT 5')
[ -z "$drift" ] || { printf 'FAILED: drift at the end:\n%s\n' "$drift" >&2; failed=1; }
[ "$(sql -c 'SELECT count(*) FROM analytics_pending')" = 0 ] || { printf 'FAILED: deltas were left\n' >&2; failed=1; }
# The counter is written by each backend when it ends.
deadlocks=$(sql -c 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()')
[ "$deadlocks" = 0 ] || { printf 'FAILED: %s deadlocks\n' "$deadlocks" >&2; failed=1; }
written=$(sql -c 'SELECT sum(rto_prevented) > 0 AND sum(cod_confirmed) > 0 AND sum(carts_recovered) > 0 FROM analytics_outcome_daily')
[ "$written" = t ] || { printf 'FAILED: nothing was counted\n' >&2; failed=1; }
[ "$checks" -gt 2 ] || { printf 'FAILED: only %s looks while they wrote\n' "$checks" >&2; failed=1; }
printf '%s looks while %s sessions wrote\n' "$checks" "$writers"
exit $failed
