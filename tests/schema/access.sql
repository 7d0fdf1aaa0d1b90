-- Who a user acts for, what platform staff see, what org admins may do with members and stores, and that no client
-- ever reads a secret.
BEGIN;
\ir lib/setup.sql

-- Secrets -------------------------------------------------------------------------------------------------------
SELECT pg_temp.expect(count(*) = 0, 'clients can read ' || string_agg(a.attrelid::regclass || '.' || a.attname, ', '))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attname LIKE '%\_encrypted'
  AND (has_column_privilege('authenticated', a.attrelid, a.attnum, 'SELECT')
       OR has_column_privilege('anon', a.attrelid, a.attnum, 'SELECT')) \g /dev/null
SELECT pg_temp.expect(count(*) = 3, 'there are secrets to protect')
FROM pg_attribute a WHERE a.attrelid = 'commerce_integrations'::regclass AND a.attname LIKE '%\_encrypted' \g /dev/null

SELECT pg_temp.act_as(pg_temp.id('a', 'owner')) \g /dev/null
SELECT pg_temp.expect_error('SELECT access_token_encrypted FROM commerce_integrations', '42501') \g /dev/null
SELECT pg_temp.expect_error('SELECT refresh_token_encrypted FROM commerce_integrations', '42501') \g /dev/null
SELECT pg_temp.expect_error('SELECT webhook_secret_encrypted FROM commerce_integrations', '42501') \g /dev/null
SELECT pg_temp.expect_error('SELECT * FROM commerce_integrations', '42501') \g /dev/null
SELECT pg_temp.expect_error('SELECT id FROM commerce_integrations WHERE access_token_encrypted LIKE ''s%''', '42501') \g /dev/null
SELECT pg_temp.expect_error('UPDATE commerce_integrations SET store_name = ''x'' RETURNING access_token_encrypted', '42501') \g /dev/null
SELECT pg_temp.expect_error('UPDATE commerce_integrations SET store_name = access_token_encrypted', '42501') \g /dev/null

-- Stores: disconnecting is the org admins', connecting is the connect flow's ---------------------------------------
SELECT pg_temp.expect_error($$UPDATE commerce_integrations SET store_domain = 'b.myshopify.com'$$, '42501') \g /dev/null
SELECT pg_temp.expect_error($$UPDATE commerce_integrations SET organization_id = organization_id$$, '42501') \g /dev/null
SELECT pg_temp.expect_error($$INSERT INTO commerce_integrations (store_domain) VALUES ('victim.myshopify.com')$$, '42501') \g /dev/null
SELECT pg_temp.expect_error($$INSERT INTO commerce_integrations (status) VALUES ('connected')$$, 'P0001', 'conflict') \g /dev/null
SELECT pg_temp.expect_error($$UPDATE commerce_integrations SET webhook_secret_encrypted = 'mine'$$, '42501') \g /dev/null
SELECT pg_temp.expect_error($$UPDATE commerce_integrations SET access_token_encrypted = ''$$, '42501') \g /dev/null
SELECT pg_temp.expect(pg_temp.changed($$UPDATE commerce_integrations
    SET status = 'disconnected', access_token_encrypted = NULL WHERE store_name = 'Store a'$$) = 1, 'an owner disconnects') \g /dev/null
SELECT pg_temp.expect_error($$UPDATE commerce_integrations SET status = 'connected'$$, 'P0001', 'conflict') \g /dev/null
SELECT pg_temp.end_act() \g /dev/null
SELECT pg_temp.expect(i.status = 'disconnected' AND i.access_token_encrypted IS NULL AND i.refresh_token_encrypted IS NULL
                      AND i.disconnected_at = now(), 'a disconnected store has no tokens')
FROM commerce_integrations i WHERE i.id = pg_temp.id('a', 'integration') \g /dev/null

-- One store that is not disconnected per domain, whatever its spelling; a disconnected one may be connected elsewhere.
SELECT pg_temp.expect_error(format($$INSERT INTO commerce_integrations (organization_id, store_domain) VALUES (%L, ' B.MyShopify.com')$$,
                                   pg_temp.id('a', 'org')), '23505') \g /dev/null
INSERT INTO commerce_integrations (organization_id, store_domain, status)
    VALUES (pg_temp.id('b', 'org'), 'A.myshopify.com', 'connected');
SELECT pg_temp.expect(store_domain = 'a.myshopify.com' AND connected_at = now(), 'domains are kept in lower case')
FROM commerce_integrations WHERE organization_id = pg_temp.id('b', 'org') AND id <> pg_temp.id('b', 'integration') \g /dev/null
SELECT pg_temp.expect_error(format($$UPDATE commerce_integrations SET status = 'connected' WHERE id = %L$$,
                                   pg_temp.id('a', 'integration')), '23505') \g /dev/null

-- A member without office sees stores and touches none.
SELECT pg_temp.act_as(pg_temp.id('b', 'member')) \g /dev/null
SELECT pg_temp.expect(pg_temp.counted('SELECT id FROM commerce_integrations') = 2, 'a member sees stores') \g /dev/null
SELECT pg_temp.expect(pg_temp.changed($$UPDATE commerce_integrations SET status = 'disconnected'$$) = 0, 'a member disconnects none') \g /dev/null
SELECT pg_temp.expect(pg_temp.changed('DELETE FROM commerce_integrations') = 0, 'a member deletes no store') \g /dev/null
SELECT pg_temp.end_act() \g /dev/null

-- anon, a stranger, a token without a subject ----------------------------------------------------------------------
SET LOCAL ROLE anon;
SELECT pg_temp.expect_error('SELECT id FROM campaigns', '42501') \g /dev/null
SELECT pg_temp.expect_error('SELECT id FROM commerce_orders', '42501') \g /dev/null
SELECT pg_temp.expect_error(format('SELECT get_user_organization_id(%L)', pg_temp.id('a', 'owner')), '42501') \g /dev/null
RESET ROLE;
SELECT pg_temp.act_as(gen_random_uuid()) \g /dev/null
SELECT pg_temp.expect(pg_temp.counted('SELECT id FROM commerce_orders') = 0, 'a stranger sees nothing') \g /dev/null
SELECT pg_temp.expect_error($$INSERT INTO campaigns (name) VALUES ('x')$$, '42501') \g /dev/null
SELECT pg_temp.act_as(NULL) \g /dev/null
SELECT pg_temp.expect(pg_temp.counted('SELECT id FROM commerce_orders') = 0, 'nobody sees nothing') \g /dev/null
SELECT pg_temp.end_act() \g /dev/null
SELECT pg_temp.expect(auth.uid() IS NULL, 'no claims, no user') \g /dev/null
SELECT set_config('request.jwt.claim.sub', pg_temp.id('a', 'owner')::text, true) \g /dev/null
SELECT pg_temp.expect(auth.uid() = pg_temp.id('a', 'owner'), 'auth.uid() reads the single claim') \g /dev/null
SELECT set_config('request.jwt.claim.sub', '', true) \g /dev/null

-- Platform staff read every organization, and write none but their own ----------------------------------------------
INSERT INTO user_roles (user_id, role) VALUES (pg_temp.id('x', 'staff'), 'admin');
SELECT pg_temp.act_as(pg_temp.id('x', 'staff')) \g /dev/null
SELECT pg_temp.expect(pg_temp.counted('SELECT DISTINCT organization_id FROM commerce_orders') = 2, 'staff read all orders') \g /dev/null
SELECT pg_temp.expect(pg_temp.counted('SELECT id FROM organizations') = 2, 'staff read all organizations') \g /dev/null
SELECT pg_temp.expect(pg_temp.counted('SELECT id FROM dead_letters') = 2, 'staff read all dead letters') \g /dev/null
SELECT pg_temp.expect(pg_temp.changed('UPDATE commerce_orders SET notes = ''x''') = 0, 'staff change nothing') \g /dev/null
SELECT pg_temp.expect(pg_temp.changed('DELETE FROM commerce_orders') = 0, 'staff delete nothing') \g /dev/null
SELECT pg_temp.expect_error('SELECT access_token_encrypted FROM commerce_integrations', '42501') \g /dev/null
SELECT pg_temp.end_act() \g /dev/null

-- user_roles: one's own, for reading ---------------------------------------------------------------------------------
SELECT pg_temp.act_as(pg_temp.id('a', 'member')) \g /dev/null
SELECT pg_temp.expect(pg_temp.counted('SELECT id FROM user_roles') = 1, 'a member sees the own role only') \g /dev/null
SELECT pg_temp.expect_error(format($$INSERT INTO user_roles (user_id, role) VALUES (%L, 'admin')$$, pg_temp.id('a', 'member')), '42501') \g /dev/null
SELECT pg_temp.expect_error($$UPDATE user_roles SET role = 'admin'$$, '42501') \g /dev/null
SELECT pg_temp.expect_error($$DELETE FROM user_roles$$, '42501') \g /dev/null
SELECT pg_temp.expect_error($$SELECT FROM analytics_pending$$, '42501') \g /dev/null
SELECT pg_temp.expect_error(format('SELECT FROM %I', t), '42501')
FROM unnest('{call_voice_state,call_live_turns,call_recording_copies,dead_letter_retries}'::text[]) t \g /dev/null
SELECT pg_temp.expect(pg_temp.counted('SELECT * FROM calls') > 0 AND pg_temp.counted('SELECT * FROM call_recordings') > 0,
                      'a member reads whole rows of calls and recordings') \g /dev/null

-- Rows get the user's organization by themselves ----------------------------------------------------------------------
INSERT INTO contacts (phone) VALUES ('+14155550100');
INSERT INTO agents (name) VALUES ('Mine');
SELECT pg_temp.expect(pg_temp.counted($$SELECT FROM contacts WHERE phone = '+14155550100'$$) = 1, 'contact is ours') \g /dev/null
SELECT pg_temp.end_act() \g /dev/null

-- Several memberships: the oldest, or the one that the transaction names if it is one of them -------------------------
INSERT INTO organization_members (organization_id, user_id, role, created_at)
    VALUES (pg_temp.id('b', 'org'), pg_temp.id('a', 'member'), 'admin', now() + interval '1 day');
SELECT pg_temp.expect(get_user_organization_id(pg_temp.id('a', 'member')) = pg_temp.id('a', 'org'), 'the oldest membership') \g /dev/null
SELECT pg_temp.expect(get_admin_organization_id(pg_temp.id('a', 'member')) IS NULL, 'no admin there') \g /dev/null
SELECT pg_temp.act_as(pg_temp.id('a', 'member'), pg_temp.id('b', 'org')) \g /dev/null
SELECT pg_temp.expect(get_user_organization_id(pg_temp.id('a', 'member')) = pg_temp.id('b', 'org'), 'the named membership') \g /dev/null
SELECT pg_temp.expect(get_admin_organization_id(pg_temp.id('a', 'member')) = pg_temp.id('b', 'org'), 'admin of the named') \g /dev/null
SELECT pg_temp.expect(pg_temp.counted('SELECT FROM commerce_orders') = 2, 'one tenant at a time') \g /dev/null
SELECT pg_temp.expect(pg_temp.counted(format('SELECT FROM commerce_orders WHERE organization_id = %L', pg_temp.id('b', 'org'))) = 2,
                      'the named tenant''s orders') \g /dev/null
SELECT pg_temp.act_as(pg_temp.id('a', 'owner'), pg_temp.id('b', 'org')) \g /dev/null
SELECT pg_temp.expect(get_user_organization_id(pg_temp.id('a', 'owner')) = pg_temp.id('a', 'org'), 'naming does not make a member') \g /dev/null
SELECT pg_temp.expect(pg_temp.counted(format('SELECT FROM commerce_orders WHERE organization_id = %L', pg_temp.id('b', 'org'))) = 0,
                      'nothing of a tenant that one only names') \g /dev/null
SELECT set_config('request.organization_id', 'not a uuid', true) \g /dev/null
SELECT pg_temp.expect(get_user_organization_id(pg_temp.id('a', 'owner')) = pg_temp.id('a', 'org'), 'nonsense is ignored') \g /dev/null

-- Members are managed by org admins, owners by owners ------------------------------------------------------------------
SELECT pg_temp.act_as(pg_temp.id('a', 'admin')) \g /dev/null
INSERT INTO organization_members (organization_id, user_id) VALUES (pg_temp.id('a', 'org'), pg_temp.id('a', 'new'));
SELECT pg_temp.expect_error(format($$INSERT INTO organization_members (organization_id, user_id, role) VALUES (%L, %L, 'owner')$$,
    pg_temp.id('a', 'org'), pg_temp.id('a', 'newer')), '42501') \g /dev/null
SELECT pg_temp.expect_error(format($$UPDATE organization_members SET role = 'owner' WHERE user_id = %L$$, pg_temp.id('a', 'admin')), '42501') \g /dev/null
SELECT pg_temp.expect(pg_temp.changed($$UPDATE organization_members SET role = 'member' WHERE role = 'owner'$$) = 0, 'an admin demotes no owner') \g /dev/null
SELECT pg_temp.expect(pg_temp.changed($$DELETE FROM organization_members WHERE role = 'owner'$$) = 0, 'an admin removes no owner') \g /dev/null
-- The date of a membership decides which one counts: nobody can backdate one to draw a user over.
SELECT pg_temp.expect_error(format($$INSERT INTO organization_members (organization_id, user_id, created_at) VALUES (%L, %L, '2000-01-01')$$,
    pg_temp.id('a', 'org'), pg_temp.id('b', 'owner')), '42501') \g /dev/null
SELECT pg_temp.expect_error($$UPDATE organization_members SET created_at = '2000-01-01'$$, '42501') \g /dev/null
SELECT pg_temp.act_as(pg_temp.id('a', 'owner')) \g /dev/null
SELECT pg_temp.expect(pg_temp.changed(format($$UPDATE organization_members SET role = 'owner' WHERE user_id = %L$$, pg_temp.id('a', 'admin'))) = 1,
                      'an owner makes an owner') \g /dev/null
SELECT pg_temp.end_act() \g /dev/null

-- The tenant's zone ------------------------------------------------------------------------------------------------------
SELECT pg_temp.expect_error(format($$UPDATE organizations SET timezone = %L$$, z), '22023')
FROM unnest('{Mars/Olympus,IST5,EST5EDT4,"",posixrules,posix/Asia/Kolkata,"Asia/Kolkata5","asia/kolkata; x"}'::text[]) z \g /dev/null
SELECT pg_temp.expect_error($$INSERT INTO organizations (name, timezone) VALUES ('x', 'Nowhere')$$, '22023', 'validation') \g /dev/null
UPDATE organizations SET timezone = 'Europe/Berlin' WHERE id = pg_temp.id('a', 'org');
SELECT pg_temp.act_as(pg_temp.id('a', 'owner')) \g /dev/null
SELECT pg_temp.expect(pg_temp.changed($$UPDATE organizations SET name = 'Renamed', timezone = 'Asia/Kolkata'$$) = 1, 'an owner renames') \g /dev/null
SELECT pg_temp.act_as(pg_temp.id('a', 'new')) \g /dev/null
SELECT pg_temp.expect(pg_temp.changed($$UPDATE organizations SET name = 'Renamed'$$) = 0, 'a member does not') \g /dev/null
SELECT pg_temp.end_act() \g /dev/null
ROLLBACK;
