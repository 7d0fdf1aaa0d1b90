// A simulated day through the real doors, with calls to the customers: SQL's totals are the simulator's, whatever the order of
// delivery.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { RINGBACK, ringback, sql, start, tenant, until } from './lib/harness.mjs';
import { settings } from './lib/voice.mjs';

const SECRET = 'hush';
const ONE = ['sim-one.myshopify.com', 'sim-two.myshopify.com'];
const TWO = ['sim-three.myshopify.com'];
let all;
let one;
let two;

before(async () => {
  ringback('migrate');
  one = tenant('Simulated one', ONE[0]);
  ringback('tenant', 'connect-store', '--organization', one, '--domain', ONE[1]);
  two = tenant('Simulated two', TWO[0], { timezone: 'Australia/Sydney' });
  all = await start('all', settings);
});

after(async () => {
  if (all) assert.equal(await all.stop(), 0);
});

/** Runs simulate beside us (the test must go on answering) and returns its totals. */
async function simulate(...args) {
  const child = spawn(RINGBACK, ['simulate', '--url', `http://${all.address}`, '--secret', SECRET, '--json', ...args],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...settings } });
  let out = '';
  let errors = '';
  child.stdout.on('data', (d) => { out += d; });
  child.stderr.on('data', (d) => { errors += d; });
  const [code] = await once(child, 'close');
  assert.equal(code, 0, errors);
  return JSON.parse(out);
}

const facts = (domain) => sql(`
  select i.store_domain as domain,
         (select count(*) from commerce_orders o where o.integration_id = i.id) as orders,
         (select count(*) from commerce_orders o where o.integration_id = i.id and o.payment_type = 'cod') as cod_orders,
         (select count(*) from commerce_order_items l join commerce_orders o on o.id = l.order_id
          where o.integration_id = i.id) as items,
         (select coalesce(sum(o.total_amount), 0)::text from commerce_orders o where o.integration_id = i.id) as total_amount,
         (select count(*) from commerce_customers c where c.integration_id = i.id) as customers,
         (select count(*) from commerce_products p where p.integration_id = i.id) as products,
         (select count(*) from commerce_product_variants v join commerce_products p on p.id = v.product_id
          where p.integration_id = i.id) as variants,
         (select count(*) from commerce_abandoned_carts c where c.integration_id = i.id and c.status = 'abandoned') as carts_abandoned,
         (select count(*) from commerce_abandoned_carts c where c.integration_id = i.id and c.status = 'recovered') as carts_recovered,
         (select count(*) from commerce_abandoned_carts c where c.integration_id = i.id and c.status = 'expired') as carts_expired,
         (select coalesce(sum(c.total_value), 0)::text from commerce_abandoned_carts c
          where c.integration_id = i.id and c.status = 'recovered') as revenue_recovered
  from commerce_integrations i where i.store_domain = '${domain}'`)[0];

/** {cod: 3, prepaid: 2 ...} of a column, with a zero for every value that does not occur. */
function counts(table, column, domain, names) {
  const found = Object.fromEntries(sql(`select t.${column}::text as name, count(*) as n from ${table} t
    join commerce_integrations i on i.id = t.integration_id where i.store_domain = '${domain}' group by 1`).map((r) => [r.name, r.n]));
  return Object.fromEntries(names.map((name) => [name, found[name] ?? 0]));
}

const FACTS = ['orders', 'cod_orders', 'items', 'total_amount', 'customers', 'products', 'variants', 'carts_abandoned',
  'carts_recovered', 'carts_expired', 'revenue_recovered'];

const money = (text) => Math.round(Number(text) * 100);

function same(expected) {
  const found = facts(expected.domain);
  return FACTS.every((name) => (name === 'total_amount' || name === 'revenue_recovered'
    ? money(found[name]) === money(expected[name]) : found[name] === expected[name]));
}

/** {answered: 3, busy: 2 ...} of a column of an organization's calls. */
function callCounts(column, organization, names) {
  const found = Object.fromEntries(sql(`select ${column}::text as name, count(*) as n from calls
    where organization_id = '${organization}' and ${column} is not null group by 1`).map((r) => [r.name, r.n]));
  return Object.fromEntries(names.map((name) => [name, found[name] ?? 0]));
}

/** What the database has of an organization's calls, in the words of the simulator's totals. */
function callFacts({ organization_id: id, status, outcome, sentiment }) {
  const [rollup] = sql(`select coalesce(sum(total_calls), 0)::int as calls, coalesce(sum(duration_seconds), 0)::int as seconds,
      coalesce(sum(answered), 0)::int as answered, coalesce(sum(voicemail), 0)::int as voicemail,
      coalesce(sum(negative), 0)::int as negative
    from analytics_call_daily where organization_id = '${id}'`);
  const [facts] = sql(`select count(*)::int as calls, count(*) filter (where attempt_number > 1)::int as later_attempts,
      coalesce(sum(duration_seconds), 0)::int as seconds, count(distinct contact_id)::int as contacts,
      (select count(*)::int from call_transcripts t where t.organization_id = '${id}') as turns,
      (select count(*)::int from call_recordings r where r.organization_id = '${id}') as recordings,
      (select coalesce(sum(cod_confirmed), 0)::int from analytics_outcome_daily d where d.organization_id = '${id}') as cod_confirmed
    from calls where organization_id = '${id}'`);
  return { ...facts, rollup, status: callCounts('status', id, Object.keys(status)),
    outcome: callCounts('outcome', id, Object.keys(outcome)), sentiment: callCounts('sentiment', id, Object.keys(sentiment)) };
}

function callsExpected({ organization_id: id, callbacks, ...expected }) {
  const { calls, seconds, outcome: { answered, voicemail }, sentiment: { negative } } = expected;
  return { ...expected, rollup: { calls, seconds, answered, voicemail, negative } };
}

const sameCalls = (expected) => isDeepStrictEqual(callFacts(expected), callsExpected(expected));

async function compare(result) {
  assert.equal(result.complete, true);
  const organizations = result.calls?.organizations ?? [];
  // What is acknowledged may still be on its way; carts are settled by batches or by the timer.
  await until(() => result.stores.every(same) && organizations.every(sameCalls), 60000, 'the same totals').catch(() => {});
  for (const expected of organizations)
    assert.deepEqual(callFacts(expected), callsExpected(expected), expected.organization_id);
  for (const expected of result.stores) {
    const found = facts(expected.domain);
    for (const name of FACTS) {
      const both = name === 'total_amount' || name === 'revenue_recovered' ? money : (n) => n;
      assert.equal(both(found[name]), both(expected[name]), `${expected.domain} ${name}`);
    }
    const tables = [['commerce_orders', 'payment_type', 'payment_type'], ['commerce_orders', 'financial_status', 'financial_status'],
      ['commerce_orders', 'fulfillment_status', 'fulfillment_status'], ['commerce_orders', 'trigger_ready', 'orders_trigger_ready'],
      ['commerce_abandoned_carts', 'trigger_ready', 'carts_trigger_ready']];
    for (const [table, column, key] of tables)
      assert.deepEqual(counts(table, column, expected.domain, Object.keys(expected[key])), expected[key], `${expected.domain} ${key}`);
  }
  assert.deepEqual(sql('select reason, detail, topic from dead_letters limit 5'), []);
  assert.match(ringback('rollup', 'verify'), /^ok/);
}

const STORES = [...ONE, ...TWO];
// One fixed day: only then is the same seed the same bytes.
const DAY = new Date(Date.now() - 2 * 86400000).toISOString().slice(0, 10);
const play = () => ['--stores', STORES.join(','), '--seed', '41', '--events', '6000', '--day', DAY, '--calls', '80',
  '--providers', 'retell,vapi,twilio', '--organization', `${one},${one},${two}`];

test('a shuffled day with every second event delivered again leaves exactly the simulated totals', async () => {
  const result = await simulate(...play(), '--rate', '800', '--shuffle', '600', '--duplicates', '50');
  assert.ok(result.duplicates > 2000);
  assert.ok(result.calls.organizations.length === 2 && result.calls.calls > 200 && result.calls.cod_confirmed > 50);
  assert.ok(result.totals.carts_recovered > 20 && result.totals.orders_deleted > 0);
  await compare(result);
});

test('the same day delivered once more, in another order, touches no row', async () => {
  const rows = () => ['commerce_orders', 'commerce_order_items', 'commerce_abandoned_carts', 'commerce_customers', 'commerce_products',
    'calls', 'call_transcripts', 'call_recordings', 'contacts', 'analytics_call_daily']
    .map((table) => sql(`select md5(string_agg(t::text, '' order by t::text)) as rows from ${table} t`)[0].rows);
  const first = rows();
  await compare(await simulate(...play(), '--rate', '0', '--shuffle', '3000'));
  assert.deepEqual(rows(), first);
});

test('every row belongs to the organization of its store', () => {
  for (const table of ['commerce_orders', 'commerce_customers', 'commerce_products', 'commerce_abandoned_carts', 'commerce_checkouts'])
    assert.deepEqual(sql(`select 1 from ${table} t join commerce_integrations i on i.id = t.integration_id
      where t.organization_id <> i.organization_id limit 1`), [], table);
  assert.deepEqual(sql(`select 1 from calls c join contacts k on k.id = c.contact_id where k.organization_id <> c.organization_id
    union all select 1 from call_transcripts t join calls c on c.id = t.call_id where t.organization_id <> c.organization_id`), []);
  const byOrganization = sql('select organization_id as id, count(*) as n from commerce_orders group by 1');
  assert.deepEqual(new Set(byOrganization.map((r) => r.id)), new Set([one, two]));
});

test('transcripts are whole, in order, and hold no prompt and no tool', () => {
  assert.deepEqual(sql(`select call_id from call_transcripts group by call_id
    having min(sequence) <> 1 or max(sequence) <> count(*) or bool_or(timestamp is null)`), []);
  assert.deepEqual(sql(`select content from call_transcripts where speaker = 'system' or content like '%You are a friendly agent%' limit 1`), []);
  assert.deepEqual(sql(`select 1 from call_transcripts a join call_transcripts b on b.call_id = a.call_id and b.sequence = a.sequence + 1
    where b.timestamp < a.timestamp limit 1`), []);
});

test('the rollups of each organization are the sums of its own facts', () => {
  for (const organization of [one, two]) {
    const [rollup] = sql(`select coalesce(sum(orders), 0)::int as orders, coalesce(sum(cod_orders), 0)::int as cod_orders,
      coalesce(sum(carts_abandoned), 0)::int as carts_abandoned, coalesce(sum(carts_recovered), 0)::int as carts_recovered
      from analytics_outcome_daily where organization_id = '${organization}'`);
    const [fact] = sql(`select (select count(*)::int from commerce_orders where organization_id = '${organization}') as orders,
      (select count(*)::int from commerce_orders where organization_id = '${organization}' and payment_type = 'cod') as cod_orders,
      (select count(*)::int from commerce_abandoned_carts where organization_id = '${organization}') as carts_abandoned,
      (select count(*)::int from commerce_abandoned_carts where organization_id = '${organization}' and status = 'recovered') as carts_recovered`);
    assert.deepEqual(rollup, fact);
    assert.ok(fact.orders > 0);
  }
});

test('a dashboard sees every order of its organization and none of the other', async () => {
  const user = 'aaaaaaaa-0000-4000-8000-000000000009';
  const [shown, hidden] = ['sim-shown.myshopify.com', 'sim-hidden.myshopify.com'];
  const { organization_id: organization } = JSON.parse(ringback('tenant', 'create', '--name', 'Watched', '--timezone', 'UTC',
    '--owner', user, '--json'));
  ringback('tenant', 'connect-store', '--organization', organization, '--domain', shown);
  ringback('tenant', 'connect-store', '--organization', two, '--domain', hidden);
  const token = ringback('token', '--sub', user).trim();
  const result = await simulate('--stores', `${shown},${hidden}`, '--seed', '77', '--events', '1500', '--rate', '400', '--watch', token);
  await compare(result);
  const [{ orders, orders_deleted: deleted, carts_abandoned: abandoned, carts_recovered: recovered }] = result.stores;
  const [dashboard] = result.dashboards;
  // Deleted orders were shown before they went, unless creation and deletion came in one batch.
  assert.ok(dashboard.orders >= orders && dashboard.orders <= orders + deleted, `${dashboard.orders} of ${orders} orders were shown`);
  assert.ok(dashboard.carts >= abandoned + recovered, `${dashboard.carts} of ${abandoned + recovered} carts were shown`);
  assert.ok(result.dashboard_ms.p50 > 0 && result.dashboard_ms.p50 < 1000, `p50 ${result.dashboard_ms.p50} ms`);
});
