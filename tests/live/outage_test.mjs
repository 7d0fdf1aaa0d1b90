// What is away for a while comes back without anybody's help: PostgreSQL, Redis, a worker, a process that is restarted.
//
// RINGBACK_OUTAGE_SECONDS: how long things are away [3]; with 300 the tests take half an hour:
//   RINGBACK_OUTAGE_SECONDS=300 tests/live/with_servers tests/live/outage_test.mjs
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { exec, get, redis, ringback, settled, sign, sql, start, tenant, until, webhook } from './lib/harness.mjs';
import { partitionOf } from './lib/stream.mjs';

const SHOP = 'outage.myshopify.com', PARTITIONS = 8, LEASE_MS = 10000;
const AWAY_MS = Number(process.env.RINGBACK_OUTAGE_SECONDS ?? 3) * 1000;
const shops = Array.from({ length: 12 }, (_, n) => `outage-${n}.myshopify.com`);
let gateway, worker, organization, next = 7000001;

const servers = (...args) => execFileSync(process.env.RINGBACK_SERVERS, args, { stdio: 'ignore' });
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const at = (seconds) => new Date(Date.parse('2026-11-20T03:00:00Z') + seconds * 1000).toISOString();
const order = (id, version = 0, note = null) => ({ id, name: `#${id}`, created_at: at(0), updated_at: at(version), currency: 'INR', current_total_price: `${version}.00`,
  financial_status: 'pending', payment_gateway_names: ['Cash on Delivery (COD)'], note, line_items: [] });
const send = (id, version, { to = gateway.address, shop = SHOP, note } = {}) => webhook(to, version ? 'orders/updated' : 'orders/create', shop, order(id, version, note));
const stored = () => sql(`select external_order_id as id, total_amount as version from commerce_orders where organization_id = '${organization}'`);
const drift = () => sql('select * from rollup_verify()');
const letters = () => sql('select reason, detail from dead_letters');

/** Live updates of orders, oldest first. */
function live() {
  return Array.from({ length: PARTITIONS }, (_, n) => redis('XRANGE', `ringback:{${n}}:live`, '-', '+')).flat().map(([id, f]) => {
    const fields = Object.fromEntries(Array.from({ length: f.length / 2 }, (_, i) => [f[2 * i], f[2 * i + 1]]));
    return { id, table: fields.t, type: fields.e, record: JSON.parse(fields.d) };
  }).filter((u) => u.table === 'commerce_orders');
}

before(async () => {
  ringback('migrate');
  organization = tenant('Outage', SHOP);
  for (const shop of shops) ringback('tenant', 'connect-store', '--organization', organization, '--domain', shop);
  [gateway, worker] = await Promise.all([start('gateway'), start('worker')]);
});
after(async () => {
  for (const p of [gateway, worker]) if (p) assert.equal(await p.stop(), 0);
});

test('PostgreSQL away: events are taken in until Redis is full, then refused; all of them become rows, and there is room again', async (t) => {
  const taken = [], note = () => randomBytes(6000).toString('base64');
  for (let i = 0; i < 100; i++) assert.equal((await send(taken[taken.push(next++) - 1], 0, { note: note() })).status, 200);
  await settled();
  servers('stop', 'postgres');
  for (const end = Date.now() + AWAY_MS; Date.now() < end; await sleep(20)) {
    assert.equal((await send(next, 0)).status, 200);
    taken.push(next++);
  }
  const limit = Number(redis('MEMORY', 'STATS')['total.allocated']) + (2 << 20);
  redis('CONFIG', 'SET', 'maxmemory', String(limit));
  let refused;
  await until(async () => {
    const answer = await send(next, 0, { note: note() });
    if (answer.status === 200) taken.push(next);
    else refused = answer;
    next++;
    return refused;
  }, 30000, 'a full Redis');
  assert.equal(refused.status, 503);
  assert.ok(Number(refused.headers['retry-after']) > 0);
  assert.equal((await get(gateway.admin, '/healthz')).status, 200);
  servers('start', 'postgres');
  const back = Date.now();
  await until(() => stored().length === taken.length, 60000, 'the rows');
  t.diagnostic(`${taken.length} events taken, all stored ${Date.now() - back} ms after PostgreSQL came back`);
  // The history that filled Redis is worth less than what comes in now.
  await until(async () => (await send(next, 0)).status === 200, 60000, 'room');
  taken.push(next++);
  assert.ok(Number(/^ringback_worker_retention_seconds (\S+)/m.exec((await get(worker.admin, '/metrics')).text)[1]) < 86400);
  redis('CONFIG', 'SET', 'maxmemory', '1gb');
  await until(() => stored().length === taken.length, 30000, 'the last row');
  assert.deepEqual(new Set(stored().map((r) => Number(r.id))), new Set(taken));
  assert.deepEqual([letters(), drift()], [[], []]);
});

test('Redis away: 503 at once, and everything goes on by itself', async (t) => {
  const ask = async () => {
    const began = Date.now(), answer = await send(next++, 0);
    return { status: answer.status, ms: Date.now() - began, retry: answer.headers['retry-after'] };
  };
  const before_ = stored().length;
  servers('kill', 'redis');
  const gone = Date.now(), answers = [await ask()];
  for (const end = gone + AWAY_MS; Date.now() < end; await sleep(20)) answers.push(await ask());
  assert.ok(answers.every((a) => a.status === 503 && Number(a.retry) > 0));
  const slowest = Math.max(...answers.map((a) => a.ms));
  t.diagnostic(`killed: ${answers.length} answers 503, the slowest after ${slowest} ms`);
  assert.ok(slowest < 1500, `${slowest} ms`);
  servers('start', 'redis');
  const back = Date.now();
  await until(async () => (await ask()).status === 200, 20000, 'a 200');
  t.diagnostic(`a 200 ${Date.now() - back} ms after Redis came back`);
  servers('pause', 'redis'); // it hangs: nobody can know that at once
  const hangs = await ask();
  const then = await ask();
  servers('resume', 'redis');
  t.diagnostic(`hanging: 503 after ${hangs.ms} ms, the next one after ${then.ms} ms`);
  assert.deepEqual([hangs.status, then.status], [503, 503]);
  assert.ok(hangs.ms < 5000 && then.ms < 3000, `${hangs.ms} and ${then.ms} ms`); // Shopify gives up after 5 s
  await until(async () => (await ask()).status === 200, 20000, 'a 200');
  await until(() => stored().length >= before_ + 2, 30000, 'their rows');
  await settled();
  assert.deepEqual([letters(), drift()], [[], []]);
});

/** A TCP balancer: new connections go to the targets in turn. */
async function balancer(targets) {
  const server = net.createServer((client) => {
    const [host, port] = targets[server.turn++ % targets.length].address.split(':');
    const upstream = net.connect({ host, port });
    client.pipe(upstream).pipe(client);
    for (const [a, b] of [[client, upstream], [upstream, client]]) a.on('error', () => b.destroy()).on('close', () => b.destroy());
  });
  server.turn = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { targets, address: `127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** Sends orders over kept connections until stopped; every answer counts. */
function load(address) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 }), bad = [], sent = [];
  let running = true;
  const [host, port] = address.split(':');
  const one = (id) => new Promise((resolve) => {
    const raw = JSON.stringify(order(id));
    const headers = { 'X-Shopify-Topic': 'orders/create', 'X-Shopify-Shop-Domain': shops[id % shops.length], 'X-Shopify-Hmac-Sha256': sign(raw), 'Content-Length': Buffer.byteLength(raw) };
    http.request({ host, port, method: 'POST', path: '/webhooks/shopify', agent, headers }, (answer) => {
      answer.resume();
      answer.on('end', () => { if (answer.statusCode !== 200) bad.push(answer.statusCode); resolve(); });
    }).on('error', (error) => { bad.push(error.message); resolve(); }).end(raw);
  });
  const lane = async () => { while (running) { await one(sent[sent.push(next++) - 1]); await sleep(10); } };
  const lanes = Array.from({ length: 8 }, lane);
  return { bad, sent, stop: async () => { running = false; await Promise.all(lanes); agent.destroy(); } };
}

test('a rolling restart of every role under load refuses no request and delivers nothing twice', async (t) => {
  const second = { gateway: await start('gateway'), worker: await start('worker'), realtime: await start('realtime') };
  const front = await balancer([gateway, second.gateway]);
  await settled();
  const known = new Set(live().map((u) => u.record.id));
  const traffic = load(front.address);
  await sleep(500);
  for (const n of [0, 1]) {
    const [old] = front.targets.splice(0, 1); // as an orchestrator does: no new connections, then SIGTERM
    assert.equal(await old.stop(), 0);
    front.targets.push(await start('gateway'));
    await sleep(300);
  }
  [gateway, second.gateway] = front.targets;
  assert.equal(await worker.stop(), 0);
  worker = await start('worker');
  await sleep(300);
  assert.equal(await second.worker.stop(), 0);
  assert.equal(await second.realtime.stop(), 0);
  await traffic.stop();
  await settled(60000);
  front.close();
  assert.equal(await second.gateway.stop(), 0);
  assert.deepEqual(traffic.bad, []);
  assert.ok(traffic.sent.length > 100, `${traffic.sent.length} orders`);
  t.diagnostic(`${traffic.sent.length} orders`);
  const rows = new Set(stored().map((r) => Number(r.id)));
  assert.deepEqual(traffic.sent.filter((id) => !rows.has(id)), []);
  // An event that comes again is published again: so each order was delivered once.
  const told = live().filter((u) => !known.has(u.record.id));
  assert.deepEqual([told.length, new Set(told.map((u) => u.record.id)).size], [traffic.sent.length, traffic.sent.length]);
  assert.deepEqual([letters(), drift()], [[], []]);
});

test('another worker takes over a killed one\'s partitions within 15 s', async (t) => {
  const second = await start('worker');
  const owned = async (w) => Number(/^ringback_worker_partitions (\d+)/m.exec((await get(w.admin, '/metrics')).text)[1]);
  await until(async () => await owned(worker) === 4 && await owned(second) === 4, 30000, 'four partitions each');
  await second.stop('SIGKILL');
  const killed = Date.now(), ids = shops.map(() => next++);
  for (const [n, id] of ids.entries()) assert.equal((await send(id, 0, { shop: shops[n] })).status, 200);
  await until(() => sql(`select 1 from commerce_orders where external_order_id::bigint in (${ids})`).length === ids.length, 30000, 'the orders');
  const ms = Date.now() - killed;
  t.diagnostic(`all partitions are worked off again ${ms} ms after the kill`);
  assert.ok(ms < 15000, `${ms} ms`);
  await settled();
});

test('a worker that is stopped for longer than its lease holds nobody up, and does no harm when it wakes', async (t) => {
  const shop = SHOP, partition = partitionOf(SHOP), ids = Array.from({ length: 30 }, () => next++);
  // It is stopped in the middle of sending a transaction: more than the socket takes in, while PostgreSQL waits for a lock.
  worker.child.kill('SIGSTOP');
  for (const id of ids) assert.equal((await send(id, 0, { shop, note: randomBytes(90000).toString('base64') })).status, 200);
  const lock = spawn('psql', [process.env.RINGBACK_TEST_DATABASE_URL, '-Xq', '-c', 'begin; lock table commerce_orders; select pg_sleep(3600)'], { stdio: 'ignore' });
  await until(() => sql(`select 1 from pg_locks l join pg_class c on c.oid = l.relation where c.relname = 'commerce_orders' and l.mode = 'AccessExclusiveLock' and l.granted`).length > 0, 10000, 'the lock');
  worker.child.kill('SIGCONT');
  const holds = () => sql(`select pid from pg_locks where locktype = 'advisory' and classid = 29282 and objid = ${partition} and granted`);
  const [{ pid }] = await until(() => (holds().length > 0 ? holds() : null), 10000, 'the transaction');
  await sleep(500);
  worker.child.kill('SIGSTOP');
  const stoppedAt = Date.now();
  exec(`select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(3600)%' and pid <> pg_backend_pid()`);
  await once(lock, 'exit');
  const second = await start('worker');
  for (const id of ids) assert.equal((await send(id, 1, { shop })).status, 200);
  await until(() => sql(`select 1 from commerce_orders where total_amount = 1 and external_order_id::bigint in (${ids})`).length === ids.length, 30000, 'the newer versions');
  t.diagnostic(`taken over ${Date.now() - stoppedAt} ms after the stop; the session of the stopped worker ${holds().some((h) => h.pid === pid) ? 'is still there' : 'was ended'}`);
  await sleep(Math.max(0, stoppedAt + Math.max(AWAY_MS, LEASE_MS) + 1000 - Date.now()));
  worker.child.kill('SIGCONT');
  const last5 = () => Promise.all(ids.slice(0, 5).map((id) => send(id, 2, { shop })));
  assert.ok((await last5().catch(last5)).every((a) => a.status === 200)); // the kept connections were idle for long
  await settled(60000);
  await sleep(1000);
  await settled(60000);
  const rows = sql(`select external_order_id::bigint as id, total_amount as version from commerce_orders where external_order_id::bigint in (${ids}) order by 1`);
  assert.deepEqual(rows, ids.map((id, n) => ({ id, version: n < 5 ? 2 : 1 })));
  const last = new Map(live().map((u) => [Number(u.record.external_order_id), u.record.total_amount]));
  assert.deepEqual(ids.map((id) => last.get(id)), rows.map((r) => r.version)); // what dashboards show in the end
  assert.deepEqual([letters(), drift()], [[], []]);
  assert.equal(await second.stop(), 0);
});
