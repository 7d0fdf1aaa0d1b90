// Poison among good events: what is malformed, what PostgreSQL refuses, and what kills the worker. The good ones are stored, soon
// and all of them; the poison, and only it, becomes a dead letter. RINGBACK is the binary of poisoned.c.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { RINGBACK, exec, get, redis, ringback, settled, sql, start, tenant, until } from './lib/harness.mjs';
import { envelope, partitionOf, Redis } from './lib/stream.mjs';

const SHOP = 'poison-one.myshopify.com', OTHER = 'beside.myshopify.com';
const TRANSACTIONS_MAX = 20; // that a bad event of 500 may cost
const AT = '2026-11-20T03:00:00Z';
let stream, next = 7000001;

before(() => {
  ringback('migrate');
  tenant('One', SHOP);
  tenant('Two', OTHER);
  assert.notEqual(partitionOf(SHOP), partitionOf(OTHER));
  exec(`ALTER TABLE commerce_orders ADD CONSTRAINT no_poison CHECK (source_name IS DISTINCT FROM 'poison')`);
  stream = new Redis(new URL(process.env.RINGBACK_TEST_REDIS_URL).pathname);
});
after(() => stream.close());

const order = (id, more = {}) => ({ id, name: `#${id}`, created_at: AT, updated_at: AT, currency: 'INR', total_price: '1.00', line_items: [], ...more });

/** Appends orders to a shop's partition: entries of `list` are members to add to an order, or a body as it is. Returns the orders' ids. */
async function send(shop, list) {
  const ids = list.map(() => next++);
  await Promise.all(list.map((more, i) => stream.send('XADD', `ringback:{${partitionOf(shop)}}:events`, '*', 'e',
    envelope({ key: shop, topic: 'orders/create', body: typeof more === 'string' ? more : order(ids[i], more), triggered: AT }))));
  return ids;
}

const stored = (ids) => sql(`select 1 from commerce_orders where external_order_id::bigint between ${ids[0]} and ${ids.at(-1)}`).length;
const letters = () => sql('select reason, count(*)::int as n from dead_letters group by 1 order by 1');

/** The sum of a metric's series. */
async function metric(worker, name) {
  const lines = (await get(worker.admin, '/metrics')).text.split('\n').filter((l) => l.startsWith(name));
  return lines.reduce((sum, l) => sum + Number(l.slice(l.lastIndexOf(' ') + 1)), 0);
}

test('a malformed and an impossible event in each 500 cost at most twenty transactions', async () => {
  const list = Array.from({ length: 2000 }, () => ({}));
  for (let block = 0; block < 4; block++) {
    list[block * 500 + [0, 123, 250, 499][block]] = { source_name: 'poison' };
    list[block * 500 + [499, 7, 251, 0][block]] = `{"id": ${block}, `;
  }
  const ids = await send(SHOP, list);
  const worker = await start('worker');
  await settled();
  assert.equal(stored(ids), 2000 - 8);
  assert.deepEqual(letters(), [{ reason: 'constraint_violation', n: 4 }, { reason: 'malformed_body', n: 4 }]);
  const [batches, commits, failures] = await Promise.all(
    ['ringback_worker_batches_total', 'ringback_worker_commit_seconds_count', 'ringback_worker_failures_total'].map((m) => metric(worker, m)));
  assert.ok(failures >= 4);
  assert.ok(commits + failures <= batches + 4 * TRANSACTIONS_MAX, `${commits} commits and ${failures} failures for ${batches} batches`);
  assert.equal(await worker.stop(), 0);
});

test('an event that kills the worker becomes a dead letter by itself, and nothing else does', async () => {
  exec('DELETE FROM dead_letters');
  const behind = Array.from({ length: 20 }, () => ({})), beside = [];
  const ids = await send(SHOP, [...behind, { note: 'this one kills the worker' }, ...behind]);
  let deaths = 0, worker;

  // As any supervisor does: whenever it ends, it is started again. Its leases would run out in ten seconds: that is not what is tested.
  function supervise() {
    worker = spawn(RINGBACK, ['worker'], { env: { ...process.env, RINGBACK_ADMIN_LISTEN: '127.0.0.1:0' }, stdio: 'ignore' });
    worker.once('exit', async (code) => {
      if (code === 0) return;
      deaths++;
      redis('DEL', 'ringback:workers', ...Array.from({ length: 8 }, (_, n) => `ringback:{${n}}:lease`));
      beside.push(...await send(OTHER, [{}]));
      supervise();
    });
  }
  supervise();
  try {
    await until(() => letters().length > 0, 120000, 'the dead letter');
    await settled();
  } finally {
    worker.kill();
    await once(worker, 'exit');
  }
  assert.deepEqual(letters(), [{ reason: 'crashed_worker', n: 1 }]);
  assert.equal(sql('select payload from dead_letters where convert_from(payload, \'UTF8\') like \'%kills the worker%\'').length, 1);
  assert.equal(stored(ids), 40); // before it and behind it
  assert.equal(stored(beside), beside.length); // and in another partition
  assert.equal(deaths, 4); // two with others around it, two alone
});
