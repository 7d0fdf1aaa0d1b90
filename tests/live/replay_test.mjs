// `ringback replay`: what was accepted goes through the workers again. It brings lost rows back, changes nothing that is there, never
// repeats its own repetitions, and stops where it can go on.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { RINGBACK, exec, get, redis, ringback, settled, sql, start, tenant, until, webhook } from './lib/harness.mjs';
import { callback, retellCall, settings, twilioCall } from './lib/voice.mjs';
import { envelope, partitionOf, Redis } from './lib/stream.mjs';

const ONE = 'replay-one.myshopify.com', TWO = 'replay-two.myshopify.com', OTHER = 'replay-other.myshopify.com';
const CALL = 'replay-call', SILENT = 'replay-silent';
let all, organization, other;

/** Runs to its end: { code, out, error }. */
function run(...args) {
  const r = spawnSync(RINGBACK, ['replay', ...args], { encoding: 'utf8', env: { ...process.env, ...settings } });
  return { code: r.status, out: r.stdout, error: r.stderr };
}
const replay = (...args) => {
  const r = run('--json', ...args);
  assert.equal(r.code, 0, r.error);
  assert.equal(r.error, '', 'no progress where nobody looks');
  return JSON.parse(r.out);
};
const lengths = () => Array.from({ length: 8 }, (_, n) => redis('XLEN', `ringback:{${n}}:events`));
const events = () => lengths().reduce((a, b) => a + b);
const at = (minutes) => new Date(Date.now() + minutes * 60000).toISOString();
const person = (n) => ({ id: 700 + n, first_name: 'Asha', last_name: `No ${n}`, email: `asha${n}@example.com`, phone: `+9198111222${10 + n}`, created_at: at(-90), updated_at: at(-60) });
const order = (n, extra = {}) => ({ id: 9000 + n, name: `#${n}`, created_at: at(-50), updated_at: at(-50), currency: 'INR', current_total_price: `${n}.50`,
  payment_gateway_names: ['cash on delivery'], financial_status: 'pending', customer: person(n), checkout_token: `tok-${n}`,
  line_items: [{ id: 1, product_id: 5, variant_id: 6, title: 'Shawl', quantity: 1, price: `${n}.50` }], ...extra });

/** What the tables say, without what a new row gets anew. */
const LOST = ['commerce_orders', 'commerce_order_items', 'commerce_customers', 'commerce_abandoned_carts', 'commerce_checkouts', 'calls',
  'call_transcripts', 'call_recordings', 'contacts', 'analytics_call_daily', 'analytics_outcome_daily', 'analytics_revenue_daily'];
const OWN = '{id,created_at,updated_at,synced_at,order_id,customer_id,call_id,contact_id,cart_id,recovered_order_id}';
const tables = (hidden = OWN) => {
  const rows = sql(LOST.map((t) => `select '${t}' as tbl, (to_jsonb(t) - '${hidden}'::text[])::text as row from ${t} t`).join(' union all '));
  return Object.fromEntries(LOST.map((t) => [t, rows.filter((r) => r.tbl === t).map((r) => r.row).sort()]));
};

before(async () => {
  ringback('migrate');
  organization = tenant('Replayed', ONE);
  ringback('tenant', 'connect-store', '--organization', organization, '--domain', TWO);
  other = tenant('Left alone', OTHER);
  all = await start('all', settings);
  const send = async (topic, shop, body) => assert.equal((await webhook(all.address, topic, shop, body)).status, 200);
  for (let n = 1; n <= 6; n++) await send('orders/create', ONE, order(n));
  await send('orders/updated', ONE, order(2, { financial_status: 'paid', updated_at: at(-40) }));
  await send('orders/cancelled', ONE, order(3, { cancelled_at: at(-30), updated_at: at(-30) }));
  await send('orders/create', TWO, order(7));
  await send('checkouts/create', TWO, { token: 'left', cart_token: 'left-cart', email: 'left@example.com', phone: '+919811122299', created_at: at(-90), updated_at: at(-80), currency: 'INR', total_price: '3.00', line_items: [] });
  await send('orders/create', OTHER, order(8));
  for (const body of retellCall(CALL, { to: '+919811122211', metadata: { organization_id: organization, payment_type: 'cod' } }))
    assert.equal((await callback(all.address, 'retell', body)).status, 200);
  for (const [i, body] of twilioCall(SILENT).entries()) // what comes after the first names nobody
    assert.equal((await callback(all.address, 'twilio', body, { query: i === 0 ? `organization_id=${organization}` : '' })).status, 200);
  await settled();
  await until(() => tables().commerce_abandoned_carts.length === 1, 10000, 'the cart');
  assert.equal(sql('select 1 from dead_letters').length, 0);
});
after(async () => all && assert.equal(await all.stop(), 0));

test('a dry run tells what it would be, and writes nothing', () => {
  const before_ = lengths();
  const would = replay('--dry-run', '--tenant', ONE);
  assert.deepEqual([would.dry_run, would.complete, would.matched, would.replayed, would.continue_since], [true, true, 8, 0, null]);
  assert.deepEqual(would.topics, [['orders/cancelled', 1], ['orders/create', 6], ['orders/updated', 1]].map(([topic, n]) => ({ source: 'shopify', topic, events: n })));
  assert.equal(would.read, events());
  assert.match(run('--dry-run', '--topic', 'orders/create').out, /^ +8 {2}shopify orders\/create\nwould replay 8 events\n$/);
  assert.deepEqual(lengths(), before_);
});

test('filters: a tenant has the events of its stores and of its calls, also of those that name nobody', () => {
  const count = (...args) => replay('--dry-run', ...args).matched;
  const calls = retellCall(CALL).length + twilioCall(SILENT).length, everything = events();
  assert.equal(count(), everything);
  assert.equal(count('--tenant', organization), 10 + calls);
  assert.equal(count('--tenant', organization, '--source', 'retell'), retellCall(CALL).length);
  assert.equal(count('--tenant', other), 1);
  assert.equal(count('--tenant', OTHER.toUpperCase()), 1);
  assert.equal(count('--key', SILENT), twilioCall(SILENT).length);
  assert.equal(count('--since', '1h'), everything);
  assert.equal(count('--until', '1h'), 0);
  assert.equal(count('--since', '2d', '--until', '1d'), 0);
  const nobody = run('--tenant', '99999999-9999-4999-8999-999999999999');
  assert.equal(nobody.code, 1);
  assert.equal(nobody.error, 'ringback replay: there is no organization 99999999-9999-4999-8999-999999999999\n');
  const wrong = run('--tenant', 'x');
  assert.equal(wrong.code, 2);
  assert.equal(wrong.error.trim().split('\n').length, 1);
});

test('rows that were lost come back exactly; the other tenant keeps its own', async () => {
  const was = tables();
  assert.ok(was.commerce_abandoned_carts.length === 1 && was.call_transcripts.length > 0 && was.analytics_outcome_daily.length > 0);
  exec(`TRUNCATE commerce_orders, commerce_order_items, commerce_customers, commerce_abandoned_carts, commerce_cart_items, commerce_checkouts,
        commerce_checkout_activity, calls, call_transcripts, call_recordings, call_voice_state, call_live_turns, contacts CASCADE`);
  assert.equal(tables().commerce_orders.length, 0);
  const mine = replay('--tenant', organization);
  assert.deepEqual([mine.complete, mine.replayed], [true, mine.matched]);
  await settled();
  assert.deepEqual(sql('select customer_email from commerce_orders where organization_id <> \'' + organization + '\''), []);
  replay('--tenant', OTHER);
  await settled();
  await until(() => tables().commerce_abandoned_carts.length === 1, 10000, 'the cart');
  assert.deepEqual(tables(), was);
  assert.deepEqual(sql('select * from rollup_verify()'), []);
});

test('everything once more, and twice: nothing changes, and repetitions are not repeated', async () => {
  const was = tables('{}'), first = replay();
  await settled();
  const second = replay();
  await settled();
  assert.equal(first.replayed, second.replayed);
  assert.equal(second.copies, first.copies + first.replayed);
  assert.deepEqual(tables('{}'), was);
  assert.deepEqual(sql('select * from rollup_verify()'), []);
  assert.equal(sql('select 1 from dead_letters').length, 0);
});

test('a rate is kept; --limit stops, and --since goes on from there', async () => {
  const began = Date.now();
  assert.ok(replay('--rate', '20/s').replayed >= 20);
  assert.ok(Date.now() - began > 800, `${Date.now() - began} ms`);
  const everything = replay('--dry-run').matched, ids = () => JSON.stringify(lengths());
  let next = at(-120), n = 0, turns = 0;
  for (let one = { complete: false }; !one.complete; turns++) {
    one = replay('--limit', '7', '--since', next);
    n += one.replayed;
    assert.ok(turns < 20 && ids() !== '', 'it ends');
    if (one.replayed < 7) break;
    assert.ok(one.continue_since >= next);
    next = one.continue_since;
  }
  assert.ok(n >= everything, `${n} of ${everything}: at most a millisecond's events are repeated`);
  assert.match(run('--limit', '1').error, /^ringback replay: stopped before the end; go on with --since \S+Z\n$/);
  await settled();
});

test('Ctrl-C stops it between two events, and it says how to go on', async () => {
  const before_ = events();
  const child = spawn(RINGBACK, ['replay', '--rate', '4/s'], { env: { ...process.env, ...settings }, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '', error = '';
  child.stdout.on('data', (d) => { out += d; });
  child.stderr.on('data', (d) => { error += d; });
  await until(() => events() > before_, 10000, 'the first event');
  child.kill('SIGINT');
  const [code] = await once(child, 'close');
  assert.equal(code, 130);
  assert.match(out, /^replayed \d+ events?\n$/);
  assert.equal(events() - before_, Number(/\d+/.exec(out)[0]));
  assert.match(error, /^ringback replay: stopped before the end; go on with --since \S+Z\n$/);
});

test('at a terminal it shows how far it is', () => {
  const shown = execFileSync('script', ['-qec', `'${RINGBACK}' replay --dry-run`, '/dev/null'], { encoding: 'utf8', env: { ...process.env, ...settings } });
  assert.match(shown, /would replay \d+ of \d+ events read, at \d{4}-\d\d-\d\dT/);
});

test('Redis nearly full: it leaves the rest to the gateway; Redis away: one line', async () => {
  const used = redis('MEMORY', 'STATS')['total.allocated'];
  redis('CONFIG', 'SET', 'maxmemory', String(Math.round(used * 1.08)));
  try {
    const before_ = events(), full = run('--json');
    assert.equal(full.code, 1);
    assert.match(full.error, /^ringback replay: Redis is nearly full \(\d+ of \d+ bytes\)[^\n]+\n$/);
    const report = JSON.parse(full.out);
    assert.deepEqual([report.complete, report.replayed], [false, 0]);
    assert.ok(report.continue_since);
    assert.equal(events(), before_);
  } finally {
    redis('CONFIG', 'SET', 'maxmemory', '0');
  }
  const away = spawnSync(RINGBACK, ['replay'], { encoding: 'utf8', env: { ...process.env, RINGBACK_REDIS_URL: 'redis://127.0.0.1:1' } });
  assert.equal(away.status, 1);
  assert.match(away.stderr, /^ringback replay: Redis: cannot be reached[^\n]+\n$/);
});

test('entries that this version cannot read are left out and counted; an older writer\'s are replayed', async () => {
  const stream = new Redis(new URL(process.env.RINGBACK_TEST_REDIS_URL).pathname), key = `ringback:{${partitionOf(ONE)}}:events`;
  const before_ = replay('--dry-run');
  const newer = await stream.send('XADD', key, '*', 'e', envelope({ version: 2, key: ONE, topic: 'orders/create', body: order(20) }));
  await stream.send('XADD', key, '*', 'x', 'no event');
  await stream.send('XADD', key, '*', 'e', envelope({ key: ONE, topic: 'orders/create', body: order(21), id: 'an id' }));
  const now = replay('--dry-run');
  assert.deepEqual([now.unreadable, now.matched], [before_.unreadable + 2, before_.matched + 1]);
  assert.match(run('--dry-run').error, /^ringback replay: 2 entries that this version cannot read were left out\n$/);
  await until(() => sql(`select 1 from commerce_orders where external_order_id = '9021'`).length === 1, 10000, 'the order');
  await stream.send('XACK', key, 'workers', newer);
  await stream.close();
});

test('it needs PostgreSQL only to know a tenant\'s calls', async () => {
  execFileSync(process.env.RINGBACK_SERVERS, ['stop', 'postgres'], { stdio: 'ignore' });
  try {
    assert.equal(replay('--tenant', ONE, '--limit', '1').replayed, 1);
    const r = run('--tenant', organization);
    assert.equal(r.code, 1);
    assert.equal(r.error.trim().split('\n').length, 1, r.error);
  } finally {
    execFileSync(process.env.RINGBACK_SERVERS, ['start', 'postgres'], { stdio: 'ignore' });
  }
  await until(async () => (await get(all.admin, '/readyz')).status === 200, 20000, 'ready again');
  await settled();
});

// ---- dead letters ----------------------------------------------------------------------------------------------------
const LATE = 'replay-late.myshopify.com';
const dlq = (...args) => {
  const r = spawnSync(RINGBACK, ['dlq', ...args], { encoding: 'utf8', env: { ...process.env, ...settings } });
  return { code: r.status, out: r.stdout, error: r.stderr };
};

test('dlq: a letter of nobody is the tenant\'s whose store it is by now; --tenant takes a domain too', async () => {
  for (let n = 31; n <= 34; n++) assert.equal((await webhook(all.address, 'orders/create', LATE, order(n))).status, 200);
  await settled();
  const list = (...args) => JSON.parse(dlq('list', '--json', ...args).out).dead_letters.length;
  assert.deepEqual([list('--tenant', LATE), list('--tenant', organization), list('--tenant', other)], [4, 0, 0]);
  ringback('tenant', 'connect-store', '--organization', organization, '--domain', LATE);
  assert.deepEqual([list('--tenant', LATE), list('--organization', organization), list('--tenant', other)], [4, 4, 0]);
  assert.equal(dlq('list', '--tenant', 'nothing').code, 2);
});

test('dlq: a letter of which no event can be made is not in the way of the others, and said so', async () => {
  exec(`INSERT INTO dead_letters (source, topic, key, reason, payload, headers, last_seen_at) VALUES
        ('shopify', NULL, '${LATE}', 'unknown_shop', '{}', '{}', now() - interval '1 hour'), ('shopify', 'orders/create', '${LATE}', 'unknown_shop', NULL, NULL, now())`);
  const dry = dlq('replay', '--tenant', LATE, '--dry-run');
  assert.match(dry.out, /\nwould replay 5\n$/);
  assert.match(dry.error, /^ringback dlq: 1 of them cannot be replayed: their payload is not kept\n$/);
  await new Promise((r) => setTimeout(r, 1100)); // "no such store" counts for a second
  const r = dlq('replay', '--tenant', LATE, '--json', '--until', '2999-01-01T00:00:00Z');
  assert.equal(r.code, 1);
  assert.deepEqual(JSON.parse(r.out), { replayed: 4, failed: 1, complete: true });
  assert.match(r.error, /^ringback dlq: dead letter \d+ cannot be replayed: [^\n]+\n$/);
  await settled();
  assert.equal(sql(`select 1 from commerce_orders o join commerce_integrations i on i.id = o.integration_id where i.store_domain = '${LATE}'`).length, 4);
});

test('dlq: letters replayed again, and by two people at once, change nothing', async () => {
  const was = tables('{}');
  for (const rounds of [1, 2]) {
    exec(`UPDATE dead_letters SET replayed_at = NULL WHERE key = '${LATE}' AND topic IS NOT NULL`);
    const before_ = events(), both = Array.from({ length: rounds }, () => spawn(RINGBACK, ['dlq', 'replay', '--tenant', LATE, '--topic', 'orders/create'], { env: { ...process.env, ...settings }, stdio: 'ignore' }));
    for (const ended of await Promise.all(both.map((child) => once(child, 'close')))) assert.deepEqual(ended, [0, null]);
    assert.equal(events() - before_, 4, 'each letter once');
    await settled();
    assert.deepEqual(tables('{}'), was);
  }
  assert.deepEqual(sql('select * from rollup_verify()'), []);
});

test('dlq: with Redis full nothing is marked; it says so, also in JSON', async () => {
  exec(`UPDATE dead_letters SET replayed_at = NULL WHERE key = '${LATE}' AND topic IS NOT NULL`);
  redis('CONFIG', 'SET', 'maxmemory', '1');
  try {
    const r = dlq('replay', '--tenant', LATE, '--topic', 'orders/create', '--json');
    assert.equal(r.code, 1);
    assert.deepEqual(JSON.parse(r.out), { replayed: 0, failed: 0, complete: false });
    assert.equal(r.error, 'ringback dlq: Redis is full (maxmemory): it takes no more events\n');
  } finally {
    redis('CONFIG', 'SET', 'maxmemory', '0');
  }
  assert.equal(sql(`select 1 from dead_letters where key = '${LATE}' and replayed_at is null and payload is not null and topic is not null`).length, 4);
});

// ---- what mends itself -----------------------------------------------------------------------------------------------
const lettersOf = (key) => sql(`select attempts, replayed_at is not null as replayed from dead_letters where key = '${key}' order by id`);
const notes = () => sql('select 1 from dead_letter_retries').length;

test('a callback that names nobody waits until its call is known, and is then handled without anybody\'s help', async () => {
  const key = 'mended-recording', bodies = twilioCall(key), query = `organization_id=${organization}`;
  const recording = bodies.find((b) => b.RecordingUrl !== undefined);
  assert.equal((await callback(all.address, 'twilio', recording)).status, 200);
  await until(() => lettersOf(key).length === 1, 10000, 'the letter');
  assert.equal(sql(`select 1 from calls where external_call_id = '${key}'`).length, 0);
  await callback(all.address, 'twilio', bodies.at(-1) === recording ? bodies[0] : bodies.at(-1), { query });
  await until(() => sql(`select 1 from call_recordings r join calls c on c.id = r.call_id where c.external_call_id = '${key}'`).length === 1, 30000, 'the recording');
  await until(() => lettersOf(key)[0].replayed && notes() === 0, 20000, 'its mark');
  assert.deepEqual(lettersOf(key), [{ attempts: 1, replayed: true }]);
});

test('a call of our own, named by the provider after its callback came, mends it too; letters of others wait', async () => {
  const key = 'mended-own', stranger = 'mended-stranger';
  const [form] = twilioCall(key), [foreign] = twilioCall(stranger);
  await callback(all.address, 'twilio', form);
  await callback(all.address, 'twilio', foreign);
  await settled();
  exec(`INSERT INTO calls (organization_id, provider, metadata) VALUES ('${other}', 'twilio', '{"attempt_id": "mend"}');
        UPDATE calls SET external_call_id = '${key}' WHERE metadata ->> 'attempt_id' = 'mend'`);
  await until(() => lettersOf(key)[0].replayed, 30000, 'the letter');
  await settled();
  assert.deepEqual(sql(`select organization_id, status from calls where external_call_id = '${key}'`).map((c) => c.organization_id), [other]);
  assert.deepEqual(lettersOf(stranger), [{ attempts: 1, replayed: false }]);
});

test('notes about letters that are gone, replayed or failed too often go; a hopeless letter is not sent for ever', async () => {
  exec(`INSERT INTO dead_letters (source, topic, key, reason, payload, headers, attempts, last_seen_at) VALUES
          ('twilio', 'callback', 'mended-often', 'unknown_call', 'x', '{}', 10, now() - interval '1 hour'),
          ('twilio', '', 'mended-never', 'unknown_call', 'x', '{}', 1, now() - interval '1 hour');
        INSERT INTO calls (organization_id, provider, external_call_id) VALUES ('${organization}', 'twilio', 'mended-often'), ('${organization}', 'twilio', 'mended-never');
        INSERT INTO dead_letter_retries (letter_id) VALUES (999999999)`);
  await until(() => notes() === 0, 30000, 'no notes');
  assert.deepEqual([lettersOf('mended-often'), lettersOf('mended-never')], [[{ attempts: 10, replayed: false }], [{ attempts: 1, replayed: false }]]);
});

test('a letter and a call that did not see each other: no note, and yet it is mended', async () => {
  const key = 'mended-race';
  exec(`INSERT INTO calls (organization_id, provider, external_call_id) VALUES ('${organization}', 'twilio', '${key}')`);
  const body = new URLSearchParams(twilioCall(key)[0]).toString();
  exec(`INSERT INTO dead_letters (source, topic, key, reason, payload, headers) VALUES ('twilio', 'callback', '${key}', 'unknown_call', '${body}',
        '{"content-type": "application/x-www-form-urlencoded"}')`);
  assert.equal(notes(), 0);
  await until(() => lettersOf(key)[0].replayed, 30000, 'the letter');
  await settled();
  assert.ok(sql(`select status from calls where external_call_id = '${key}'`)[0].status);
  const { text } = await get(all.admin, '/metrics');
  assert.match(text, /^ringback_worker_mended_total [1-9]/m);
  assert.match(text, /^ringback_worker_deadlocks_total 0/m);
});
