-- The rules of campaigns, agents and their links hold whoever writes.
BEGIN;
\ir lib/setup.sql

CREATE FUNCTION pg_temp.to_status(_status text) RETURNS text LANGUAGE sql AS $$
    SELECT format('UPDATE campaigns SET status = %L WHERE id = %L', _status, pg_temp.id('a', 'campaign'))
$$;
-- Puts the campaign into a state, past its rules.
CREATE FUNCTION pg_temp.force_status(_status campaign_status) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL session_replication_role = replica;
    UPDATE campaigns SET status = _status, started_at = NULL, completed_at = NULL WHERE id = pg_temp.id('a', 'campaign');
    SET LOCAL session_replication_role = origin;
END $$;

-- Every pair of states: what members may do, and what the service may do.
DO $$
DECLARE
    step   record;
    member boolean;
BEGIN
    FOR step IN
        SELECT f.s AS old, t.s AS new,
               (f.s, t.s) IN (('running', 'paused'), ('paused', 'running')) AS member_may,
               (f.s, t.s) IN (('draft', 'scheduled'), ('draft', 'running'), ('draft', 'paused'), ('draft', 'cancelled'),
                              ('scheduled', 'draft'), ('scheduled', 'running'), ('scheduled', 'paused'),
                              ('scheduled', 'cancelled'), ('running', 'paused'), ('running', 'completed'),
                              ('running', 'cancelled'), ('paused', 'scheduled'), ('paused', 'running'),
                              ('paused', 'completed'), ('paused', 'cancelled')) AS service_may
        FROM unnest(enum_range(NULL::campaign_status)::text[]) AS f (s),
             unnest(enum_range(NULL::campaign_status)::text[]) AS t (s)
        WHERE f.s <> t.s
    LOOP
        FOREACH member IN ARRAY '{t,f}'::boolean[] LOOP
            PERFORM pg_temp.force_status(step.old::campaign_status);
            IF member THEN
                PERFORM pg_temp.act_as(pg_temp.id('a', 'member'));
            END IF;
            IF (CASE WHEN member THEN step.member_may ELSE step.service_may END) THEN
                PERFORM pg_temp.expect(pg_temp.changed(pg_temp.to_status(step.new)) = 1,
                                       format('%s to %s, member %s', step.old, step.new, member));
            ELSE
                PERFORM pg_temp.expect_error(pg_temp.to_status(step.new), 'P0001', 'conflict');
            END IF;
            PERFORM pg_temp.end_act();
        END LOOP;
    END LOOP;
END $$;

-- started_at is the first start; members cannot write it, nor completed_at.
SELECT pg_temp.force_status('paused') \g /dev/null
SELECT pg_temp.act_as(pg_temp.id('a', 'member')) \g /dev/null
SELECT pg_temp.changed($$UPDATE campaigns SET status = 'running', started_at = '2001-01-01', completed_at = '2001-01-01'$$) \g /dev/null
SELECT pg_temp.expect(started_at = now() AND completed_at IS NULL, 'started now') FROM campaigns \g /dev/null
SELECT pg_temp.end_act() \g /dev/null
UPDATE campaigns SET started_at = '2002-02-02' WHERE id = pg_temp.id('a', 'campaign');
SELECT pg_temp.expect(started_at = now(), 'the first start stays') FROM campaigns WHERE id = pg_temp.id('a', 'campaign') \g /dev/null
SELECT pg_temp.act_as(pg_temp.id('a', 'member')) \g /dev/null
SELECT pg_temp.expect_error($$INSERT INTO campaigns (name, status) VALUES ('x', 'running')$$, 'P0001', 'conflict') \g /dev/null
SELECT pg_temp.expect(pg_temp.changed($$UPDATE campaigns SET concurrency = 10, schedule = '{"days": ["monday"]}'$$) = 1, 'settings') \g /dev/null
SELECT pg_temp.expect_error($$UPDATE campaigns SET concurrency = 0$$, '23514') \g /dev/null
SELECT pg_temp.expect_error($$UPDATE campaigns SET deleted_at = now()$$, 'P0001', 'conflict') \g /dev/null
SELECT pg_temp.end_act() \g /dev/null

-- An agent stays active while its campaign runs, whoever asks.
SELECT pg_temp.expect_error($$UPDATE agents SET status = 'inactive' WHERE name = 'Asha'$$, 'P0001', 'conflict') \g /dev/null
SELECT pg_temp.act_as(pg_temp.id('a', 'member')) \g /dev/null
SELECT pg_temp.expect_error($$UPDATE agents SET status = 'inactive'$$, 'P0001', 'conflict') \g /dev/null
SELECT pg_temp.expect_error($$UPDATE agents SET status = 'draft'$$, 'P0001', 'conflict') \g /dev/null
SELECT pg_temp.expect(pg_temp.changed($$UPDATE agents SET tone = 'friendly'$$) = 1, 'other columns are free') \g /dev/null
SELECT pg_temp.changed($$UPDATE campaigns SET status = 'paused'$$) \g /dev/null
SELECT pg_temp.expect(pg_temp.changed($$UPDATE agents SET status = 'inactive'$$) = 1, 'paused: may be deactivated') \g /dev/null

-- Deleting: not while linked to any campaign; and only org admins.
SELECT pg_temp.expect_error($$UPDATE agents SET deleted_at = now()$$, '42501') \g /dev/null
SELECT pg_temp.act_as(pg_temp.id('a', 'admin')) \g /dev/null
SELECT pg_temp.expect_error($$UPDATE agents SET deleted_at = now()$$, 'P0001', 'conflict') \g /dev/null
SELECT pg_temp.expect_error($$DELETE FROM agents$$, 'P0001', 'conflict') \g /dev/null
SELECT pg_temp.expect(pg_temp.changed('DELETE FROM campaign_agents') = 1, 'unlinked') \g /dev/null
SELECT pg_temp.act_as(pg_temp.id('a', 'member')) \g /dev/null
SELECT pg_temp.expect_error($$UPDATE agents SET deleted_at = now()$$, '42501') \g /dev/null
SELECT pg_temp.expect(pg_temp.changed('DELETE FROM agents') = 0, 'members delete no agents') \g /dev/null
SELECT pg_temp.act_as(pg_temp.id('a', 'admin')) \g /dev/null
SELECT pg_temp.expect(pg_temp.changed($$UPDATE agents SET deleted_at = now()$$) = 1, 'an admin deletes an unlinked agent') \g /dev/null
SELECT pg_temp.act_as(pg_temp.id('a', 'member')) \g /dev/null
SELECT pg_temp.expect_error($$UPDATE agents SET deleted_at = NULL$$, '42501') \g /dev/null
SELECT pg_temp.end_act() \g /dev/null

-- Links: a living agent and a campaign of one organization, once, with one primary.
SELECT pg_temp.expect_error(format('INSERT INTO campaign_agents (campaign_id, agent_id) VALUES (%L, %L)',
    pg_temp.id('a', 'campaign'), pg_temp.id('a', 'agent')), 'P0001', 'not_found') \g /dev/null
UPDATE agents SET deleted_at = NULL WHERE id = pg_temp.id('a', 'agent');
SELECT pg_temp.expect_error(format('INSERT INTO campaign_agents (campaign_id, agent_id) VALUES (%L, %L)', c, a), 'P0001', 'not_found')
FROM (VALUES (pg_temp.id('a', 'campaign'), pg_temp.id('b', 'agent')), (pg_temp.id('b', 'campaign'), pg_temp.id('a', 'agent')),
             (gen_random_uuid(), pg_temp.id('a', 'agent')), (pg_temp.id('a', 'campaign'), gen_random_uuid())) AS v (c, a) \g /dev/null
SELECT pg_temp.expect_error(format('INSERT INTO campaign_agents (campaign_id, agent_id, organization_id) VALUES (%L, %L, %L)',
    pg_temp.id('a', 'campaign'), pg_temp.id('a', 'agent'), pg_temp.id('b', 'org')), 'P0001', 'not_found') \g /dev/null
INSERT INTO agents (id, organization_id, name) VALUES (pg_temp.id('a', 'agent', 2), pg_temp.id('a', 'org'), 'Second');
INSERT INTO campaign_agents (campaign_id, agent_id, is_primary)
    VALUES (pg_temp.id('a', 'campaign'), pg_temp.id('a', 'agent'), true);
SELECT pg_temp.expect(organization_id = pg_temp.id('a', 'org'), 'the link has its campaign''s organization')
FROM campaign_agents WHERE campaign_id = pg_temp.id('a', 'campaign') \g /dev/null
SELECT pg_temp.expect_error(format('INSERT INTO campaign_agents (campaign_id, agent_id, is_primary) VALUES (%L, %L, true)',
    pg_temp.id('a', 'campaign'), pg_temp.id('a', 'agent', 2)), '23505') \g /dev/null
SELECT pg_temp.expect_error(format('INSERT INTO campaign_agents (campaign_id, agent_id) VALUES (%L, %L)',
    pg_temp.id('a', 'campaign'), pg_temp.id('a', 'agent')), '23505') \g /dev/null
INSERT INTO campaign_agents (campaign_id, agent_id) VALUES (pg_temp.id('a', 'campaign'), pg_temp.id('a', 'agent', 2));
SELECT pg_temp.expect_error(format('UPDATE %s SET organization_id = %L WHERE id = %L', t, pg_temp.id('b', 'org'), i), 'P0001', 'conflict')
FROM (VALUES ('campaigns', pg_temp.id('a', 'campaign')), ('agents', pg_temp.id('a', 'agent'))) AS v (t, i) \g /dev/null

-- A whole tenant can still be removed, linked agents, calls, rollups and all, and leaves the other one alone.
DELETE FROM organizations WHERE id = pg_temp.id('a', 'org');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT pg_temp.expect(pg_temp.counted(format('SELECT FROM %I WHERE organization_id = %L', c.relname, pg_temp.id('a', 'org'))) = 0,
                      c.relname || ' is empty')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
  AND c.relname NOT IN ('live_outbox', 'call_recording_copies') \g /dev/null
SELECT pg_temp.expect(array_agg((state, storage_path, provider_url)::text) = ARRAY['(erase,a/b.mp3,)'], 'its recordings are to be erased')
FROM call_recording_copies WHERE organization_id = pg_temp.id('a', 'org') \g /dev/null
SELECT pg_temp.expect(count(*) = 0, 'no drift') FROM rollup_verify() \g /dev/null
SELECT pg_temp.expect(count(*) = 2, 'tenant b is whole') FROM commerce_abandoned_carts \g /dev/null
ROLLBACK;
