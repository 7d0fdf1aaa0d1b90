// tenant, rollup and doctor: what operators do, and what they are told when something is wrong.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import net from 'node:net';
import { before, test } from 'node:test';
import { RINGBACK, exec, ringback, sql } from './lib/harness.mjs';

const OWNER = '22222222-2222-4222-8222-222222222222';
const KEY = Buffer.alloc(32, 7).toString('base64');

/** Runs without throwing: { code, out, error }. */
function run(args, { env = {}, input } = {}) {
  const r = spawnSync(RINGBACK, args, { env: { ...process.env, RINGBACK_ENCRYPTION_KEY: KEY, ...env }, encoding: 'utf8', input });
  return { code: r.status, out: r.stdout, error: r.stderr };
}

const create = (...args) => run(['tenant', 'create', '--json', ...args]);
const connect = (...args) => run(['tenant', 'connect-store', '--json', ...args]);

before(() => ringback('migrate'));

test('tenant create makes an organization with its owner and the plan\'s campaigns, paused, each with its agent', () => {
  const made = JSON.parse(create('--name', 'Acme "1"', '--timezone', 'Asia/Kolkata', '--owner', OWNER).out);
  assert.equal(made.created, true);
  assert.equal(made.timezone, 'Asia/Kolkata');
  assert.deepEqual(sql(`select user_id, role from organization_members where organization_id = '${made.organization_id}'`),
    [{ user_id: OWNER, role: 'owner' }]);
  const campaigns = sql(`select c.name, c.status, c.schedule, c.settings, a.name as agent, a.status as agent_status
    from campaigns c join campaign_agents l on l.campaign_id = c.id and l.is_primary join agents a on a.id = l.agent_id
    where c.organization_id = '${made.organization_id}' order by c.name`);
  assert.deepEqual(campaigns.map((c) => [c.name, c.status, c.agent, c.agent_status]), [
    ['Abandoned Cart Recovery', 'paused', 'Cart Recovery Agent', 'active'],
    ['Order Confirmation', 'paused', 'Order Confirmation Agent', 'active'],
  ]);
  assert.equal(campaigns[1].schedule.timezone, 'Asia/Kolkata');
  assert.equal(campaigns[1].schedule.start_time, '09:00');
  assert.deepEqual(campaigns[1].settings, { max_attempts: 3, call_recording: true, retry_delay_minutes: 60 });
});

test('tenant create said twice leaves one organization, and brings back nothing that was removed', () => {
  const args = ['--name', 'Twice', '--timezone', 'UTC', '--owner', OWNER];
  const first = JSON.parse(create(...args).out);
  exec(`update campaigns set deleted_at = now() where organization_id = '${first.organization_id}' and name = 'Order Confirmation'`);
  const second = JSON.parse(create(...args).out);
  assert.equal(second.created, false);
  assert.equal(second.organization_id, first.organization_id);
  assert.equal(sql(`select 1 from campaigns where organization_id = '${first.organization_id}'`).length, 2);
  assert.equal(second.campaigns.length, 1);
});

test('tenant create names what is wrong', () => {
  const cases = [
    [['--timezone', 'UTC', '--owner', OWNER], /--name/],
    [['--name', 'x', '--owner', OWNER], /--timezone/],
    [['--name', 'x', '--timezone', 'UTC', '--owner', 'me'], /--owner "me" is not a UUID/],
    [['--name', 'x', '--timezone', 'Mars/Olympus', '--owner', OWNER], /Mars\/Olympus/],
    [['--name', 'x', '--timezone', 'UTC', '--owner', OWNER, '--color', 'red'], /--color/],
  ];
  for (const [args, message] of cases) {
    const { code, error } = create(...args);
    assert.notEqual(code, 0, String(message));
    assert.match(error, message);
    assert.equal(error.trim().split('\n').length, 1, error);
  }
  assert.deepEqual(sql("select name from organizations where name = 'x'"), []);
});

test('connect-store seals a store\'s own secret, keeps it when it is not named again, and keeps domains apart', () => {
  const [a, b] = ['One', 'Two'].map((name) => JSON.parse(create('--name', name, '--timezone', 'UTC', '--owner', OWNER).out).organization_id);
  const row = () => sql("select status, store_name, webhook_status, webhook_secret_encrypted as secret from commerce_integrations where store_domain = 'acme-ops.myshopify.com'");
  const first = JSON.parse(connect('--organization', a, '--domain', 'Acme-Ops.MyShopify.com', '--name', 'Acme', '--secret', 'own secret').out);
  assert.equal(first.created, true);
  const [{ secret, ...rest }] = row();
  assert.deepEqual(rest, { status: 'connected', store_name: 'Acme', webhook_status: 'active' });
  assert.match(secret, /^v1:/);
  assert.ok(!secret.includes('own secret') && !secret.includes(Buffer.from('own secret').toString('base64')));

  const again = JSON.parse(connect('--organization', a, '--domain', 'acme-ops.myshopify.com').out);
  assert.deepEqual([again.created, again.integration_id], [false, first.integration_id]);
  assert.equal(row()[0].secret, secret);
  assert.equal(row()[0].store_name, 'Acme');

  const other = connect('--organization', b, '--domain', 'acme-ops.myshopify.com');
  assert.equal(other.code, 1);
  assert.match(other.error, /connected to another organization/);

  exec("update commerce_integrations set status = 'disconnected' where store_domain = 'acme-ops.myshopify.com'");
  assert.equal(JSON.parse(connect('--organization', b, '--domain', 'acme-ops.myshopify.com').out).created, true);
  assert.equal(connect('--organization', a, '--domain', 'acme-ops.myshopify.com').code, 1);
});

test('connect-store names what is wrong', () => {
  const organization = JSON.parse(create('--name', 'Three', '--timezone', 'UTC', '--owner', OWNER).out).organization_id;
  const domain = ['--domain', 'three-ops.myshopify.com'];
  for (const bad of ['three', 'three.example.com', '-x.myshopify.com', 'a b.myshopify.com', 'a/b.myshopify.com', '.myshopify.com'])
    assert.match(connect('--organization', organization, '--domain', bad).error, /is not a store's domain/, bad);
  assert.match(connect('--organization', OWNER, ...domain).error, /there is no organization/);
  assert.match(connect('--organization', organization, ...domain, '--secret', '').error, /secret is empty/);
  const keyless = run(['tenant', 'connect-store', '--organization', organization, ...domain, '--secret-stdin'],
    { env: { RINGBACK_ENCRYPTION_KEY: '' }, input: 'x\n' });
  assert.equal(keyless.code, 2);
  assert.match(keyless.error, /RINGBACK_ENCRYPTION_KEY/);
  assert.equal(run(['tenant', 'connect-store', '--organization', organization, ...domain, '--secret-stdin'], { input: 'from a pipe\n' }).code, 0);
});

test('rollup verify finds what somebody changed behind its back, and rebuild mends it', () => {
  const { organization_id: organization } = JSON.parse(create('--name', 'Drift', '--timezone', 'UTC', '--owner', OWNER).out);
  const { integration_id: integration } = JSON.parse(connect('--organization', organization, '--domain', 'drift-ops.myshopify.com').out);
  exec(`insert into commerce_orders (organization_id, integration_id, external_order_id, total_amount, currency, payment_type, order_created_at)
    values ('${organization}', '${integration}', '1', 10, 'INR', 'cod', now())`);
  assert.deepEqual(JSON.parse(ringback('rollup', 'verify', '--json')), { drift: [] });
  exec(`update analytics_outcome_daily set orders = orders + 1 where organization_id = '${organization}'`);
  const drift = run(['rollup', 'verify', '--json']);
  assert.equal(drift.code, 1);
  assert.equal(JSON.parse(drift.out).drift.length, 1);
  assert.match(run(['rollup', 'verify']).out, /^drift: /);
  assert.equal(run(['rollup', 'rebuild']).code, 0);
  assert.equal(run(['rollup', 'verify']).code, 0);
  assert.equal(run(['rollup', 'hope']).code, 2);
});

/** doctor's findings; `env` changes the settings. */
function doctor(env = {}) {
  const r = run(['doctor', '--json'], { env: { RINGBACK_SHOPIFY_API_SECRET: 'hush', RINGBACK_JWT_SECRET: 'a secret for tests that is long enough',
    RINGBACK_LISTEN: '127.0.0.1:0', RINGBACK_ADMIN_LISTEN: '127.0.0.1:0', ...env } });
  return { code: r.code, findings: JSON.parse(r.out).findings, ok: JSON.parse(r.out).ok };
}
const fails = (r) => r.findings.filter((f) => f.finding === 'fail').map((f) => `${f.what}: ${f.text}`);

test('doctor finds nothing to mend but what the test server really lacks', () => {
  const r = doctor();
  // with_servers runs PostgreSQL without fsync unless it is told to measure.
  const expected = process.env.RINGBACK_TEST_DURABLE ? [] : ['durability: fsync is off: a power cut destroys the database'];
  assert.deepEqual(fails(r), expected);
  assert.equal(r.code, expected.length === 0 ? 0 : 1);
  for (const what of ['settings', 'open files', 'port', 'postgresql', 'rights', 'schema', 'redis'])
    assert.ok(r.findings.some((f) => f.what === what && f.finding === 'ok'), what);
  for (const f of r.findings) if (f.finding !== 'ok') assert.ok(f.advice.length > 0, f.text);
});

test('doctor says what is wrong with servers, schema, ports and settings', async () => {
  const nowhere = doctor({ RINGBACK_DATABASE_URL: 'postgresql://nobody:hidden@127.0.0.1:1/x', RINGBACK_REDIS_URL: 'redis://:hidden@127.0.0.1:1' });
  assert.equal(nowhere.code, 1);
  assert.equal(fails(nowhere).filter((t) => /cannot be reached/.test(t)).length, 2);
  assert.ok(!JSON.stringify(nowhere).includes('hidden'));

  const empty = process.env.RINGBACK_TEST_DATABASE_URL.replace('ringback_test', 'postgres');
  assert.match(fails(doctor({ RINGBACK_DATABASE_URL: empty })).join(), /no schema yet/);

  exec("insert into supabase_migrations.schema_migrations (version, name) values ('99991231000000', 'future')");
  try {
    assert.match(fails(doctor()).join(), /newer than this binary/);
  } finally {
    exec("delete from supabase_migrations.schema_migrations where version = '99991231000000'");
  }

  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((r) => server.once('listening', r));
  const taken = `127.0.0.1:${server.address().port}`;
  assert.match(fails(doctor({ RINGBACK_LISTEN: taken })).join(), new RegExp(`${taken} is taken`));
  server.close();

  assert.match(run(['doctor'], { env: { RINGBACK_ENCRYPTION_KEY: 'c2hvcnQ=' } }).error, /RINGBACK_ENCRYPTION_KEY/);
  assert.ok(doctor({ RINGBACK_JWT_SECRET: '' }).findings.some((f) => f.finding === 'warn' && /JWT_SECRET/.test(f.advice)));
});

test('doctor says what is wrong with a Redis that would lose events', () => {
  const set = (name, value) => spawnSync('redis-cli', ['-s', process.env.RINGBACK_TEST_REDIS_URL.slice('unix://'.length), 'config', 'set', name, value]);
  const cases = [['appendfsync', 'everysec', 'always', /appendfsync is everysec/], ['appendonly', 'no', 'yes', /appendonly is no/],
    ['maxmemory-policy', 'allkeys-lru', 'noeviction', /throws accepted events away/]];
  for (const [name, bad, good, message] of cases) {
    set(name, bad);
    try {
      assert.match(fails(doctor()).join(), message);
    } finally {
      set(name, good);
    }
  }
});
